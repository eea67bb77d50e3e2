"""Does the boot stage's tasks, and keeps count: an error in one, even one that nobody has thought of, leaves the others.

It is what decides in the end whether the VM is provisioned, and with what reason the fabric hears that it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.steps import Outcome, Task
from limpet.model.errors import LimpetError
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from limpet.boot.machine import Machine


class Doing:
    """outcomes: of every task so far, in order. tell: hears of each as it ends."""

    def __init__(self, machine: Machine, tell: Callable[[Outcome], None]) -> None:
        self._machine = machine
        self._tell = tell
        self.outcomes: list[Outcome] = []

    def apply(self, name: str, plan: Callable[[], Iterable[Task]], *, required: bool = True) -> None:
        """Plan now, on the machine as it is now, and do it.

        name: of what counts as failed when not even a plan can be made. required: whether the VM is not provisioned then.
        """
        purpose = f"see to {name}"
        try:
            tasks = tuple(plan())
        except LimpetError as error:
            self.fail(name, purpose, str(error), required=required)
            return
        except Exception as error:  # noqa: BLE001 - what does not depend on it goes on
            self.unexpected(name, purpose, error, required=required)
            return
        for task in tasks:
            try:
                self._machine.interpreter.apply([task], self._said, earlier=self.outcomes)
            except Exception as error:  # noqa: BLE001 - what does not depend on it goes on
                self.unexpected(task.name, task.purpose, error, required=task.required)

    def fail(self, name: str, purpose: str, problem: str, *, advice: str = "", required: bool = True) -> None:
        """Count as failed what could not become a task."""
        task = Task(name=name, purpose=purpose, problem=problem, advice=advice, required=required)
        self._said(Outcome(task=task, state="failed", problem=problem))

    def unexpected(self, name: str, purpose: str, error: Exception, *, required: bool = True) -> None:
        """Count as failed what ended with an error of our own."""
        from limpet.boot import unexpected  # noqa: PLC0415 - it should never be needed

        reason = unexpected.note(error, self._machine.log)
        self.fail(name, purpose, reason, advice=unexpected.ADVICE, required=required)

    def failures(self) -> list[Outcome]:
        """What keeps the VM from being provisioned."""
        return [outcome for outcome in self.outcomes if outcome.failed and outcome.task.required]

    def reason(self) -> str:
        """Why the VM is not provisioned. What was skipped because of something else is not repeated: reports are short."""
        return "; ".join(redacted(each.describe()) for each in self.failures() if each.state == "failed")

    def lacking(self) -> dict[str, str]:
        """What a VM that is ready does without, as data of its report."""
        problems = [redacted(outcome.describe()) for outcome in self.outcomes if outcome.state == "failed"]
        return {"lacking": "; ".join(problems)} if problems else {}

    def _said(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        say(self._machine, outcome)
        self._tell(outcome)


def say(machine: Machine, outcome: Outcome) -> None:
    """Log how a task ended."""
    if outcome.failed:
        machine.log.error(
            "boot.task", task=outcome.task.name, state=outcome.state, problem=outcome.describe()
        )
    else:
        machine.log.info(
            "boot.task", task=outcome.task.name, state=outcome.state, seconds=round(outcome.seconds, 3)
        )
