"""How the guest shell is, for people and for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from limpet.appliance.guest import ceilings, images
from limpet.appliance.guest.storage import stored
from limpet.appliance.guest.wanted import wanted
from limpet.model.errors import HostError
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from limpet.appliance.commands.guestshell_deeds import Deeds
    from limpet.guest.steps import Outcome, Task

MIB = 1024 * 1024


def found(deeds: Deeds) -> dict[str, Any]:
    """How it is, as JSON has it. Raises: HostError."""
    files = deeds.here.files
    plan, sight = deeds.plan(), deeds.look()
    slots = images.read_slots(files)
    try:
        chosen, lack = images.choose(files), None
    except HostError as error:
        chosen, lack = None, str(error)
    limits = plan.limits
    return {
        "wanted": wanted(files).value,
        "running": sight.running,
        "problem": sight.problem,
        "runtime": deeds.runtime.name,
        "init": sight.init,
        "instance": sight.instance,
        "mounted": sight.mounted,
        "changed": sight.changed,
        "image": {
            "path": None if chosen is None else str(chosen.path),
            "slot": None if chosen is None else chosen.slot,
            "problem": lack,
            "confirmed": slots.confirmed,
            "tried": slots.tried,
            "bad": dict(slots.bad),
            "passed": [] if chosen is None else list(chosen.passed),
        },
        "limits": {
            "cpu": limits.cpu,
            "memory": limits.memory,
            "pids": limits.pids,
            "disk": limits.disk,
            "log": limits.log,
            "notHeld": list(ceilings.look(files).missing),
        },
        "storage": stored(plan, sight, files),
    }


def as_text(known: dict[str, Any]) -> str:
    """The same for people."""
    image, limits = known["image"], known["limits"]
    state = (
        "runs"
        if known["running"]
        else f"does not run ({known['problem'] or 'it was stopped or not started'})"
    )
    where = f"slot {image['slot']}" if image["slot"] else "as the appliance came with it"
    tried = ", being tried" if image["slot"] is not None and image["slot"] == image["tried"] else ""
    lines = [
        f"guest shell: {state}; it is {known['wanted']}",
        f"runtime:     {known['runtime']}" + (f", first process {known['init']}" if known["init"] else ""),
        f"image:       {image['problem'] or image['path']}"
        + ("" if image["problem"] else f" ({where}{tried})"),
        *(f"             bad: slot {slot}: {why}" for slot, why in image["bad"].items()),
        (
            f"limits:      {limits['cpu']} % of a processor, {limits['memory'] // MIB} MiB of memory, {limits['pids']} processes,"
            f" {limits['disk'] // MIB} MiB of disk, {limits['log'] // MIB} MiB of logs"
        ),
    ]
    if limits["notHeld"]:
        lines.append(f"             this kernel has no control groups for: {', '.join(limits['notHeld'])}")
    storage = known["storage"]
    free = "not known how much is free" if storage["free"] is None else f"{storage['free'] // MIB} MiB free"
    lines.append(f"storage:     {storage['how']}; {free}")
    if storage["problem"]:
        lines.append(f"             {storage['problem']}")
    return redacted("\n".join(lines)) + "\n"


def say_json(document: object) -> None:
    """The answer for programs."""
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def told(outcome: Outcome) -> None:
    """How a task ended, as it happens."""
    if outcome.failed and not outcome.task.required:
        sys.stderr.write(f"not done: {_one_line(redacted(outcome.describe()))}\n")
    elif outcome.state == "done":
        sys.stderr.write(f"done: {outcome.task.purpose}\n")
    sys.stderr.flush()


def told_json() -> tuple[Callable[[Outcome], None], list[dict[str, Any]]]:
    """The same for programs: kept until the end."""
    outcomes: list[dict[str, Any]] = []

    def keep(outcome: Outcome) -> None:
        outcomes.append(
            {
                "task": outcome.task.name,
                "purpose": outcome.task.purpose,
                "state": outcome.state,
                "seconds": round(outcome.seconds, 3),
                "problem": None if outcome.problem is None else redacted(outcome.problem),
            }
        )

    return keep, outcomes


def say_plan(tasks: Iterable[Task], *, as_json: bool) -> None:
    """What would be done."""
    planned = [task for task in tasks if task.steps or task.problem is not None]
    if as_json:
        say_json(
            [
                {
                    "task": task.name,
                    "purpose": task.purpose,
                    "steps": [redacted(step.describe()) for step in task.steps],
                    "problem": task.problem,
                }
                for task in planned
            ]
        )
        return
    sys.stdout.write("Nothing is done; without --dry-run:\n" if planned else "There is nothing to be done.\n")
    for task in planned:
        sys.stdout.write(f"{task.purpose}:\n")
        for step in task.steps:
            sys.stdout.write(f"  {_one_line(redacted(step.describe()))}\n")


def _one_line(text: str) -> str:
    return " ".join(text.split())
