"""The document of `limpet show` as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.model.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BOLD, _RED, _PLAIN = "\033[1m", "\033[31m", "\033[0m"


def as_text(found: Mapping[str, Any], now: float, *, colour: bool) -> str:
    """A dozen lines. now: seconds since 1970. colour: for a terminal, which obeys nothing that was said from outside."""
    found = _printable(found)
    bold, red, plain = (_BOLD, _RED, _PLAIN) if colour else ("", "", "")
    since = _ago(found.get("since"), now)
    if found.get("supervised"):
        lines = [f"{bold}{found['stage']}{plain}: {found['words']} (for {since})"]
    else:
        lines = [
            f"{red}no supervisor runs{plain}; `systemctl start limpet-appliance` starts it. Noted last, {since} ago:",
            f"{bold}{found['stage']}{plain}: {found['words']}",
        ]
    if found.get("problem") and not found["words"].startswith(found["problem"]):
        lines.append(f"{red}problem{plain}: {found['problem']}")
    lines += _parts(found, now)
    if found.get("nics"):
        lines += ["", *_nics(found["nics"])]
    return "\n".join(lines) + "\n"


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {name: _printable(each) for name, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list) else value


def _parts(found: Mapping[str, Any], now: float) -> Iterator[str]:
    lease, grant = found.get("lease"), found.get("fabricLease") or {}
    yield f"fabric lease  {grant.get('holder')} (epoch {grant.get('epoch')})"
    network_os, guest = found.get("networkOs"), found.get("guestShell")
    if network_os:
        yield f"network OS    {network_os['driver']}: {network_os['health'] or 'not begun'}" + _why(
            network_os
        )
    if guest:
        yield (
            f"guest shell   {guest['runtime']}: {guest['state']}, {_restarts(guest['restarts'])}"
            + _why(guest)
        )
    if lease:
        gateway = f"by {lease['gateway']}" if lease["gateway"] else "without a gateway"
        yield f"lease         {lease['address']} {gateway}, wire server {lease['wireServer'] or 'not told'}"
    goal, status = found.get("goalState"), found.get("status")
    if goal and goal.get("id"):
        yield f"goal state    {goal['id']}, {_ago(goal['at'], now)} ago"
    if status and status.get("acceptedAt"):
        yield f"last status   accepted {_ago(status['acceptedAt'], now)} ago ({status['code']})" + _why(
            status
        )
    handover = found.get("handover") or {}
    if handover.get("startedAt"):
        gap = handover.get("gap")
        shown = "status gap open" if gap is None else f"status gap {gap:.2f} s"
        yield f"handover      {_ago(handover['startedAt'], now)} ago, {shown}, {_attempts(handover['attempts'])}"


def _restarts(number: int) -> str:
    return {0: "never restarted", 1: "restarted once"}.get(number, f"restarted {number} times")


def _attempts(number: int) -> str:
    return {0: "no failed attempt", 1: "1 failed attempt"}.get(number, f"{number} failed attempts")


def _why(part: Mapping[str, Any]) -> str:
    return f"; {part['problem']}" if part.get("problem") else ""


def _nics(nics: list[Mapping[str, Any]]) -> Iterator[str]:
    yield f"{'NIC':<16}{'MAC':<19}{'owner':<12}{'address':<20}link"
    for nic in nics:
        name = f"{nic['name']}{' *' if nic['primary'] else ''}"
        state = {True: "up", False: "down"}.get(nic["up"], "-")
        yield f"{name:<16}{nic['mac']:<19}{nic['owner']:<12}{nic['address'] or '-':<20}{state}"


def _ago(at: float | None, now: float) -> str:
    if at is None:
        return "an unknown time"
    seconds = max(0, round(now - at))
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
