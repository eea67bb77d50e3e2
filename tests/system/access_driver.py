"""Run inside a machine: plans and applies account and access there with the real adapters. Reads JSON, writes JSON.

wanted: as in tests/plans/duty_access.py. steps: how many of the plan's steps are done before the power is cut; all without.
"""

# ruff: noqa: PLC0415 - limpet is found only where the path says

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

sys.path[:0] = ["/opt/limpet/lib", "/opt/limpet/tests"]
if TYPE_CHECKING:
    from typing import Any


def main() -> dict[str, Any]:
    """Do what is asked."""
    from duty_access import plan  # type: ignore[import-not-found]

    from limpet.host.apply import Interpreter
    from limpet.host.chance import RealRandom
    from limpet.host.clock import RealClock
    from limpet.host.commands import RealCommands
    from limpet.host.devices import RealDevices
    from limpet.host.files import RealFiles
    from limpet.host.kernel import RealKernel
    from limpet.host.passwords import MachineCrypt

    asked = json.load(sys.stdin)
    files, commands, kernel = RealFiles(), RealCommands(), RealKernel()
    machine = SimpleNamespace(
        files=files,
        commands=commands,
        kernel=kernel,
        crypt=MachineCrypt("6", 16, RealRandom(), commands),
    )
    interpreter = Interpreter(
        files=files, commands=commands, devices=RealDevices(), kernel=kernel, clock=RealClock()
    )
    tasks = plan(machine, asked["wanted"])
    if "steps" in asked:
        for step in [step for task in tasks for step in task.steps][: asked["steps"]]:
            interpreter.do(step)
        return {}
    outcomes = interpreter.apply(tasks)
    again = plan(machine, asked["wanted"])
    return {
        "steps": [f"{task.name}: {step.describe()}" for task in tasks for step in task.steps],
        "problems": [outcome.describe() for outcome in outcomes if outcome.failed],
        "seconds": {outcome.task.name: outcome.seconds for outcome in outcomes},
        "again": [f"{task.name}: {step.describe()}" for task in again for step in task.steps],
    }


if __name__ == "__main__":
    json.dump(main(), sys.stdout)
