"""The demo's chapters: an appliance boots, hands over, takes an extension during the gap, survives deaths, and a failed handover."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limpet.lab.appliance.obstacle import OBSTACLE, OBSTACLE_TEXT, PROGRAM, obstacle
from limpet.lab.appliance.picture import NOBODY
from limpet.lab.appliance.ping import Pings, pings
from limpet.lab.appliance.stage import add_service
from limpet.lab.appliance.words import gap_between_stages
from limpet.lab.clock import now, seconds
from limpet.lab.commands import LabError
from limpet.lab.demo.appliance_run import Reached, Reported
from limpet.lab.demo.run import Awaited, Happening, NotReached
from limpet.lab.demo.status import reported, said
from limpet.lab.timeline.boot import READY
from limpet.lab.timeline.moments import Moment, Tone, Who

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.lab.appliance.room import Appliance
    from limpet.lab.demo.appliance_run import ApplianceRun
    from limpet.lab.fabric import Fabric

HELLO, VERSION = "Limpet.Sample.Hello", "1.0.0"
HANDLERS = (f"{HELLO}-{VERSION}",)
PROTECTED = {"password": "between you and the appliance"}
"""Must be seen by the handler in the guest shell and by nobody else."""
LIMIT = 120.0
"""Seconds that a part of a chapter may take."""
LINUX, GUEST = "Linux", "the guest shell"
FRR = "^/usr/lib/frr/"
ANSWERS = frozenset({"connected", "Connection refused"})
"""What becomes of a connection to a machine that is there."""
SECOND = 1
"""The number of the NIC to whose subnet the neighbour belongs."""


@dataclass(kw_only=True, slots=True)
class Told:
    """What is measured on the way, in milliseconds by name."""

    figures: dict[str, int | None] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        """One more."""
        self.figures[name] = round(seconds * 1000)


class Surprise:
    """Publishes something at the moment at which nobody may talk to the fabric: the gap has just begun."""

    def __init__(self, vm: str) -> None:
        self._vm = vm
        self._stage = ""
        self._done = False
        self.problem: LabError | None = None

    def react(self, record: Mapping[str, Any], world: Fabric) -> None:
        """Told of each record of the journal, on the thread that reads it."""
        facts = record["facts"]
        if record["kind"] == "state":
            self._stage = facts["state"]
        if self._done or (self._stage, facts.get("holder")) != ("handing-over", NOBODY):
            return
        self._done = True
        try:
            world.publish(self._vm, change("Good morning", version=VERSION))
        except LabError as error:
            self.problem = error


def change(greeting: str, **more: Any) -> dict[str, Any]:
    """Settings of the sample handler, as the admin API takes them."""
    return {"handler": HELLO, "public": {"greeting": greeting}, "protected": PROTECTED, **more}


def awaited(sequence: int) -> Awaited:
    """Settings of that number have reached the handler, says a status."""
    return Awaited(handler=HELLO, version=VERSION, sequence=sequence, state="success")


def tell(made: Appliance, run: ApplianceRun, surprise: Surprise) -> None:
    """The whole story. Raises: LabError, when something is not reached."""
    told = Told()
    with run.show.alive():
        provision(made, run)
        hand_over(run, surprise, told)
        with made.neighbour(SECOND) as near, pings(near, made.cards[0].gateway) as sender:
            extend(made, run, told)
            kill_network_os(made, run, told, sender)
        kill_guest_shell(made, run, told)
        fail(made, run, told)
    run.show.figures(told.figures)


def happens(run: ApplianceRun, who: Who, what: str, kind: str, *, tone: Tone = Tone.NEWS) -> float:
    """Tell that something is done; gives when."""
    at = now()
    run.take(Moment(at=at, who=who, what=what, kind=kind, tone=tone))
    return at


def provision(made: Appliance, run: ApplianceRun) -> None:
    """Power on, until the platform knows that the VM is ready."""
    run.show.chapter(1, "A new appliance boots: Linux has its NICs", "")
    run.show.owners_begin()
    happens(run, Who.USER, "switches it on", "power")
    made.boot(settle=False)
    run.until(Happening(kind=READY, what="the report that it is ready"), limit=LIMIT)
    run.until(Reached(stage="preparing"), limit=LIMIT)


def hand_over(run: ApplianceRun, surprise: Surprise, told: Told) -> None:
    """Every NIC to the network OS, and the fabric lease to the guest shell."""
    run.show.chapter(2, "Handover: the NICs go to the network OS, the primary one last", "")
    published, *_ = run.until_all(
        Happening(kind="published", what="the extension to be published"),
        Reached(stage="steady"),
        Reported(sender=GUEST, since=0.0),
        limit=LIMIT,
    )
    if surprise.problem is not None:
        raise surprise.problem
    gap = gap_between_stages(run.accepted)
    if gap is None:
        raise NotReached("The fabric has no status of Linux that is followed by one of the guest shell.")
    run.show.gap(gap)
    run.show.finding(
        Who.FABRIC,
        f"counts from Linux's last status to the guest shell's first; the extension came "
        f"{published.at - gap.last.at:.2f} s in",
    )
    told.add("status gap of the handover", gap.seconds)


def extend(made: Appliance, run: ApplianceRun, told: Told) -> None:
    """What was published during the gap, and new settings."""
    run.show.chapter(3, "The guest shell installs what was published during the gap", "")
    run.until(awaited(0), limit=LIMIT)
    run.show.message(said(reported(made.world.status(made.name)["status"], HELLO)))
    at = now()
    made.world.publish(made.name, change("Good evening"), channel="fast-track")
    (answer,) = run.until_all(awaited(1), limit=LIMIT)
    told.add("new settings → success", answer.at - at)


def kill_network_os(made: Appliance, run: ApplianceRun, told: Told, sender: Pings) -> None:
    """Its daemons die; packets go through it all the while, the guest shell's too."""
    run.show.chapter(4, "The network OS is killed, then the guest shell", "")
    run.show.owners_begin()
    end = seconds() + LIMIT
    while not sender.answered() and seconds() < end:
        run.follow()
    daemons = made.run(["pgrep", "--list-name", "--full", FRR]).stdout.split()[1::2]
    made.kill(FRR)
    at = happens(
        run,
        Who.USER,
        f"kills FRRouting, all of it: kill -9 of {' and '.join(daemons)}",
        "kill",
        tone=Tone.BAD,
    )
    made.world.publish(made.name, change("Good night"))
    status, _ = run.until_all(awaited(2), Reached(stage="steady", since=at), limit=LIMIT)
    passage = sender.end()
    if passage.lost or passage.longest is None:
        raise NotReached(f"{passage.lost} of {passage.sent} packets were lost while the network OS was dead.")
    run.show.finding(
        Who.NETWORK_OS,
        f"forwards all the while: {passage.sent} packets through it, {passage.lost} lost",
    )
    told.add("network OS killed → next status", status.at - at)


