"""Errors that nobody has thought of: one in any call of the machine ends in a report, a log and a machine that the next boot completes."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from tests.boot.whole import ALL_OVER, KEY, VM_ID, Vm

from limpet.boot.main import side_by_side
from limpet.boot.result import as_document, as_text
from limpet.boot.stage import Stage

PORTS = ("files", "commands", "devices", "kernel", "links", "http", "key_values", "lookout")
WORD = "what-it-was-working-on"


class Odd(Exception):
    """Not one of limpet's."""


class Haunted:
    """A port that raises in one of its calls. left: calls until then, of all haunted ports."""

    def __init__(self, port: Any, left: list[int]) -> None:
        self._port, self._left = port, left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def called(*arguments: Any, **options: Any) -> Any:
            self._left[0] -= 1
            if self._left[0] == 0:
                raise Odd(WORD)
            return found(*arguments, **options)

        return called


def haunted(vm: Vm, left: list[int]) -> Stage:
    ports = vm.ports
    changed: dict[str, Any] = {name: Haunted(getattr(ports, name), left) for name in PORTS}
    return Stage(replace(ports, **changed), ALL_OVER)


def calls() -> int:
    left = [1 << 30]
    haunted(Vm.new(), left).run()
    return (1 << 30) - left[0]


CALLS = calls()
STEP = 7
"""Every call is tried, in as many tests as this."""


@pytest.mark.parametrize("first", range(1, STEP + 1))
def test_an_error_in_any_call_is_told_in_short_and_the_next_boot_is_whole(first: int) -> None:
    assert CALLS > 300
    for number in range(first, CALLS + 1, STEP):
        vm = Vm.new()
        where = f"an error in call {number} of {CALLS}"
        result = haunted(vm, [number]).run()
        told = as_text(result) + json.dumps(as_document(result))
        told += "".join(repr(report) for report in vm.core.vm.inbox.health.items)
        told += repr(vm.machine.key_values.pairs)
        assert WORD not in told, where
        assert "Traceback" not in told, where
        if any(outcome.failed and outcome.task.required for outcome in result.outcomes):
            assert result.exit_code == 1, (where, told)
        logged = vm.machine.log.of("boot.unexpected")
        assert len(logged) == 1, where
        assert "Odd" in str(logged[0]["traceback"]), where
        assert vm.ready_count <= 1, where
        if result.state == "failed" and not vm.ready_count:
            assert vm.reports[-1:] == ["ProvisioningFailed"], (where, vm.reports, told)
            assert vm.text("/var/lib/limpet/provisioned.json") == "", where
        again = vm.restart()
        assert again.state == "ready", (where, as_text(again))
        assert KEY in vm.text("/home/alice/.ssh/authorized_keys"), where
        assert VM_ID in vm.text("/var/lib/limpet/provisioned.json"), where


def test_the_reason_for_the_fabric_says_what_and_where_and_that_it_is_our_own() -> None:
    vm = Vm.new()

    def broken(_files: Any, _call: Any) -> Any:
        raise Odd(WORD)

    vm.machine.commands.programs["useradd"] = broken
    result = vm.boot()
    description = vm.core.vm.inbox.health.items[-1].value.description or ""
    assert "cannot make the user alice: an unexpected Odd at " in result.why
    assert "an error of limpet itself" in result.why
    assert "an unexpected Odd" in description
    assert vm.machine.kernel.name == "vm-001"


def test_a_configuration_that_cannot_be_used_is_told_to_the_fabric() -> None:
    vm = Vm.new()
    result = Stage(vm.ports, ALL_OVER).refused("/etc/limpet.toml, line 3: network.patience is not a number")
    assert (result.state, result.exit_code) == ("failed", 1)
    assert vm.reports == ["ProvisioningFailed"]
    assert "line 3" in (vm.core.vm.inbox.health.items[-1].value.description or "")
    assert "alice" not in vm.text("/etc/passwd")
    assert vm.boot().state == "ready"


def test_two_things_side_by_side_say_what_went_wrong_and_an_interrupt_does_not_wait() -> None:
    def odd() -> None:
        raise Odd

    with pytest.raises(Odd):
        side_by_side(odd, lambda: None)
    with pytest.raises(Odd):
        side_by_side(lambda: None, odd)
    never = threading.Event()

    def interrupted() -> None:
        raise KeyboardInterrupt

    def waiting() -> None:
        never.wait(30)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(waiting, interrupted)
    never.set()
