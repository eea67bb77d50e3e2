"""Operations that ask what VMs did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.emulator.admin import views
from limpet.emulator.admin.base import Api, answer, body, flag, number
from limpet.emulator.admin.problems import Problem
from limpet.emulator.admin.reading import Member
from limpet.emulator.routes.table import NAMES
from limpet.emulator.world.conditions import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response

    from limpet.emulator.world.ledger import Entry

MOST_AT_ONCE = 1000
LONGEST_WAIT = 3600.0

CONDITION: tuple[Member, ...] = (
    Member(name="handler", type="string", about="an entry of the newest report is of this handler"),
    Member(name="version", type="string", about="and of this version"),
    Member(name="extension", type="string", about="and of this extension of a multi-config handler"),
    Member(name="sequence", type="integer", about="and answers settings with this sequence number"),
    Member(
        name="status",
        type="string",
        choices=("transitioning", "warning", "error", "success"),
        about="and the extension's status is this word",
    ),
    Member(name="handlerStatus", type="string", about="and the handler's status is this word, such as Ready"),
    Member(name="code", type="integer", about="and the handler's or extension's code is this"),
    Member(name="gone", type="boolean", about="true: no entry of the newest report is of the handler"),
    Member(name="goalState", type="string", about="the goal state's aggregate status, Success or Failed"),
    Member(name="goalStateCode", type="integer", about="its code"),
    Member(name="svdSequenceNumber", type="string", about="the goal state that it answers"),
    Member(name="afterStatus", type="integer", about="only reports with a larger serial count"),
    Member(name="incarnation", type="string", about="the goal state with this incarnation was handed out"),
    Member(name="etag", type="string", about="vmSettings with this ETag were handed out"),
    Member(name="requests", type="integer", about="at least so many requests came"),
    Member(
        name="endpoint",
        type="string",
        choices=tuple(sorted(NAMES)),
        about="count only requests to this endpoint",
    ),
    Member(name="after", type="integer", about="count only requests with a larger id"),
    Member(
        name="health", type="string", about="the newest health report, such as Ready or NotReady/Provisioning"
    ),
    Member(name="healthReports", type="integer", about="at least so many health reports came"),
    Member(name="hostName", type="string", about="the platform's DNS has this host name, by DHCP"),
    Member(name="roleProperty", type="string", about="this role property was sent: its name, or name=value"),
)
WAIT: tuple[Member, ...] = (
    Member(
        name="condition",
        type="object",
        required=True,
        items=CONDITION,
        about="what to wait for: everything that is given must hold at once",
    ),
    Member(name="timeout", type="number", about="seconds to wait at most; 60 when left out"),
)


async def vms(api: Api, _request: Request) -> Response:
    """Every VM in short."""
    return answer([views.vm_line(vm) for _, vm in sorted(api.fabric.world.vms.items())])


async def vm(api: Api, request: Request) -> Response:
    """One VM with its goal state."""
    return answer(views.vm_whole(api.fabric.world, api.vm(request)))


async def requests(api: Api, request: Request) -> Response:
    """The ledger of one VM."""
    found = api.vm(request)
    return _entries(api, request, found.name)


async def stray_requests(api: Api, request: Request) -> Response:
    """The ledger of addresses that are no VM's."""
    return _entries(api, request, None)


async def status(api: Api, request: Request) -> Response:
    """The newest status report that could be read."""
    found = api.vm(request)
    report = found.status
    if report is None:
        raise Problem(
            404,
            f"{found.name} has reported no status that can be read",
            where="path",
            todo="wait for one with POST …/wait; GET …/statuses shows what could not be read",
        )
    return answer(views.report(report, raw=flag(request, "raw")))


async def statuses(api: Api, request: Request) -> Response:
    """The latest status reports, readable or not."""
    found, after, raw = api.vm(request), number(request, "after", 0), flag(request, "raw")
    reports = [report for report in found.inbox.statuses if report.serial > after][:MOST_AT_ONCE]
    return answer([views.report(report, raw=raw) for report in reports])


async def telemetry(api: Api, request: Request) -> Response:
    """The latest telemetry events, oldest first."""
    events = api.vm(request).inbox.telemetry.items[-number(request, "last", 200, least=1, most=2000) :]
    return answer(
        [
            {
                "at": event.at,
                "provider": event.value.provider,
                "id": event.value.id,
                "parameters": views.plain(dict(event.value.parameters)),
            }
            for event in events
        ]
    )


async def observations(api: Api, request: Request) -> Response:
    """The latest observations of host services, oldest first."""
    seen = api.vm(request).inbox.observations
    return answer([{"at": one.at, **views.plain(one.value)} for one in seen])


async def wait(api: Api, request: Request) -> Response:
    """Answer when a condition holds, or 408 when it does not in time."""
    found, asked = api.vm(request), await body(request, WAIT)
    condition = _condition(asked.get("condition"))
    timeout = asked.get("timeout", 60)
    if not 0 <= timeout <= LONGEST_WAIT:
        raise asked.refuse("timeout", f"{timeout} is out of range", f"give 0 to {LONGEST_WAIT:.0f} seconds")
    started = api.fabric.clock.elapsed()
    held = await api.fabric.until(
        lambda world: True if (vm := world.vms.get(found.name)) and condition.holds(world, vm) else None,
        timeout,
    )
    if held is None:
        raise Problem(
            408,
            f"the condition did not hold within {timeout:g} s",
            where="body.condition",
            todo="GET the VM's status and requests to see what it did instead",
        )
    return answer(
        {
            "seconds": round(api.fabric.clock.elapsed() - started, 6),
            "vm": views.vm_line(api.named(found.name)),
        }
    )


def _condition(members: dict[str, object]) -> Condition:
    names = {views.camel(name): name for name in Condition.__dataclass_fields__}
    return Condition(**{names[name]: value for name, value in members.items()})  # type: ignore[arg-type]


def _entries(api: Api, request: Request, vm_name: str | None) -> Response:
    ledger = api.fabric.world.ledger
    endpoint = request.query_params.get("endpoint")
    if endpoint is not None and endpoint not in NAMES:
        raise Problem(
            422,
            f"there is no endpoint {endpoint[:60]!r}",
            where="query.endpoint",
            todo=f"one of {', '.join(sorted(NAMES))}",
        )
    limit = number(request, "limit", MOST_AT_ONCE, least=1, most=MOST_AT_ONCE)
    found: Iterable[Entry] = ledger.entries(vm_name, after=number(request, "after", 0), endpoint=endpoint)
    entries = [entry.as_json() for entry, _ in zip(found, range(limit), strict=False)]
    return answer({"requests": entries, "forgotten": ledger.dropped(vm_name), "next": ledger.next_id})
