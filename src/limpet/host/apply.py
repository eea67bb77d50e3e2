"""The interpreter of plans: does tasks, step by step, through the ports.

When a step fails its task has failed, tasks that need it are left out, and the others are done all the same. Each outcome says
what was tried, and why it failed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.steps import (
    Allocate,
    Copy,
    Credit,
    MakeFolder,
    NameHost,
    Outcome,
    Poke,
    Remove,
    Run,
    Write,
    WriteDevice,
)
from limpet.host.accounts import ids_of
from limpet.model.errors import HostError, MalformedDocument
from limpet.model.redact import redacted
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from limpet.guest.steps import Answer, Content, Step, Task
    from limpet.host.ports import Clock, Commands, Devices, Files, Kernel

_NO_REASON = ("Command failed ", "tar: Exiting with failure", "tar: Error is not recoverable")
"""How the lines begin that `ip -batch` and tar end with, after the one that says why."""
_LONGEST_COMPLAINT = 300
_MOST_NOTED = 16 * 1024
_LARGEST_LOG = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """Applies tasks through the ports, which are the machine."""

    files: Files
    commands: Commands
    devices: Devices
    kernel: Kernel
    clock: Clock

    def apply(
        self,
        tasks: Iterable[Task],
        tell: Callable[[Outcome], None] = lambda _outcome: None,
        earlier: Iterable[Outcome] = (),
    ) -> list[Outcome]:
        """Do every task whose predecessors did not fail. tell: hears of each as it ends. earlier: outcomes to count with."""
        failed = {outcome.task.name for outcome in earlier if outcome.failed}
        outcomes = []
        for task in tasks:
            missing = next((name for name in task.after if name in failed), None)
            if missing is not None:
                outcome = Outcome(task=task, state="skipped", problem=f"{missing} failed")
            else:
                outcome = self._applied(task)
            if outcome.failed:
                failed.add(task.name)
            outcomes.append(outcome)
            tell(outcome)
        return outcomes

    def _applied(self, task: Task) -> Outcome:
        if task.problem is not None:
            return Outcome(task=task, state="failed", problem=task.problem)
        began = self.clock.monotonic()
        for step in task.steps:
            try:
                self.do(step)
            except HostError as error:
                return Outcome(
                    task=task,
                    state="failed",
                    step=step.describe(),
                    problem=str(error),
                    seconds=self.clock.monotonic() - began,
                )
        state = "done" if task.steps else "unchanged"
        return Outcome(task=task, state=state, seconds=self.clock.monotonic() - began)

    def do(self, step: Step) -> None:  # noqa: C901 - one case for each kind of step
        """Do one step. Raises: HostError, with the reason."""
        match step:
            case Run():
                self._run(step)
            case Write(path=path, content=content, mode=mode, beneath=beneath):
                owner = self._owner(step.owner)
                self.files.replace(path, _revealed(content), mode=mode, owner=owner, beneath=beneath)
            case MakeFolder(path=path, mode=mode, beneath=beneath):
                self.files.make_folder(path, mode=mode, owner=self._owner(step.owner), beneath=beneath)
            case Copy(source=source, path=path):
                self._copy(source, path)
            case Remove(path=path):
                self.files.remove(path)
            case Poke(path=path, content=content):
                self.files.poke(path, content)
            case Allocate(path=path, size=size):
                self.files.allocate(path, size, head=step.head, written=step.written)
            case WriteDevice(path=path, pieces=pieces, table=table):
                self.devices.write(path, pieces, table=table)
            case Credit(content=secret):
                self.kernel.credit_entropy(secret.reveal())
            case NameHost(name=name):
                self.kernel.set_host_name(name)

    def _run(self, step: Run) -> None:
        told = _revealed(step.stdin)
        done = self.commands.run(step.argv, stdin=told, timeout=step.timeout)
        if step.output is not None:
            self.files.replace(step.output, done.stdout + done.stderr, mode=0o600)
        complaint = (done.stderr or done.stdout).decode("utf-8", "replace")
        if step.answer is not None:
            complaint = _without(complaint, step.answer, told)
            self._note(step.answer, step.argv[0], complaint if done.stderr else "")
        if done.exit_code in step.accepted:
            if step.answer is not None:
                self._keep(step.answer, done.stdout)
            return
        lines = complaint.strip().splitlines()
        said = [line for line in lines if not line.startswith(_NO_REASON)] or lines
        # What goes to a file of its own is not repeated: it is somebody else's, and may have secrets in it.
        reason = redacted(_printable(said[-1])[:_LONGEST_COMPLAINT]) if said and step.output is None else ""
        if done.exit_code is None:
            raise HostError(f"it did not end in {step.timeout:g} s")
        if done.exit_code == 127 and not self.commands.exists(step.argv[0]):
            raise HostError(f"the program {step.argv[0]} is not installed")
        meaning = step.answer.meanings.get(done.exit_code, "") if step.answer is not None else ""
        raise HostError(": ".join(filter(None, (meaning, reason))) or f"it ended with {done.exit_code}")

    def _note(self, answer: Answer, program: str, complaint: str) -> None:
        """Put into its log what a program complained of."""
        if answer.log is None or not complaint.strip():
            return
        from limpet.guest.log_redaction import Redactor  # noqa: PLC0415 - the boot stage has no such program

        text = Redactor().block(complaint[:_MOST_NOTED])
        lines = [f"{program}: {_printable(line)}\n" for line in text.splitlines()]
        with suppress(HostError):  # what the program did counts, not whether that could be noted
            if self.files.info(answer.log) is None:
                self.files.replace(answer.log, b"", mode=0o600, durable=False)
            self.files.append(answer.log, "".join(lines).encode(), at_most=_LARGEST_LOG)

    def _keep(self, answer: Answer, said: bytes) -> None:
        try:
            answer.check(said)
        except MalformedDocument as error:
            raise HostError(str(error)) from error
        if answer.kept is not None:
            self.files.replace(answer.kept, said, mode=0o600)

    def _copy(self, source: Path, path: Path) -> None:
        try:
            self.files.copy(source, path)
        except FileNotFoundError as error:
            raise HostError(f"there is no {source}") from error

    def _owner(self, owner: str | tuple[int, int] | None) -> tuple[int, int] | None:
        return ids_of(owner, self.files) if isinstance(owner, str) else owner


def _without(text: str, answer: Answer, told: bytes) -> str:
    """A program's words without the secrets that it was told: `sh -x` alone repeats all of them."""
    if not text or answer.secrets is None:
        return text
    for secret in answer.secrets(told):
        text = text.replace(secret, "<redacted>")
    return text


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _revealed(content: Content) -> bytes:
    return content.reveal() if isinstance(content, Secret) else content
