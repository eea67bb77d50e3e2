"""Does duties, in a process that ends. What is to be done comes as JSON on the standard input; what was done goes out the same way."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from limpet.agent.duties.result import Hands, Result
from limpet.host.apply import Interpreter
from limpet.host.chance import RealRandom
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel
from limpet.host.links import RealLinks
from limpet.host.lookout import RealLookout
from limpet.model.errors import LimpetError
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LARGEST = 1024 * 1024


def main(_arguments: Sequence[str]) -> int:
    """Do what the standard input says."""
    order = json.loads(sys.stdin.buffer.read(_LARGEST))
    files, clock = RealFiles(), RealClock()
    hands = Hands(
        interpreter=Interpreter(
            files=files, commands=RealCommands(), kernel=RealKernel(), devices=RealDevices(), clock=clock
        ),
        links=RealLinks(),
        lookout=RealLookout(()),
        chance=RealRandom(),
    )
    sys.stdout.write(json.dumps(carry_out(order, hands)))
    return 0


def carry_out(order: Mapping[str, Any], hands: Hands) -> dict[str, Any]:
    """Do each duty of an order. One that fails keeps none from being done."""
    answers = {}
    for name, wanted in order.items():
        try:
            duty = import_module(f"limpet.agent.duties.{wanted['module']}")
            result: Result = duty.do(wanted["wish"], wanted["memory"], hands)
        except LimpetError as error:
            result = Result(problem=redacted(str(error)))
        except Exception as error:  # noqa: BLE001 - a defect in one must not take the firewall from the others
            result = Result(problem=f"an unexpected {type(error).__name__}, an error of limpet itself")
        answers[name] = {"did": result.did, "problem": result.problem, "memory": result.memory}
    return answers
