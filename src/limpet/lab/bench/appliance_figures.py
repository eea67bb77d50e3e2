"""What the appliance's bench measures, and how it is read from the fabric's record and the supervisor's journal. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limpet.lab.appliance.words import GUEST_NAME
from limpet.lab.bench.figures import Figure
from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DRIVERS = ("kernel", "frr")
NICS = (1, 4, 16)
GAP_BUDGET, KILL_BUDGET = 1.0, 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A handover that is measured. nics: how many, with the primary one."""

    driver: str
    nics: int

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.driver}, {self.nics} NIC{'s' if self.nics > 1 else ''}"

    @property
    def gap(self) -> Figure:
        """The status gap of it."""
        return Figure(
            key=f"appliance/gap/{self.driver}/{self.nics}",
            what=f"status gap of a planned handover: {self.words}",
            unit="s",
            budget=GAP_BUDGET,
        )


CASES = tuple(Case(driver=driver, nics=nics) for driver in DRIVERS for nics in NICS)
PEERS_CASE = Case(driver="frr", nics=1)
"""The one that the peer goes through too."""
PARTS_CASE = Case(driver="frr", nics=16)
"""The one whose parts are shown."""


def _seconds(key: str, what: str, budget: float | None = None) -> Figure:
    return Figure(key=f"appliance/{key}", what=what, unit="s", budget=budget)


_OF = f"of the gap ({PARTS_CASE.words})"
ENDED = _seconds("part/ended", f"{_OF}: last report accepted → Linux's agent has ended")
MOVED = _seconds("part/moved", f"{_OF}: → the primary NIC is the network OS's, with address and routes")
GRANTED = _seconds("part/granted", f"{_OF}: → the guest shell's agent may talk")
FIRST = _seconds("part/first", f"{_OF}: → its first report accepted")
INSTALLED = _seconds(
    "installed", f"last report of Linux → success of an extension published then ({PEERS_CASE.words})"
)
READY = _seconds("ready", f"unit start → Ready accepted ({PEERS_CASE.words})")
HANDING = _seconds("handing-over", "unit start → the handover begins")
STEADY = _seconds("steady", "unit start → steady: handed over and confirmed")
REPORTING = _seconds("reporting", "unit start → first report of the guest shell accepted")
NETWORK_OS = _seconds("network-os", "all daemons of FRR killed → next report accepted", KILL_BUDGET)
NETWORK_OS_DONE = _seconds("network-os-done", "the same → success of settings published then")
GUEST = _seconds("guest", "guest shell's first process killed → next report accepted", KILL_BUDGET)
GUEST_DONE = _seconds("guest-done", "the same → success of settings published then")
AGENT = _seconds("agent", "only the guest shell's agent killed → next report accepted", KILL_BUDGET)
GONE = _seconds(
    "gone", "network OS gone with its namespace, NICs back in Linux → Linux's report", KILL_BUDGET
)
GONE_STEADY = _seconds("gone-steady", "the same → report of the guest shell, after a new handover")
REFUSED = _seconds("refused", "a NIC is refused, roll-back begins → Linux's report that says why")
REFUSED_GAP = _seconds("refused-gap", "status gap of that: last report before → first report after")
REFUSED_STEADY = _seconds("refused-steady", "retry after that begins → report of the guest shell")

