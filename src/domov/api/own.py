"""Domov's own API beside the dialects: models and their downloads, what was used, what left this computer."""

from fastapi import APIRouter

from domov.api import catalogue, downloads, privacy, usage
from domov.app import App


def router(domov: App) -> APIRouter:
    routes = APIRouter()
    for part in (catalogue, downloads, usage, privacy):
        routes.include_router(part.router(domov))
    return routes
