"""Plans as values: tasks, and the steps that they are made of. Planners give them, `limpet.host.apply` does them.

A task has a purpose, for people, and the steps that serve it; a step is one thing that is done to the machine, such as a file that is
written or a program that is run. Being values they can be printed (`--dry-run`), compared and counted. Every step may be done again
after a power loss at any moment: whatever it leaves, the same plan made anew completes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Content = bytes | Secret[bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is made of what a program says, where that matters and not only how it ends.

    check: reads its standard output, and raises MalformedDocument for what is no answer: the step has failed then. kept: a
    file, for root alone, that gets a good answer. log: gets what the program complains of, without secrets. meanings: of
    its exit codes, for people. secrets: finds in its standard input what is never repeated of what it complains of.
    """

    check: Callable[[bytes], object]
    kept: Path | None = None
    log: Path | None = None
    meanings: Mapping[int, str] = field(default_factory=dict)
    secrets: Callable[[bytes], tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program of the machine: an argument vector, never a shell.

    accepted: exit codes that mean success. timeout: seconds. stdin is the only way in for a secret. output: a file, for root
    alone, that gets the head of what the program says, however it ends; it is not repeated elsewhere then. answer: what
    becomes of what it says; None where only its end counts. shown: what people are told instead of the argument vector, where
    that is an interpreter of ours with all its paths.
    """

    argv: tuple[str, ...]
    stdin: Content = b""
    timeout: float = 60.0
    accepted: tuple[int, ...] = (0,)
    output: Path | None = None
    answer: Answer | None = None
    shown: str = ""

    def describe(self) -> str:
        """One line for people."""
        import shlex  # noqa: PLC0415 - plans are shown to people only

        return f"run {self.shown or shlex.join(self.argv)}" + (
            " with a secret on its input" if isinstance(self.stdin, Secret) else ""
        )


@dataclass(frozen=True, slots=True)
class Write:
    """Replace a file whole.

    owner: a user's name, whose group it gets too, or the ids of user and group as they were found; None leaves it to root.
    beneath: a folder that somebody else may have filled; no link is followed from there on.
    """

    path: Path
    content: Content
    mode: int = 0o644
    owner: str | tuple[int, int] | None = None
    beneath: Path | None = None

    def describe(self) -> str:
        """One line for people."""
        size = "a secret" if isinstance(self.content, Secret) else f"{len(self.content)} bytes"
        owner = f", {self.owner}" if isinstance(self.owner, str) else ""
        return f"write {self.path} ({size}, {self.mode:04o}{owner})"


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """Make a folder, and its parents; one that is there keeps its mode and owner."""

    path: Path
    mode: int = 0o755
    owner: str | None = None
    beneath: Path | None = None

    def describe(self) -> str:
        """One line for people."""
        return f"make the folder {self.path} ({self.mode:04o}{f', {self.owner}' if self.owner else ''})"


@dataclass(frozen=True, slots=True)
class Copy:
    """Put a copy of a file, with its mode, in the place of another: what a program made becomes durable and whole by it."""

    source: Path
    path: Path

    def describe(self) -> str:
        """One line for people."""
        return f"copy {self.source} to {self.path}"


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file, a link, or a folder with all in it."""

    path: Path

    def describe(self) -> str:
        """One line for people."""
        return f"remove {self.path}"


@dataclass(frozen=True, slots=True)
class Poke:
    """Write to what is not a file of a disk: a setting of the kernel (/sys, /proc) or a device."""

    path: Path
    content: bytes

    def describe(self) -> str:
        """One line for people."""
        shown = (
            self.content.decode("ascii", "replace").strip()
            if len(self.content) <= 40
            else f"{len(self.content)} bytes"
        )
        return f"set {self.path} to {shown}"


@dataclass(frozen=True, slots=True)
class Allocate:
    """Make a file of `size` bytes without holes, readable by root alone, as a swap file must be; one that is so is kept.

    head: what it begins with. written: every byte, not only reserved.
    """

    path: Path
    size: int
    head: bytes = b""
    written: bool = False

    def describe(self) -> str:
        """One line for people."""
        return f"allocate {self.path} ({self.size} bytes, 0600)"


@dataclass(frozen=True, slots=True)
class WriteDevice:
    """Write to a block device, below its file systems. what: for people. table: it changes the partition table."""

    path: Path
    what: str
    pieces: tuple[tuple[int, bytes], ...]
    table: bool = False

    def describe(self) -> str:
        """One line for people."""
        return f"write {self.what} to {self.path}"


@dataclass(frozen=True, slots=True)
class Credit:
    """Mix bytes into the kernel's pool of entropy and credit them, 8 bits a byte."""

    content: Secret[bytes]

    def describe(self) -> str:
        """One line for people."""
        return "credit the platform's entropy to the kernel"


@dataclass(frozen=True, slots=True)
class NameHost:
    """Give the kernel the host name."""

    name: str

    def describe(self) -> str:
        """One line for people."""
        return f"name the host {self.name}"


Step = Run | Write | MakeFolder | Copy | Remove | Poke | Allocate | WriteDevice | Credit | NameHost


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One duty: steps in order, none when nothing is to be done.

    name: short, unique in a plan, such as ``account``. purpose: what it is for, as a person says it ("make the user
    alice"). after: tasks without which it makes no sense; it is skipped when one of them failed. problem: why it cannot be
    done at all, found while planning: it counts as failed, and nothing is tried. advice: what a person does about it.
    required: whether the VM counts as not provisioned when it fails.
    """

    name: str
    purpose: str
    steps: tuple[Step, ...] = ()
    after: tuple[str, ...] = ()
    problem: str | None = None
    advice: str = ""
    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a task ended. state: done, unchanged, failed or skipped. step: the one that failed, as described.

    seconds: how long it took.
    """

    task: Task
    state: str
    step: str | None = None
    problem: str | None = None
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether it failed, or was skipped because of another."""
        return self.state in {"failed", "skipped"}

    def describe(self) -> str:
        """One line for people: what was to be done, what was tried, how it failed and what to do."""
        if not self.failed:
            return f"{self.task.name}: {self.state}"
        tried = f" ({self.step})" if self.step else ""
        advice = f" {self.task.advice}" if self.task.advice else ""
        return f"{self.task.name}: cannot {self.task.purpose}{tried}: {self.problem}.{advice}"