GUEST_MEMORY = Figure(
    key="appliance/guest-memory",
    what="memory of the guest shell, everything in it (PSS)",
    unit="MB",
    digits=1,
)
AGENT_MEMORY = Figure(key="appliance/agent-memory", what="of that: its agent", unit="MB", budget=14, digits=1)
SUPERVISOR_MEMORY = Figure(
    key="appliance/supervisor-memory", what="memory of the supervisor", unit="MB", digits=1
)
HOST_MEMORY = Figure(
    key="appliance/host-memory",
    what="memory of all that limpet keeps running on the host",
    unit="MB",
    digits=1,
)
HOST_PROCESSES = Figure(
    key="appliance/host-processes", what="processes that it keeps running on the host", unit="", digits=0
)
GUEST_PROCESSES = Figure(
    key="appliance/guest-processes", what="processes in the guest shell", unit="", digits=0
)
GUEST_CPU = Figure(
    key="appliance/guest-cpu", what="CPU of the guest shell per idle minute", unit="s", digits=3
)
AGENT_CPU = Figure(key="appliance/agent-cpu", what="of that: its agent", unit="s", budget=0.03, digits=3)
SUPERVISOR_CPU = Figure(
    key="appliance/supervisor-cpu",
    what="CPU of the supervisor and all it starts on the host per idle minute",
    unit="s",
    digits=3,
)
REQUESTS = Figure(key="appliance/requests", what="requests per idle minute", unit="", budget=28, digits=0)
IMAGE = Figure(key="appliance/image", what="the guest shell's image, unpacked", unit="MB", digits=0)
CHANGES = Figure(key="appliance/changes", what="written by the guest shell up to then", unit="MB", digits=1)
FIGURES = (
    *(case.gap for case in CASES),
    ENDED, MOVED, GRANTED, FIRST, INSTALLED, READY, HANDING, STEADY, REPORTING, NETWORK_OS, NETWORK_OS_DONE,
    GUEST, GUEST_DONE, AGENT, GONE, GONE_STEADY, REFUSED, REFUSED_GAP, REFUSED_STEADY, GUEST_MEMORY, AGENT_MEMORY,
    GUEST_CPU, AGENT_CPU, REQUESTS, GUEST_PROCESSES, SUPERVISOR_MEMORY, HOST_MEMORY, SUPERVISOR_CPU,
    HOST_PROCESSES, IMAGE, CHANGES,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One status that the fabric has accepted. done: each handler that has succeeded, with its newest settings' number."""

    at: float
    guest: bool
    done: Mapping[str, int]


def reports(statuses: Iterable[Mapping[str, Any]]) -> list[Report]:
    """Of the admin API's statuses; those that could not be read are left out."""
    return [
        Report(
            at=float(each["at"]),
            guest=each["status"]["guest"]["computerName"] == GUEST_NAME,
            done={
                handler["name"]: int(settings["sequenceNumber"])
                for handler in each["status"]["handlers"]
                if (settings := handler["settings"]) and settings["status"]["status"] == "success"
            },
        )
        for each in statuses
        if each["status"] and each["status"]["guest"]
    ]


def first(
    found: Sequence[Report], *, after: float, guest: bool, done: tuple[str, int] | None = None
) -> Report:
    """The first report of the guest shell or of Linux after a moment; done: in which this has succeeded. Raises: LabError."""
    for each in found:
        fits = done is None or each.done.get(done[0], -1) >= done[1]
        if each.at > after and each.guest == guest and fits:
            return each
    who = "the guest shell" if guest else "Linux"
    raise LabError(f"none of {len(found)} reports is of {who} and what is waited for")


def last(found: Sequence[Report], *, before: float, guest: bool) -> Report:
    """The last report of the guest shell or of Linux before a moment. Raises: LabError."""
    for each in reversed(found):
        if each.at < before and each.guest == guest:
            return each
    raise LabError(f"none of {len(found)} reports came before the handover")


@dataclass(frozen=True, kw_only=True, slots=True)
class Handover:
    """The moments of one, in seconds since 1970. last, first: reports that the fabric accepted, before and after it."""

    began: float
    last: float
    ended: float
    moved: float
    granted: float
    steady: float
    first: float

    @property
    def gap(self) -> float:
        """How long the fabric heard nothing."""
        return self.first - self.last

    def parts(self) -> dict[Figure, float]:
        """Of which the gap consists."""
        return {
            ENDED: self.ended - self.last,
            MOVED: self.moved - self.ended,
            GRANTED: self.granted - self.moved,
            FIRST: self.first - self.granted,
        }


def handover(records: Iterable[Mapping[str, Any]], found: Sequence[Report], *, after: float = 0) -> Handover:
    """The first one after a moment that ended steady. Raises: LabError, when there is none."""
    moments: dict[str, float] = {}
    for record in records:
        at, facts = float(record["at"]), record["facts"]
        name = _moment(record["kind"], facts)
        if at < after or name is None:
            continue
        if name == "handing-over":
            moments = {}
        moments[name] = at
        if name == "steady" and {"handing-over", "nobody", "confirming", "guest-shell"} <= moments.keys():
            granted = moments["guest-shell"]
            return Handover(
                began=moments["handing-over"],
                last=last(found, before=moments["nobody"], guest=False).at,
                ended=moments["nobody"],
                moved=moments["confirming"],
                granted=granted,
                steady=at,
                first=first(found, after=granted, guest=True).at,
            )
    raise LabError("the journal has no handover that ended steady")


def entered(records: Iterable[Mapping[str, Any]], state: str, *, after: float = 0) -> float:
    """When a state was entered first after a moment. Raises: LabError."""
    for record in records:
        if record["kind"] == "state" and record["facts"]["state"] == state and record["at"] > after:
            return float(record["at"])
    raise LabError(f"the journal does not say that it was {state}")


def _moment(kind: str, facts: Mapping[str, Any]) -> str | None:
    if kind == "state":
        return str(facts["state"])
    return str(facts["holder"]) if kind == "grant" else None
