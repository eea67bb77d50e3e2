"""The page's files, and the stream of what it shows."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from limpet.emulator.dashboard.snapshot import choices, snapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from limpet.emulator.admin.base import Api
    from limpet.emulator.world.state import World

FRAME_SECONDS = 0.2
"""At most so often the page is told anew: a busy VM asks a hundred times a second."""
SHARE = 10
"""A page that is slow to make is made more rarely: the fabric has other things to do."""
SIGN_OF_LIFE_SECONDS = 5.0
RETRY_MILLISECONDS = 1000
LONGEST_NAME = 200

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/dashboard/page.css": ("page.css", "text/css; charset=utf-8"),
    "/dashboard/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/dashboard/icon.svg": ("icon.svg", "image/svg+xml"),
}


def page_routes() -> list[Route]:
    """The routes of the page's files; they are read once."""
    return [_route(path, name, media) for path, (name, media) in FILES.items()]


async def dashboard(api: Api, request: Request) -> Response:
    """What the page shows, as server-sent events: the whole of it whenever it changes."""
    chosen = request.query_params.get("vm")
    return StreamingResponse(
        _stream(api, None if chosen is None else chosen[:LONGEST_NAME]),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


def _route(path: str, name: str, media: str) -> Route:
    content = files(__package__).joinpath(name).read_bytes()
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}

    async def endpoint(_request: Request) -> Response:
        return Response(content, media_type=media, headers=headers)

    return Route(path, endpoint, methods=["GET"], name=name)


async def _stream(api: Api, chosen: str | None) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MILLISECONDS}\n\n" + _event("choices", {**choices(), "started": api.started})
    shown, world = "", None
    while True:
        if world is not (world := api.fabric.world):
            began = api.fabric.clock.elapsed()
            content = json.dumps(snapshot(world, chosen, api.services()), allow_nan=False)
            if content != shown:
                shown = content
                yield f"event: page\ndata: {_dated(api, content)}\n\n"
            await asyncio.sleep(max(FRAME_SECONDS, SHARE * (api.fabric.clock.elapsed() - began)))
            continue
        changed = await api.fabric.until(_other_than(world), SIGN_OF_LIFE_SECONDS)
        if changed is None:
            yield _event("still", {"now": api.now})


def _dated(api: Api, content: str) -> str:
    # The time goes before the rest: it would otherwise make every content differ from the one before.
    return f'{{"now": {api.now!r}, {content[1:]}'


def _event(kind: str, value: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(value)}\n\n"


def _other_than(world: World | None) -> Any:
    return lambda now: True if now is not world else None
