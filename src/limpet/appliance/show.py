"""What an operator sees of the appliance (R18): one document, kept in the exchange folder by the supervisor, read by `limpet show`.

Nothing secret is in it. The dashboard of the emulator draws the same document.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.appliance.guest.storage import unfit
from limpet.appliance.guest.wanted import DISABLED
from limpet.appliance.networkos.contract import Health
from limpet.appliance.states import HANDED_OVER, State
from limpet.guest.namespaces import HOST
from limpet.model.errors import HostError
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.appliance.chronicle import Chronicle
    from limpet.guest.agent_news import AgentNews
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic

SHOWN = Path("/run/limpet/show.json")
VERSION = 1
LARGEST = 1024 * 1024
_NETWORK_OS = "limpet-nos"
_AWAY = HANDED_OVER | {State.HANDING_OVER, State.ROLLING_BACK}
EVERY = 1.0
"""How often it is looked whether there is something new to show, seconds."""


class Window:
    """Keeps the document where `limpet show` reads it, up to date."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._shown = b""
        self._due = 0.0
        self._glance: tuple[object, ...] = ()

    def tick(self) -> None:
        """Show what has changed, at most once a second."""
        now = self._appliance.machine.clock.monotonic()
        if now >= self._due:
            self._due = now + EVERY
            self.publish()

    def publish(self, *, stopped: bool = False) -> None:
        """Show it now; what cannot be looked at is left out. While nothing of what it is drawn from has changed, it is as it was."""
        glance = (*_glance(self._appliance), stopped)
        if self._shown and glance == self._glance:
            return
        self._glance = glance
        found = document(self._appliance)
        if stopped:
            found |= {"stage": State.STOPPED.value, "words": State.STOPPED.words}
        content = json.dumps(found).encode("ascii") + b"\n"
        if content == self._shown:
            return
        files = self._appliance.machine.files
        try:
            if not self._shown:
                files.make_folder(SHOWN.parent)
            files.replace(SHOWN, content, durable=False)
            self._shown = content
        except HostError as error:
            self._shown = b""
            self._appliance.machine.log.warning("show.unwritable", problem=error)


def _glance(appliance: Appliance) -> tuple[object, ...]:
    """All that `document` is drawn from."""
    lease = appliance.lease
    return (
        appliance.chronicle,
        appliance.news(),
        appliance.problem,
        lease.holder,
        lease.epoch,
        appliance.seen,
        _network_os(appliance),
        *_seen_guest(appliance),
    )


def _seen_guest(appliance: Appliance) -> tuple[object, ...]:
    """What `_guest` looks at."""
    if not appliance.chronicle.nics:
        return ()
    try:
        return appliance.known_shell(), appliance.guest(within=EVERY)
    except HostError as error:
        return (str(error),)


def document(appliance: Appliance) -> dict[str, Any]:
    """The document. Times are seconds since 1970."""
    chronicle = appliance.chronicle
    news = appliance.news()
    return {
        **remembered(chronicle, appliance.config.fabric_endpoint),
        "problem": None if appliance.problem is None else redacted(appliance.problem),
        "fabricLease": {"holder": appliance.lease.holder.value, "epoch": appliance.lease.epoch},
        "networkOs": _network_os(appliance),
        "nics": _nics(appliance),
        "guestShell": _guest(appliance),
        "goalState": None if news is None else {"id": news.goal_state, "at": news.goal_state_at},
        "status": _status(news),
    }


def remembered(chronicle: Chronicle, endpoint: str | None = None) -> dict[str, Any]:
    """What the journal alone says: also where no supervisor runs. endpoint: the wire server, where a setting names it."""
    state = chronicle.state or State.BOOTING
    handover = chronicle.handover
    primary = next((nic for nic in chronicle.nics if nic.primary), None)
    return {
        "version": VERSION,
        "stage": state.value,
        "words": _words(state, chronicle.problem),
        "since": chronicle.since,
        "problem": None if chronicle.problem is None else redacted(chronicle.problem),
        "vmId": chronicle.vm_id,
        "ready": chronicle.ready,
        "fabricLease": {"holder": chronicle.holder.value, "epoch": chronicle.epoch},
        "lease": None
        if primary is None
        else _lease(chronicle.leases.get(primary.mac), endpoint or chronicle.wire_server),
        "handover": {
            "attempts": handover.attempts,
            "startedAt": handover.started,
            "before": handover.before,
            "gap": handover.gap,
            "confirmed": handover.confirmed,
        },
    }


