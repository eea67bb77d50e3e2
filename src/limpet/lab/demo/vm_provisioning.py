"""The demo's first chapter: a new VM provisions itself, and what it is then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.lab.agents import LIMPET
from limpet.lab.clock import now, wait_for
from limpet.lab.commands import LabError, Result
from limpet.lab.demo.run import Happening, NotReached
from limpet.lab.demo.stage import HOST, USER, VM
from limpet.lab.provisioning.disk import DISK, forget_reads
from limpet.lab.timeline import boot
from limpet.lab.timeline.moments import Moment, Tone, Who
from limpet.lab.timeline.sources import journal
from limpet.lab.vm.ssh import ssh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from limpet.lab.demo.run import Run
    from limpet.lab.demo.stage import Stage

NUMBER = 1
TITLE = "A new VM provisions itself"
ABOUT = (
    "Only {source} says who it is to be: its host name, its user, the user's SSH key. An extension is ordered with it, "
    "for chapter 2. The second column counts from the start of {unit}."
)
FIGURE = "unit start → Ready"
LIMIT = 120.0
"""Seconds until it must be ready."""
TIME_TO_LOG_IN = 60.0
SSH_FAILED = 255
"""The exit code of ssh itself. Source: ssh(1)."""

READY = Happening(kind=boot.READY, what="the VM's report that it is ready")
ENDED = Happening(kind="boot-ended", what=f"the end of {boot.UNIT}")
ASKED = "hostname; sudo -n id -un; findmnt --noheadings --output TARGET,SOURCE,FSTYPE,SIZE /mnt/resource"


def provision(made: Stage, run: Run, stack: ExitStack) -> int:
    """Switch the VM on and tell what comes until the boot stage has ended. Gives milliseconds from its start to Ready.

    stack: keeps what must last beyond it. Raises: LabError.
    """
    source = "the DVD in its drive" if made.drives else "the metadata service"
    run.show.chapter(NUMBER, TITLE, ABOUT.format(source=source, unit=boot.UNIT))
    run.count_from("boot-started")
    run.take(Moment(at=now(), who=Who.VM, what="is switched on", kind="power", tone=Tone.NEWS))
    made.new.boot(settle=False)
    stack.enter_context(journal(made.machine, (boot.UNIT, LIMPET.unit), run.take_entry))
    reached = run.until(READY, limit=LIMIT)
    run.until(ENDED, limit=LIMIT)
    if made.drives:
        forget_reads(made.new.drives[DISK])
    for who, text in _findings(made):
        run.show.finding(who, text)
    return reached


def _findings(made: Stage) -> Iterator[tuple[Who, str]]:
    """What is true now, as its user and the fabric see it. Raises: NotReached, when it is not what was asked for."""
    way, answer = _answer(made)
    said = [*answer.splitlines(), "", ""]
    name, root, disk = said[0], said[1], " ".join(said[2].split())
    if (name, root) != (HOST, "root"):
        raise NotReached(f"The VM should be {HOST}, and its user root by sudo; what they say: {answer!r}.")
    yield Who.USER, way
    yield Who.USER, f"asks there: `hostname` says {name}, `sudo id -un` says {root}"
    if disk:
        yield Who.USER, f"finds the temporary disk: {disk}"
    known = made.fabric.provisioning(VM)
    reports = ", then ".join(report["words"].replace("/", ": ") for report in known["reports"])
    registered = (known["hostName"] or {}).get("name")
    yield Who.FABRIC, f"has on record: {reports}; in its DNS: {registered} at {made.new.port.address}"


def _answer(made: Stage) -> tuple[str, str]:
    """How the user came in, and what the VM answered: by SSH or, where its sshd does not answer, from inside."""
    address = made.new.port.address

    def attempt() -> Result | None:
        done = ssh(made.outside, USER, address, made.key, ASKED, timeout=TIME_TO_LOG_IN)
        return None if done.exit_code == SSH_FAILED else done

    try:
        done = wait_for(attempt, f"sshd to let {USER} in", timeout=TIME_TO_LOG_IN)
    except LabError as error:
        inside = made.machine.run(["su", "--login", USER, "--command", ASKED])
        return f"cannot log in by SSH ({error}); this is `su --login {USER}` in the VM", inside.stdout
    return f"logs in by `ssh {USER}@{address}`, with the key that the VM was given", done.stdout
