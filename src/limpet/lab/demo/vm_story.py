"""The demo's chapters: what is published, and what must be in the status for the story to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limpet.lab.demo import vm_provisioning
from limpet.lab.demo.run import Awaited
from limpet.lab.demo.stage import VM
from limpet.lab.demo.status import COLUMNS, both, parts, reported, rows, said, summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import ExitStack

    from limpet.lab.demo.run import Run
    from limpet.lab.demo.stage import Stage

HELLO = "Limpet.Sample.Hello"
FAILS = "Limpet.Sample.Fails"
HANDLERS = (f"{HELLO}-1.0.0", f"{HELLO}-1.1.0", f"{FAILS}-1.0.0")
PROTECTED = {"password": "between you and the VM"}
"""Must be seen by the handler in the VM and by nobody else."""
FIRST = vm_provisioning.NUMBER + 1
LIMIT = 120.0
"""Seconds that a chapter may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """One change of the goal state and what must come of it; they follow the chapter in which the VM provisions itself.

    change: of the admin API's publication. zero: the kind of moment from which times count. figure: what the time to
    the awaited status is called; None where it is not worth a figure. early: whether it is published before the VM is
    switched on.
    """

    title: str
    about: str
    change: Mapping[str, Any]
    awaited: Awaited
    channel: str = "fabric"
    figure: str | None = None
    zero: str = "published"
    early: bool = False


CHAPTERS: Sequence[Chapter] = (
    Chapter(
        title=f"The agent starts, and enables {HELLO} 1.0.0",
        about="Protected settings are encrypted for this VM. The second column counts from the agent's start.",
        change={
            "handler": HELLO,
            "version": "1.0.0",
            "public": {"greeting": "Good morning"},
            "protected": PROTECTED,
        },
        awaited=Awaited(handler=HELLO, version="1.0.0", sequence=0, state="success"),
        figure="agent's start → first success",
        zero="agent-started",
        early=True,
    ),
    Chapter(
        title="New settings, by FastTrack",
        about="Sequence number 1. From here on the second column counts from the publication.",
        channel="fast-track",
        change={"handler": HELLO, "public": {"greeting": "Good evening"}, "protected": PROTECTED},
        awaited=Awaited(handler=HELLO, version="1.0.0", sequence=1, state="success"),
        figure="new settings → success",
    ),
    Chapter(
        title="Update to version 1.1.0",
        about="The old version is disabled, the new one updates from it, the old one is uninstalled.",
        change={"handler": HELLO, "version": "1.1.0"},
        awaited=Awaited(handler=HELLO, version="1.1.0", sequence=2, state="success"),
        figure="update → success",
    ),
    Chapter(
        title=f"{FAILS}, a handler that fails",
        about="Its settings name a folder that does not exist. What its user reads is below.",
        change={"handler": FAILS, "version": "1.0.0", "public": {"folder": "/srv/data"}},
        awaited=Awaited(handler=FAILS, version="1.0.0", sequence=0, state="error", handler_status="NotReady"),
    ),
)


def tell(made: Stage, run: Run, stack: ExitStack) -> None:
    """The whole story. stack: keeps what must last beyond it. Raises: LabError, when something is not reached."""
    for chapter in CHAPTERS:
        if chapter.early:
            _publish(made, chapter)
    figures = {vm_provisioning.FIGURE: vm_provisioning.provision(made, run, stack)}
    for number, chapter in enumerate(CHAPTERS, start=FIRST):
        run.show.chapter(number, chapter.title, chapter.about)
        run.count_from(chapter.zero)
        if not chapter.early:
            _publish(made, chapter)
        reached = run.until(chapter.awaited, limit=LIMIT)
        run.settle()
        if chapter.figure is not None:
            figures[chapter.figure] = reached
        _quote(made, run, chapter)
    about = "As the fabric has it, and shows it to the user."
    run.show.chapter(FIRST + len(CHAPTERS), "The aggregate status", about)
    status = made.fabric.status(VM)["status"]
    run.show.table(summary(status), COLUMNS, list(rows(status)))
    run.show.figures(figures)


def _publish(made: Stage, chapter: Chapter) -> None:
    made.fabric.publish(VM, chapter.change, channel=chapter.channel)


def _quote(made: Stage, run: Run, chapter: Chapter) -> None:
    """Show what the handler of a chapter says: of a failure, all of it."""
    entry = reported(made.fabric.status(VM)["status"], chapter.awaited.handler)
    if chapter.awaited.state == "error":
        run.show.quotation(f"{entry['name']} {entry['version']}", both(entry))
        return
    for text in (said(entry), *parts(entry)):
        run.show.message(text)
