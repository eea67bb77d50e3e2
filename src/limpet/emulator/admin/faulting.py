"""Operations on fault rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.emulator.admin.base import Api, answer, body
from limpet.emulator.admin.problems import Problem
from limpet.emulator.admin.reading import Member
from limpet.emulator.dhcp.lies import LIES
from limpet.emulator.exchange import Service
from limpet.emulator.faults import FaultRefused, read_rule, with_rule
from limpet.emulator.routes.table import NAMES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

MOST_RULES = 200

RULE: tuple[Member, ...] = (
    Member(
        name="endpoint",
        type="string",
        required=True,
        about=f"a glob over the endpoint's name: {', '.join(sorted(NAMES))}",
    ),
    Member(name="vm", type="string", about="a glob over the VM's name"),
    Member(
        name="service",
        type="string",
        choices=tuple(service.value for service in Service),
        about="only requests to this service",
    ),
    Member(name="method", type="string", about="only requests with this method"),
    Member(name="path", type="string", about="a glob over the request's path"),
    Member(name="skip", type="integer", about="so many matching requests go well first"),
    Member(
        name="count", type="integer", nullable=True, about="so many fail after that; null or left out: all"
    ),
    Member(name="delay", type="number", about="seconds before anything else"),
    Member(name="status", type="integer", about="answer this status, and do nothing"),
    Member(name="body", type="string", about="the text that goes with `status`"),
    Member(name="cut", type="integer", about="end the connection after so many bytes of the proper answer"),
    Member(name="garbage", type="boolean", about="answer bytes that are not HTTP"),
    Member(
        name="refused", type="boolean", about="reset the connection without an answer; of DHCP: stay silent"
    ),
    Member(name="lie", type="string", choices=tuple(LIES), about="of DHCP: how the answer is wrong"),
    Member(name="times", type="integer", about="so often, with the lie repeat"),
    Member(name="endless", type="boolean", about="answer with a body that drips and never ends"),
)


async def rules(api: Api, _request: Request) -> Response:
    """Every rule and what became of it."""
    return answer([rule.as_json() for rule in api.fabric.world.faults])


async def add_rule(api: Api, request: Request) -> Response:
    """One more rule, last in line."""
    asked = await body(request, RULE)
    try:
        rule = read_rule(asked.members, NAMES)
    except FaultRefused as error:
        raise asked.refuse(error.member, str(error), "see the members of a rule in /openapi.json") from error
    if len(api.fabric.world.faults) >= MOST_RULES:
        raise Problem(
            409,
            f"there are {MOST_RULES} rules already",
            where="body",
            todo="DELETE those that are no longer needed",
        )
    world = api.fabric.update(lambda world: replace(world, faults=with_rule(world.faults, rule)))
    return answer(world.faults[-1].as_json(), 201)


async def clear_rules(api: Api, _request: Request) -> Response:
    """No rules at all."""
    removed = len(api.fabric.world.faults)
    api.fabric.update(lambda world: replace(world, faults=()))
    return answer({"removed": removed})


async def remove_rule(api: Api, request: Request) -> Response:
    """One rule less."""
    text = request.path_params["rule"]
    kept = tuple(rule for rule in api.fabric.world.faults if str(rule.id) != text)
    if len(kept) == len(api.fabric.world.faults):
        raise Problem(404, f"there is no rule {text[:40]!r}", where="path", todo="GET /v1/faults lists them")
    api.fabric.update(lambda world: replace(world, faults=kept))
    return answer({"removed": 1})
