"""GET /docs: the reference as a page that comes from this server alone, and may ask nothing of any other."""

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

PAGE = files("domov.api.reference")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def router() -> APIRouter:
    routes = APIRouter()

    @routes.get("/docs", include_in_schema=False)
    def page() -> Response:
        return _part("page.html", "text/html; charset=utf-8")

    @routes.get("/docs/page.css", include_in_schema=False)
    def style() -> Response:
        return _part("page.css", "text/css; charset=utf-8")

    @routes.get("/docs/page.js", include_in_schema=False)
    def script() -> Response:
        return _part("page.js", "text/javascript; charset=utf-8")

    return routes


def _part(name: str, media_type: str) -> Response:
    return Response(PAGE.joinpath(name).read_bytes(), headers=HEADERS, media_type=media_type)
