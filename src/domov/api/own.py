"""Domov's own API beside the dialects: the machine, models, what was used, what left this computer."""

from fastapi import APIRouter

from domov.api import catalogue, downloads, privacy, usage
from domov.api.domov import machine
from domov.api.live import Live
from domov.app import App


def router(domov: App, live: Live) -> APIRouter:
    routes = APIRouter()
    routes.include_router(machine.router(domov, live))
    for part in (catalogue, downloads, usage, privacy):
        routes.include_router(part.router(domov))
    return routes
