"""The admin API as an ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from limpet.emulator.admin import openapi
from limpet.emulator.admin.guarding import Guarded
from limpet.emulator.admin.operations import OPERATIONS
from limpet.emulator.admin.problems import Problem
from limpet.emulator.dashboard.serving import page_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from limpet.emulator.admin.base import Api
    from limpet.emulator.admin.paths import Operation


def create_app(api: Api) -> Starlette:
    """The application; everything it can do is in the table of operations."""
    document = openapi.document(OPERATIONS)

    async def described(_request: Request) -> Response:
        return JSONResponse(document)

    routes = [
        Route(operation.path, _endpoint(operation, api), methods=[operation.method], name=operation.name)
        for operation in OPERATIONS
    ]
    return Starlette(
        routes=[*routes, Route("/openapi.json", described, methods=["GET"]), *page_routes()],
        middleware=[Middleware(Guarded)],
        exception_handlers={Problem: _problem, HTTPException: _refused, Exception: _failed},
    )


def _endpoint(operation: Operation, api: Api) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await operation.handler(api, request)

    return endpoint


async def _problem(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return JSONResponse(error.as_json(), status_code=error.status)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    todo = "GET /openapi.json describes every operation"
    what = f"{request.method} {request.url.path[:200]} is not an operation"
    return JSONResponse(Problem(status, what, where="path", todo=todo).as_json(), status_code=status)


async def _failed(request: Request, error: Exception) -> Response:
    what = f"{request.method} {request.url.path[:200]} failed: {type(error).__name__}: {error}"
    todo = "this is a defect of the emulator: please report it"
    return JSONResponse(Problem(500, what, where="path", todo=todo).as_json(), status_code=500)