def _words(state: State, problem: str | None) -> str:
    if state is State.DEGRADED and problem == DISABLED:
        return f"{DISABLED}; a status-only agent reports in its place"
    return state.words


def _network_os(appliance: Appliance) -> dict[str, Any]:
    name = appliance.network_os.name
    if appliance.chronicle.state not in HANDED_OVER | {State.HANDING_OVER}:
        return {"driver": name, "health": None, "problem": None}
    try:
        pulse = appliance.pulse(deep=False, within=EVERY)
    except HostError as error:
        return {"driver": name, "health": Health.GONE.value, "problem": redacted(str(error))}
    if pulse.health is Health.HEALTHY and appliance.revivals.bearing(appliance.machine.clock.monotonic()):
        # Only the thorough look finds what is borne.
        return {"driver": name, "health": Health.WOUNDED.value, "problem": _shown(appliance.revivals.problem)}
    return {"driver": name, "health": pulse.health.value, "problem": _shown(pulse.problem)}


def _nics(appliance: Appliance) -> list[dict[str, Any]]:
    seen = appliance.seen
    return (
        []
        if seen is None
        else [_nic(nic, seen, appliance.chronicle) for nic in _in_order(appliance.chronicle)]
    )


def _in_order(chronicle: Chronicle) -> list[Nic]:
    return sorted(chronicle.nics, key=lambda nic: not nic.primary)


def _nic(nic: Nic, seen: Seen, chronicle: Chronicle) -> dict[str, Any]:
    places = [(place, link) for place, link in seen.of_mac(nic.mac) if not link.vf]
    place, link = places[0] if places else ("", None)
    if link is not None:
        owner = "linux" if place == HOST else "network OS"
    else:
        # A data plane of its own may hide it from the kernel, but one in a namespace that is looked at hides nothing; once
        # Linux should have it again, it is not there.
        hidden = chronicle.state in _AWAY and nic.mac in chronicle.moved and not seen.exists(_NETWORK_OS)
        owner = "network OS" if hidden else "gone"
    return {
        "name": nic.name,
        "mac": nic.mac,
        "primary": nic.primary,
        "owner": owner,
        "address": str(link.addresses[0]) if link is not None and link.addresses else None,
        "up": None if link is None else link.up,
        "vf": nic.vf,
    }


def _guest(appliance: Appliance) -> dict[str, Any]:
    chronicle = appliance.chronicle
    shown: dict[str, Any] = {
        "runtime": appliance.runtime.name,
        "instance": chronicle.instance,
        "restarts": len(chronicle.failures),
        "image": None,
        "problem": None,
    }
    if not chronicle.nics:
        return shown | {"state": "stopped"}  # boot has not ended for the first time
    try:
        plan = appliance.known_shell()
        sight = appliance.guest(within=EVERY)
    except HostError as error:
        return shown | {"state": "failed", "problem": redacted(str(error))}
    if sight.running:
        state = "running" if chronicle.holder.value == "guest-shell" else "parked"
    else:
        state = "failed" if sight.problem else "stopped"
    problem = _shown(sight.problem or unfit(plan, sight))
    return shown | {"state": state, "image": plan.image.name, "problem": problem}


def _shown(problem: str | None) -> str | None:
    return None if problem is None else redacted(problem)


def _lease(lease: AcquiredLease | None, wire_server: str | None) -> dict[str, Any] | None:
    if lease is None:
        return None
    gateway = next((route.gateway for route in lease.routes if route.destination.prefixlen == 0), None)
    return {
        "address": f"{lease.address}/{lease.prefix}",
        "gateway": None if gateway is None else str(gateway),
        "dns": [str(each) for each in lease.dns],
        "wireServer": wire_server or (None if lease.wire_server is None else str(lease.wire_server)),
    }


def _status(news: AgentNews | None) -> dict[str, Any] | None:
    if news is None:
        return None
    return {"acceptedAt": news.last, "code": news.code, "problem": news.problem}
