"""What the fabric and the VM's journal tell, as moments; what a reader need not see gives none.

Events are those of the emulator's ``GET /v1/events``; entries are those of ``journalctl --output=json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.lab.timeline import boot
from limpet.lab.timeline.journal import ENDED, FINISHED_STARTING, GIVEN_UP, STARTED, event_moment, time_of
from limpet.lab.timeline.moments import Moment, Tone, Who

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.lab.timeline.journal import Words

LONGEST_NAME = 8

STATE_TONES = {"success": Tone.GOOD, "warning": Tone.NEWS, "error": Tone.BAD}


class FabricWords:
    """Moments of the fabric's events. Of goal states and status reports only what is new in them is told."""

    def __init__(self, vm: str) -> None:
        self._vm = vm
        self._wanted: dict[str, Mapping[str, Any]] = {}
        self._reported: dict[tuple[str, str | None], Mapping[str, Any]] = {}
        self._provisioning = boot.FabricWords()

    def moment(self, event: Mapping[str, Any]) -> Moment | None:
        """The moment of an event; None when it is not worth a line, or is another VM's."""
        if event["vm"] != self._vm:
            return None
        at, data = event["at"], event["data"]
        match event["kind"]:
            case "goal-state":
                return self._published(at, data)
            case "request":
                return _request(at, data)
            case "status":
                return self._status(at, data)
        return self._provisioning.moment(at, event["kind"], data)

    def _published(self, at: float, data: Mapping[str, Any]) -> Moment:
        before, self._wanted = self._wanted, {handler["name"]: handler for handler in data["handlers"]}
        news = [_wanted(handler) for name, handler in self._wanted.items() if before.get(name) != handler]
        news += [f"{name} no more" for name in before if name not in self._wanted]
        fast = data["source"] == "FastTrack"
        name = f"etag {_short(data['etag'])} by FastTrack" if fast else f"incarnation {data['incarnation']}"
        what = f"publishes {name}: {'; '.join(news) or 'nothing new'}"
        return Moment(at=at, who=Who.FABRIC, what=what, kind="published", tone=Tone.NEWS, facts=data)

    def _status(self, at: float, data: Mapping[str, Any]) -> Moment | None:
        if "handlers" not in data:
            what = f"cannot read status report {data['serial']}: {data['problem']}"
            return Moment(at=at, who=Who.FABRIC, what=what, kind="status", tone=Tone.BAD, facts=data)
        news = []
        for entry in data["handlers"]:
            key = (entry["name"], entry["extension"])
            if self._reported.get(key) != entry:
                self._reported[key] = entry
                news.append(entry)
        if not news and data["serial"] > 1:
            return None
        told = "; ".join(map(_handler, news)) or "no handlers yet"
        worst = max(map(_tone, news), key=_TONES.index, default=Tone.PLAIN)
        what = f"accepts status: {told}"
        return Moment(at=at, who=Who.FABRIC, what=what, kind="status", tone=worst, facts=data)


_TONES = (Tone.PLAIN, Tone.GOOD, Tone.NEWS, Tone.BAD)


def _wanted(handler: Mapping[str, Any]) -> str:
    numbers = [f"settings {extension['sequenceNumber']}" for extension in handler["extensions"]]
    state = "" if handler["state"] == "enabled" else f" {handler['state']}"
    return " ".join([f"{handler['name']} {handler['version']}{state}", *numbers])


def _handler(entry: Mapping[str, Any]) -> str:
    said = f"{entry['name']} {entry['version']} {entry['status']}"
    if entry["code"]:
        said += f" (code {entry['code']})"
    if entry["extensionStatus"] is not None:
        said += f", settings {entry['sequenceNumber']} {entry['extensionStatus']}"
    return said


def _tone(entry: Mapping[str, Any]) -> Tone:
    if entry["code"]:
        return Tone.BAD
    return STATE_TONES.get(entry["extensionStatus"], Tone.PLAIN)


