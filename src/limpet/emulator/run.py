"""The emulator as a process: builds the fabric, opens its ports, tells what happens, ends on a signal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from limpet.emulator.admin.app import create_app
from limpet.emulator.admin.base import Api
from limpet.emulator.certificates.pki import Sealer, encrypt_for, new_tenant_certificate
from limpet.emulator.clock import SystemClock
from limpet.emulator.dhcp.server import DhcpServer
from limpet.emulator.exchange import Service
from limpet.emulator.fabric import Fabric
from limpet.emulator.listening import HostPort, admin_socket, explained, page_socket, page_url
from limpet.emulator.narration import line
from limpet.emulator.opening_moves import play
from limpet.emulator.server import FabricServer, Listen
from limpet.emulator.storage.packages import read_package
from limpet.emulator.world.state import World, events_after
from limpet.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from starlette.applications import Starlette

    from limpet.emulator.scenario import Scenario
    from limpet.emulator.world.state import Settings

STORAGE_ON_WIRE_SERVER = "/storage"
"""Where blobs are when they have no port of their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to serve.

    listens: by service; a service that is absent has no port. settings: endpoint and storage are filled in from the ports.
    dashboard: a second address for the admin API and its page, or the number of a socket that listens already.
    scenarios: played in order before the emulator is ready. dhcp: the interface it is served on, if at all. as_json: events as JSON lines instead of words.
    """

    listens: Mapping[Service, HostPort]
    admin: HostPort | Path
    settings: Settings
    dashboard: HostPort | int | None = None
    scenarios: tuple[Scenario, ...] = ()
    dhcp: str | None = None
    as_json: bool = False


async def serve(options: Options) -> None:
    """Serve until SIGINT or SIGTERM. Raises: ConfigurationError."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock = SystemClock()
    # Nobody is let in before the world stands: their first goal state would not be the scenario's.
    world = World(settings=replace(options.settings, auto=False))
    fabric = Fabric(world, clock=clock, sealer=Sealer(clock), new_certificate=new_tenant_certificate)
    server = FabricServer(
        fabric,
        [Listen(service=service, host=at.host, port=at.port) for service, at in options.listens.items()],
        None if options.dhcp is None else DhcpServer(fabric, options.dhcp),
    )
    try:
        await _open(server)
        settings = _addressed(options.settings, server)
        fabric.update(lambda world: replace(world, settings=replace(settings, auto=False)))
        app = create_app(Api(fabric, server, encrypt=encrypt_for, read_package=read_package))
        await play(app, options.scenarios)
        with admin_socket(options.admin) as (listener, admin), page_socket(options.dashboard) as more:
            fabric.update(lambda world: replace(world, settings=settings))
            pages = [page_url(each) for each in (*more, listener) if each.family != socket.AF_UNIX]
            ready = _ready(fabric.world, server, admin, pages[0] if pages else None)
            _say(json.dumps(ready) if options.as_json else _ready_words(ready))
            await _until(stop, _admin(app, [listener, *more]), _narrate(fabric, as_json=options.as_json))
    finally:
        await server.close()


async def _open(server: FabricServer) -> None:
    try:
        await server.start()
    except OSError as error:
        reason = explained(error.__cause__) if isinstance(error.__cause__, OSError) else ""
        raise ConfigurationError(f"{str(error).split(': ', 1)[0]}: {reason or error}") from error


def _addressed(settings: Settings, server: FabricServer) -> Settings:
    """The settings with the addresses as they really are."""
    host, port = server.addresses(Service.WIRE_SERVER)[0]
    endpoint = host if port == 80 else str(HostPort(host=host, port=port))
    settings = replace(settings, endpoint=endpoint)
    storage = f"http://{settings.wire_server}{STORAGE_ON_WIRE_SERVER}"
    if own := server.addresses(Service.STORAGE):
        storage = f"http://{HostPort(host=own[0][0], port=own[0][1])}"
    return replace(settings, storage=storage)


async def _until(stop: asyncio.Event, *work: Any) -> None:
    """Do the work until `stop`; what it raises ends it."""
    tasks = [asyncio.create_task(each) for each in work]
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (stopped, *tasks):
            task.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)


class _AdminServer(uvicorn.Server):
    """Signals are the whole program's, not the admin API's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _admin(app: Starlette, listeners: list[socket.socket]) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        http="h11",
        timeout_graceful_shutdown=1,  # event streams do not end by themselves
    )
    server = _AdminServer(config)
    serving = asyncio.create_task(server.serve(sockets=listeners))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving


async def _narrate(fabric: Fabric, *, as_json: bool) -> None:
    last = 0
    while True:
        fresh = await fabric.until(partial(events_after, last))
        for event in fresh or ():
            _say(json.dumps(event.as_json()) if as_json else line(event))
            last = event.id


def _ready(world: World, server: FabricServer, admin: str, dashboard: str | None) -> dict[str, Any]:
    services = {
        service.value: [str(HostPort(host=host, port=port)) for host, port in server.addresses(service)]
        for service in Service
    }
    return {
        "kind": "ready",
        "admin": admin,
        "dashboard": dashboard,
        "endpoint": world.settings.endpoint,
        "storage": world.settings.storage,
        "strict": world.settings.strict,
        "fastTrack": world.settings.fast_track,
        "auto": world.settings.auto,
        "services": services,
        "vms": {vm.name: vm.address for vm in world.vms.values()},
        "packages": [f"{package.name} {package.version}" for package in world.packages],
    }


def _ready_words(ready: dict[str, Any]) -> str:
    services = {name: ", ".join(addresses) or "none" for name, addresses in ready["services"].items()}
    lines = {
        **services,
        "storage": services["storage"] if services["storage"] != "none" else ready["storage"],
        "admin": ready["admin"],
        "VMs": ", ".join(f"{name} at {address}" for name, address in ready["vms"].items())
        or ("whoever asks" if ready["auto"] else "none"),
        "packages": ", ".join(ready["packages"]) or "none",
        "dashboard": ready["dashboard"] or "none: give it an address with --dashboard",
    }
    return "\n".join(["The fabric is ready.", *(f"  {name:<12} {text}" for name, text in lines.items())])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