def kill_guest_shell(made: Appliance, run: ApplianceRun, told: Told) -> None:
    """Its first process dies, and all in it."""
    first = made.run(["pgrep", "--parent", made.run(["pgrep", "--full", "lxc monitor"]).stdout.split()[0]])
    made.run(["kill", "-KILL", *first.stdout.split()]).checked()
    at = happens(run, Who.USER, "kills the guest shell: its first process, kill -9", "kill", tone=Tone.BAD)
    _, status = run.until_all(
        Reached(stage="steady", since=at), Reported(sender=GUEST, since=at), limit=LIMIT
    )
    entry = reported(made.world.status(made.name)["status"], HELLO)
    run.show.finding(
        Who.GUEST,
        f"is back with its state: {HELLO} is {entry['status']} at settings {entry['settings']['sequenceNumber']}, "
        f"status after {status.at - at:.2f} s",
    )
    told.add("guest shell killed → next status", status.at - at)


def fail(made: Appliance, run: ApplianceRun, told: Told) -> None:
    """After a power cut the network OS refuses a NIC; all is taken back, and tried again."""
    run.show.chapter(5, "A handover that fails half-way is taken back", "")
    made.power_cut()
    refused = made.cards[-1]
    made.machine.write(PROGRAM, obstacle(refused.name, refused.mac), mode=0o755)
    add_service(made, OBSTACLE, OBSTACLE_TEXT)
    at = happens(
        run,
        Who.USER,
        f"cuts the power; then something in the network OS takes every name that {refused.name} could have",
        "power",
        tone=Tone.BAD,
    )
    made.boot(settle=False)
    (begun,) = run.until_all(Reached(stage="rolling-back", since=at), limit=LIMIT)
    back, status = run.until_all(
        Reached(stage="rescue", since=at), Reported(sender=LINUX, since=at, state="NotReady"), limit=LIMIT
    )
    told.add("handover refused → Linux says why", status.at - begun.at)
    answer = made.probe(0, 22)
    if answer not in ANSWERS:
        raise NotReached(
            f"Linux should be reachable at {made.cards[0].address} after the roll-back; it is: {answer}."
        )
    run.show.finding(Who.USER, f"sees that Linux answers at {made.cards[0].address} again")
    made.run(["systemctl", "stop", OBSTACLE]).checked()
    happens(run, Who.USER, "takes the obstacle away", "obstacle")
    run.until_all(Reached(stage="steady", since=back.at), Reported(sender=GUEST, since=back.at), limit=LIMIT)
    gap = gap_between_stages(run.accepted)
    if gap is not None:
        run.show.gap(gap)