def _request(at: float, data: Mapping[str, Any]) -> Moment | None:
    """What the agent fetches once for each change. Its polls, reports and telemetry are left out."""
    words = _REQUESTS.get(data["endpoint"])
    what = words(data) if words is not None else None
    if what is None:
        return None
    failed = data["status"] is None or data["status"] >= 400
    if failed:
        what += f" and gets {data['status'] or 'no answer'}"
    facts = {name: data[name] for name in ("endpoint", "method", "target", "status", "replySize", "seconds")}
    tone = Tone.BAD if failed else Tone.PLAIN
    return Moment(at=at, who=Who.AGENT, what=what, kind="request", tone=tone, facts=facts)


def _certificates(data: Mapping[str, Any]) -> str:
    return f"fetches its certificates, encrypted for this VM ({size(data['replySize'])})"


def _download(data: Mapping[str, Any]) -> str | None:
    name = data["target"].split("?", 1)[0].rsplit("/", 1)[-1]
    if name == "manifest.xml":
        name = "/".join(data["target"].split("?", 1)[0].rsplit("/", 2)[-2:])
    return f"downloads {name} ({size(data['replySize'])})"


def _through_host(data: Mapping[str, Any]) -> str:
    return f"downloads through the host plugin ({size(data['replySize'])})"


_REQUESTS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "certificates": _certificates,
    "blob-download": _download,
    "extension-artifact": _through_host,
}


def size(count: int) -> str:
    """So many bytes, for people."""
    return f"{count} bytes" if count < 10_000 else f"{count / 1024:.0f} KiB"


def journal_moment(entry: Mapping[str, Any], unit: str) -> Moment | None:
    """The moment of a journal entry; None when it is not worth a line. unit: the agent's."""
    at = time_of(entry)
    if entry.get("MESSAGE_ID") == FINISHED_STARTING:
        return Moment(at=at, who=Who.VM, what="has started all its services", kind="booted")
    if entry.get("UNIT") == unit:
        return _unit(at, entry)
    if boot.UNIT in {entry.get("UNIT"), entry.get("_SYSTEMD_UNIT")}:
        return boot.journal_moment(at, entry)
    return event_moment(at, Who.AGENT, entry, _EVENTS)


def _unit(at: float, entry: Mapping[str, Any]) -> Moment | None:
    """What systemd says of the agent's service."""
    said = entry.get("MESSAGE_ID")
    if said == STARTED:
        what = f"is started ({entry['UNIT']})"
        return Moment(at=at, who=Who.AGENT, what=what, kind="agent-started", tone=Tone.NEWS)
    if said == ENDED:
        what = f"ends: {entry.get('EXIT_CODE')} with {entry.get('EXIT_STATUS')}"
        return Moment(at=at, who=Who.AGENT, what=what, kind="agent-ended", tone=Tone.BAD)
    if said == GIVEN_UP:
        what = "cannot be started; systemd has given up"
        return Moment(at=at, who=Who.AGENT, what=what, kind="agent-lost", tone=Tone.BAD)
    return None


def _named(goal_state: str) -> str:
    """``incarnation_2`` and ``etag_4711471147114711`` in words."""
    kind, _, name = goal_state.partition("_")
    return f"{kind} {_short(name)}"


def _short(name: str) -> str:
    """An etag has so many digits that nobody compares them all."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def _adopted(facts: Mapping[str, str]) -> str:
    count = facts["handlers"]
    held = ", on hold" if facts.get("on_hold") == "true" else ""
    return f"sees {_named(facts['id'])}: {count} handler{'s' if count != '1' else ''}{held}"


def _work(facts: Mapping[str, str]) -> str:
    return f"takes up {facts['handler']} {facts['version']}: {facts['reason']}"


_EVENTS: Mapping[str, Words] = {
    "endpoint.found": lambda facts: f"finds the fabric at {facts['address']} ({facts['origin']})",
    "goal_state.adopted": _adopted,
    "handler.work": _work,
    "handler.command": lambda facts: f"runs {facts['operation']} of {facts['handler']} {facts['version']}",
    "handler.failed": lambda facts: f"takes note of the failure of {facts['handler']}, code {facts['code']}",
    "limits.unavailable": lambda facts: f"cannot set limits for handlers: {facts['problem']}",
    "goal_state.processed": lambda facts: f"is through with {_named(facts['id'])}: {facts['status']}",
}
