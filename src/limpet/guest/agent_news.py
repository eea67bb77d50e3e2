"""What the agent that holds the fabric lease tells the supervisor: how far it is with the fabric, and what is wrong.

The supervisor never asks the fabric itself. The file is `out/agent.json` of the exchange folder; the agent replaces it when a goal state
or a report was accepted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from limpet.guest.records import members_of, word
from limpet.model.errors import MalformedDocument
from limpet.model.printable import printable

NEWS = "out/agent.json"
"""In the exchange folder (limpet.guest.fabric_lease)."""
VERSION = 1
LARGEST = 64 * 1024
_MOST_TEXT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentNews:
    """Times are seconds since 1970. epoch: the grant under which it talks. first: its first accepted report under that grant.

    goal_state: what it names itself, such as ``incarnation 3``. code: of the last answer to a report. problem: what is wrong
    with the fabric at this moment, None while all is well. container_id: as the last goal state says. ready: whether the
    fabric has taken this agent's report that the VM is ready. told: the number of the last event of the supervisor's that was
    sent (limpet.guest.stage_events); 0 for none. first_up, last_up: `first` and `last` on the kernel's monotonic clock, which the
    guest shell shares with the supervisor: a clock that is set in between makes no gap longer or shorter (F11).
    """

    epoch: int
    goal_state: str | None = None
    goal_state_at: float | None = None
    container_id: str | None = None
    first: float | None = None
    last: float | None = None
    code: int | None = None
    problem: str | None = None
    ready: bool = False
    told: int = 0
    first_up: float | None = None
    last_up: float | None = None


def render_news(news: AgentNews) -> bytes:
    """The file `parse_news` reads."""
    members = {
        "version": VERSION,
        "epoch": news.epoch,
        "goalState": news.goal_state,
        "goalStateAt": news.goal_state_at,
        "containerId": news.container_id,
        "first": news.first,
        "last": news.last,
        "firstUp": news.first_up,
        "lastUp": news.last_up,
        "code": news.code,
        "problem": _shown(news.problem),
        "ready": news.ready,
        "told": news.told,
    }
    return (json.dumps(members) + "\n").encode("ascii")


def parse_news(content: bytes) -> AgentNews:
    """Read the file, which comes out of the guest: nothing in it is trusted. Raises: MalformedDocument."""
    found = members_of(content, NEWS, version=VERSION, at_most=LARGEST)
    epoch, code = found.get("epoch"), found.get("code")
    if isinstance(epoch, bool) or not isinstance(epoch, int):
        raise MalformedDocument(NEWS, "epoch is not a number")
    if isinstance(code, bool) or not isinstance(code, int | None):
        raise MalformedDocument(NEWS, "code is not a number")
    return AgentNews(
        epoch=epoch,
        goal_state=_text(found, "goalState"),
        goal_state_at=_time(found, "goalStateAt"),
        container_id=_text(found, "containerId"),
        first=_time(found, "first"),
        last=_time(found, "last"),
        first_up=_time(found, "firstUp"),
        last_up=_time(found, "lastUp"),
        code=code,
        problem=_text(found, "problem"),
        ready=found.get("ready") is True,
        told=int(_time(found, "told") or 0),
    )


def _shown(problem: str | None) -> str | None:
    """One printable line; nothing where nothing is left of it."""
    return None if problem is None else printable(problem)[:_MOST_TEXT].strip() or None


def _text(found: dict[str, object], name: str) -> str | None:
    return None if found.get(name) is None else word(found, name, NEWS)


def _time(found: dict[str, object], name: str) -> float | None:
    value = found.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise MalformedDocument(NEWS, f"{name} is not a time")
    return float(value)
