"""What the operations of the admin API work with, and what they share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import JSONResponse

from limpet.emulator.admin.problems import Problem
from limpet.emulator.admin.reading import LARGEST_BODY, Body, Member, read_object
from limpet.emulator.exchange import Service
from limpet.emulator.world.state import UnknownVm

if TYPE_CHECKING:
    from starlette.requests import Request

    from limpet.emulator.admin.publishing import Encrypt
    from limpet.emulator.fabric import Fabric
    from limpet.emulator.storage.packages import HostedPackage
    from limpet.emulator.world.vm import VirtualMachine


_NUMBER = re.compile(r"[0-9]{1,20}\Z")


class Ports(Protocol):
    """The fabric's ports, as far as the admin API opens and closes them."""

    def addresses(self, service: Service) -> list[tuple[str, int]]:
        """Where a service listens."""

    def is_open(self, service: Service) -> bool:
        """Whether it takes connections."""

    async def set_open(self, service: Service, wanted: bool) -> None:
        """Close or open its ports. Raises: OSError."""


class ReadPackage(Protocol):
    """Makes a package from the bytes of a zip."""

    def __call__(self, content: bytes, *, name: str | None, version: str | None) -> HostedPackage:
        """Raises: ValueError, for people."""


class Api:
    """The emulator as the operations see it."""

    def __init__(self, fabric: Fabric, ports: Ports, *, encrypt: Encrypt, read_package: ReadPackage) -> None:
        self.fabric = fabric
        self.ports = ports
        self.encrypt = encrypt
        self.read_package = read_package
        self.started = fabric.clock.now()

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self.fabric.clock.now()

    def services(self) -> dict[str, dict[str, Any]]:
        """Every service by its name: its addresses, and whether it is open."""
        return {service.value: self.service(service) for service in Service}

    def service(self, service: Service) -> dict[str, Any]:
        """One of them."""
        return {
            "open": self.ports.is_open(service),
            "addresses": [f"{host}:{port}" for host, port in self.ports.addresses(service)],
        }

    def vm(self, request: Request) -> VirtualMachine:
        """The VM that the path names. Raises: Problem."""
        return self.named(request.path_params["vm"])

    def named(self, name: str) -> VirtualMachine:
        """The VM called `name`. Raises: Problem."""
        try:
            return self.fabric.world.vm(name)
        except UnknownVm as error:
            todo = "GET /v1/vms lists the VMs; POST /v1/vms adds one"
            raise Problem(404, str(error), where="path", todo=todo) from error


async def body(request: Request, members: tuple[Member, ...]) -> Body:
    """The request's JSON object. Raises: Problem."""
    return read_object(await bounded(request, LARGEST_BODY), members)


async def bounded(request: Request, limit: int) -> bytes:
    """The request's body, of at most `limit` bytes. Raises: Problem."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Problem(
                413, f"the body is larger than {limit} bytes", where="body", todo="send less at once"
            )
        parts.append(part)
    return b"".join(parts)


def number(request: Request, name: str, default: int, *, least: int = 0, most: int = 2**53) -> int:
    """A whole number of the query. Raises: Problem."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _NUMBER.match(text) or not least <= int(text) <= most:
        raise Problem(
            422,
            f"{text[:40]!r} is not a number from {least} to {most}",
            where=f"query.{name}",
            todo="give one",
        )
    return int(text)


def flag(request: Request, name: str) -> bool:
    """A member of the query that is true or false. Raises: Problem."""
    text = request.query_params.get(name, "false").lower()
    if text not in {"true", "false"}:
        raise Problem(
            422, f"{text[:40]!r} is neither true nor false", where=f"query.{name}", todo="say which"
        )
    return text == "true"


def answer(value: Any, status: int = 200) -> JSONResponse:
    """A JSON answer."""
    return JSONResponse(value, status_code=status)
