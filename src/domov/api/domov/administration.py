"""All routes by which people log in and a server is administered, as one router."""

from fastapi import APIRouter

from domov.api.domov import audit, backup, oidc, own_keys, people, session, settings, setup
from domov.app import App


def router(domov: App) -> APIRouter:
    routes = APIRouter()
    for room in (session, own_keys, setup, people, audit, backup, oidc, settings):
        routes.include_router(room.router(domov))
    return routes
