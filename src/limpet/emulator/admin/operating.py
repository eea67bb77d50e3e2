"""Operations on the fabric as a whole: packages, ports, events."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from limpet.emulator.admin.base import Api, answer, body, bounded
from limpet.emulator.admin.problems import Problem
from limpet.emulator.admin.reading import Member
from limpet.emulator.exchange import Service
from limpet.emulator.storage.hosting import HostingRefused, host_package, hosted_by, package_path
from limpet.emulator.world.state import events_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request

    from limpet.emulator.events import Event

LARGEST_PACKAGE = 200 * 1024 * 1024
KEEP_ALIVE_SECONDS = 15.0

SERVICE: tuple[Member, ...] = (
    Member(
        name="open",
        type="boolean",
        required=True,
        about="false: connections are refused, as by a closed port",
    ),
)


async def upload_package(api: Api, request: Request) -> Response:
    """Host a handler's package."""
    content = await bounded(request, LARGEST_PACKAGE)
    query = request.query_params
    try:
        package = await asyncio.to_thread(
            api.read_package, content, name=query.get("name"), version=query.get("version")
        )
        api.fabric.update(lambda world: host_package(world, package, api.now))
    except (ValueError, HostingRefused) as error:
        raise Problem(
            422,
            str(error),
            where="body",
            todo="send a zip with HandlerManifest.json; name and version in the query",
        ) from error
    offer = hosted_by(api.fabric.world, package.name)
    settings = api.fabric.world.settings
    return answer(
        {
            "name": package.name,
            "version": str(package.version),
            "size": len(content),
            "url": settings.blob_url(package_path(package)),
            "manifest": offer.manifest if offer else None,
        },
        201,
    )


async def packages(api: Api, _request: Request) -> Response:
    """Every hosted package."""
    world = api.fabric.world
    return answer(
        [
            {
                "name": package.name,
                "version": str(package.version),
                "size": len(package.zip_bytes),
                "url": world.settings.blob_url(package_path(package)),
            }
            for package in world.packages
        ]
    )


async def fabric(api: Api, _request: Request) -> Response:
    """The fabric's services and settings."""
    settings = api.fabric.world.settings
    return answer(
        {
            "endpoint": settings.endpoint,
            "storage": settings.storage,
            "auto": settings.auto,
            "strict": settings.strict,
            "fastTrack": settings.fast_track,
            "hostPluginVersion": settings.host_plugin_version,
            "services": api.services(),
        }
    )


async def set_service(api: Api, request: Request) -> Response:
    """Close a service's ports or open them again."""
    name = request.path_params["service"]
    try:
        service = Service(name)
    except ValueError as error:
        known = ", ".join(service.value for service in Service)
        raise Problem(
            404, f"there is no service {name[:60]!r}", where="path", todo=f"one of {known}"
        ) from error
    wanted = (await body(request, SERVICE)).get("open")
    if not api.ports.addresses(service):
        raise Problem(
            409, f"{name} is not served", where="path", todo="start the emulator with an address for it"
        )
    try:
        await api.ports.set_open(service, wanted)
    except OSError as error:
        raise Problem(409, str(error), where="path", todo="see what else uses the address") from error
    api.fabric.update(lambda world: world.tell(api.now, "service", None, service=name, open=wanted))
    return answer(api.service(service))


async def events(api: Api, request: Request) -> Response:
    """Everything that happens, as server-sent events; resumes after Last-Event-ID."""
    last = request.headers.get("last-event-id") or request.query_params.get("after")
    seen = api.fabric.world.events.ring.seen
    if last is not None and not last.isdecimal():
        raise Problem(
            422, f"{last[:40]!r} is no event's id", where="Last-Event-ID", todo="give a number, or nothing"
        )
    start = seen if last is None else min(int(last[:20]), seen)
    return StreamingResponse(
        _stream(api, start), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _stream(api: Api, last: int) -> AsyncIterator[str]:
    yield f": events after {last}\n\n"
    while True:
        fresh = await api.fabric.until(partial(events_after, last), KEEP_ALIVE_SECONDS)
        if fresh is None:
            yield ": still here\n\n"
            continue
        # One write for all of them: a reader that has gone is noticed between writes only.
        yield "".join(_words(fresh, last))
        last = fresh[-1].id


def _words(fresh: tuple[Event, ...], last: int) -> Iterator[str]:
    if fresh[0].id > last + 1:
        # The reader was slower than the ring is long: say so rather than pretend.
        yield f"event: lost\ndata: {json.dumps({'from': last + 1, 'to': fresh[0].id - 1})}\n\n"
    for event in fresh:
        yield f"id: {event.id}\nevent: {event.kind}\ndata: {json.dumps(event.as_json())}\n\n"
