"""The operation by which somebody tells what a VM's appliance says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.emulator.admin.base import Api, answer, bounded
from limpet.emulator.admin.problems import Problem
from limpet.emulator.admin.reading import Member
from limpet.emulator.dashboard.appliance import (
    LARGEST_DOCUMENT,
    STAGES,
    VERSION,
    WrongDocument,
    read_appliance,
)
from limpet.emulator.dashboard.members import member
from limpet.emulator.dashboard.story import told
from limpet.model.errors import MalformedDocument
from limpet.wire import jsondoc

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from limpet.emulator.world.state import World

LARGEST_TOLD = 16 * 1024
"""Events are kept by the thousand: one of a larger document goes without it."""

APPLIANCE: tuple[Member, ...] = (
    Member(name="version", type="integer", required=True, about=f"of the document: {VERSION}"),
    Member(name="stage", type="string", nullable=True, choices=STAGES, about="where the appliance is"),
    Member(name="since", type="number", nullable=True, about="when the stage began, in seconds since 1970"),
    Member(name="words", type="string", nullable=True, about="the stage in words"),
    Member(
        name="fabricLease",
        type="object",
        nullable=True,
        about="who may talk to the fabric: holder (boot, status-only, guest-shell, nobody), epoch, since when",
    ),
    Member(name="networkOs", type="object", nullable=True, about="driver, health, since, problem"),
    Member(
        name="nics",
        type="array",
        item_type="object",
        nullable=True,
        about="each with name, mac, owner (linux, network OS, guest, gone), primary, address, up, vf",
    ),
    Member(
        name="guestShell",
        type="object",
        nullable=True,
        about="runtime, state (running, parked, stopped, failed), instance, restarts, image, problem",
    ),
    Member(name="lease", type="object", nullable=True, about="address, gateway, dns, wireServer"),
    Member(name="goalState", type="object", nullable=True, about="id, at"),
    Member(name="status", type="object", nullable=True, about="acceptedAt, code"),
    Member(name="handover", type="object", nullable=True, about="attempts, startedAt, gap, problem"),
)
"""For the description of the API: the document itself is read leniently, and members beside these are left out."""


async def tell_appliance(api: Api, request: Request) -> Response:
    """Take the document of ``limpet show --json``."""
    name = api.vm(request).name
    raw = await bounded(request, LARGEST_DOCUMENT)
    document = _document(raw)

    def transition(world: World) -> World:
        before = world.vm(name).appliance
        vm, happened = told(world.vm(name), document, api.now)
        world = world.with_vm(vm)
        if before is not None and before.document == document:
            return world  # somebody who asks it again and again has nothing to tell
        return world.tell(
            api.now,
            "appliance",
            name,
            stage=document.get("stage"),
            happened=[one.words for one in happened],
            document=document if len(raw) <= LARGEST_TOLD else None,
        )

    api.fabric.update(transition)
    return answer({"stage": document.get("stage"), "holder": member(document, "fabricLease", "holder")})


def _document(raw: bytes) -> dict[str, Any]:
    try:
        value = jsondoc.parse(raw, "the body")
    except MalformedDocument as error:
        raise Problem(400, str(error), where="body", todo="send what `limpet show --json` prints") from error
    try:
        return read_appliance(value)
    except WrongDocument as error:
        raise Problem(422, str(error), where=error.where[:200], todo=error.todo) from error
