"""The agents of an appliance as real processes: parked on a real lock, granted, fenced, and refused where they do not belong."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.system.exchange import Exchange, is_held

from limpet.guest.fabric_lease import EXCHANGE, IN_THE_GUEST, LOCK, Holder
from limpet.guest.saying import SAYING, Saying, render_saying
from limpet.guest.shell_brief import VARIABLE, ShellBrief
from limpet.lab.clock import now, wait_for
from limpet.lab.commands import LabError
from limpet.lab.fabric import Fabric, fabric
from limpet.lab.packages import package_of
from limpet.lab.room import room

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence

    from limpet.lab.machine import Machine

pytestmark = pytest.mark.system

VM, INSTANCE = "vm0", "a1b2"
OUTPUT, JOURNAL = "/var/log/agent.out", "/var/log/waagent.log"
BRIEF = ShellBrief(instance=INSTANCE, vm_id="unused", wire_server="168.63.129.16", ready=False)
HANDLER = "Limpet.Test.Witness"
AGENT = ("limpet", "agent")
STATUS_ONLY = (*AGENT, "--status-only", "--saying", "handover pending")


class Place:
    """A machine with an exchange folder, and its fabric."""

    def __init__(self, machine: Machine, world: Fabric, folder: Path) -> None:
        self.machine = machine
        self.world = world
        self.exchange = Exchange(machine, folder)
        self.lock = folder / LOCK

    @property
    def message(self) -> str:
        try:
            status = self.world.status(VM)["status"]
        except LabError:
            return ""
        return f"{status['status']} {status['message']['message']}"

    def asked(self, endpoint: str) -> bool:
        return any(each["endpoint"] == endpoint for each in self.world.requests(VM))

    def await_message(self, text: str) -> None:
        wait_for(lambda: text in self.message, f"the status to say {text!r}", timeout=60)

    def end(self, process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
        """Signal what runs behind an `nsenter`, and give the exit code."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        os.kill(int(children.read_text("ascii").split()[0]), number)
        return process.wait(60)


@contextmanager
def place(layers: list[Path], init: Sequence[str], folder: Path) -> Iterator[Place]:
    with room() as made:
        emulator = made.emulator()
        machine, port = made.machine(layers)
        with fabric(emulator.admin) as world:
            world.add_vm(VM, port.address)
            machine.boot([*init, "/bin/sleep", "infinity"])
            try:
                yield Place(machine, world, folder)
            except Exception as error:
                for log in (OUTPUT, JOURNAL):
                    if machine.path(log).is_file():
                        error.add_note(machine.read(log)[-20_000:])
                raise


@pytest.fixture
def guest(layers: list[Path]) -> Iterator[Place]:
    """A machine whose first process was started as a guest shell's."""
    with place(layers, ["/usr/bin/env", f"{VARIABLE}={INSTANCE}"], IN_THE_GUEST) as made:
        made.exchange.brief(BRIEF)
        yield made


@pytest.fixture
def host(layers: list[Path]) -> Iterator[Place]:
    """An appliance's Linux."""
    with place(layers, ["/usr/bin/env"], EXCHANGE) as made:
        yield made


def test_a_parked_agent_asks_nothing_and_reports_when_the_lock_is_let_go(guest: Place) -> None:
    world, exchange = guest.world, guest.exchange
    exchange.grant(Holder.NOBODY)
    with exchange.locked(), guest.machine.start(AGENT, output=OUTPUT):
        exchange.parked()
        world.host(package_of(Path(__file__).parent / "witness"), name=HANDLER, version="1.0.0")
        wish = {"public": {"greeting": "hello"}, "protected": {"secret": "for this stage's own key"}}
        world.publish(VM, {"handler": HANDLER, "version": "1.0.0", **wish})
        assert world.requests(VM) == []
        exchange.grant(Holder.GUEST_SHELL)
        exchange.let_go()
        released = now()
        news = exchange.await_first()
        assert news.first is not None
        print(f"lock release -> first accepted status: {news.first - released:.3f} s", file=sys.__stderr__)
        world.wait(VM, timeout=60, handler=HANDLER, sequence=0, status="success", health="Ready")
        assert guest.message == "Ready guest shell: Guest Agent is running"
        wait_for(lambda: (told := exchange.news()) and told.ready, "Ready to be told", timeout=60)


def test_an_agent_that_loses_the_lease_lets_go_at_once_and_ends_with_4(guest: Place) -> None:
    exchange = guest.exchange
    exchange.grant(Holder.GUEST_SHELL)
    with guest.machine.start(AGENT, output=OUTPUT) as agent:
        exchange.await_first()
        assert is_held(guest.machine, guest.lock)
        exchange.grant(Holder.NOBODY)
        with exchange.locked():
            asked = len(guest.world.requests(VM))
            assert agent.wait(60) == 4
            assert len(guest.world.requests(VM)) == asked
    assert "agent.lost_lease" in guest.machine.read(JOURNAL)


def test_an_agent_whose_requests_are_not_answered_lets_go_all_the_same(guest: Place) -> None:
    exchange = guest.exchange
    exchange.grant(Holder.GUEST_SHELL)
    with guest.machine.start(AGENT, output=OUTPUT) as agent:
        wait_for(lambda: guest.asked("shared-config"), "the first poll to end", timeout=60)
        rule = guest.world.add_fault("*", delay=60.0)
        wait_for(lambda: (told := exchange.news()) and told.problem, "the outage to be told", timeout=120)
        exchange.grant(Holder.NOBODY)
        wait_for(lambda: not is_held(guest.machine, guest.lock), "the lock to be let go", timeout=60)
        assert agent.wait(60) == 4
        guest.world.remove_fault(rule["id"])


def test_a_parked_agent_ends_when_it_is_asked_to(guest: Place) -> None:
    exchange = guest.exchange
    exchange.grant(Holder.NOBODY)
    with exchange.locked(), guest.machine.start(AGENT, output=OUTPUT) as agent:
        exchange.parked()
        assert guest.end(agent) == 0
    assert guest.world.requests(VM) == []


def test_an_agent_that_cannot_be_parked_says_why(guest: Place) -> None:
    guest.machine.path(str(guest.lock)).unlink()
    guest.machine.run(["ln", "-s", "/etc/passwd", str(guest.lock)]).checked()
    refused = guest.machine.run(AGENT)
    assert refused.exit_code == 1
    assert "the lock of the fabric lease" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_agent_that_is_killed_leaves_no_lock(guest: Place) -> None:
    guest.exchange.grant(Holder.GUEST_SHELL)
    with guest.machine.start(AGENT, output=OUTPUT) as agent:
        guest.exchange.await_first()
        guest.end(agent, signal.SIGKILL)
    assert not is_held(guest.machine, guest.lock)


def test_half_a_marker_and_the_boot_stage_are_refused_in_a_guest_shell(guest: Place) -> None:
    run = guest.machine.run
    booting = run(["limpet", "boot"])
    assert booting.exit_code == 3
    assert "this is a guest shell" in booting.stderr
    assert run([*AGENT, "--set", "agent.stage=plain"]).exit_code == 2
    guest.exchange.brief(ShellBrief(instance="other", vm_id="v", wire_server="168.63.129.16", ready=True))
    wrong = run(AGENT)
    assert wrong.exit_code == 1
    assert "it is not known what this machine is" in wrong.stderr
    assert guest.world.requests(VM) == []


def test_on_an_appliances_linux_nobody_starts_by_hand_what_has_no_grant(host: Place) -> None:
    host.exchange.grant(Holder.GUEST_SHELL)
    for command in (AGENT, ("limpet", "boot")):
        refused = host.machine.run(command)
        assert refused.exit_code == 3
        assert "is with guest-shell" in refused.stderr
    host.exchange.grant(Holder.BOOT)
    refused = host.machine.run(["limpet", "boot"])
    assert refused.exit_code == 3
    assert "is with boot" in refused.stderr
    assert "stop limpet appliance run first" in refused.stderr
    assert host.machine.run([*AGENT, "--set", "agent.stage=guest-shell"]).exit_code == 2
    assert host.world.requests(VM) == []


def test_a_status_only_agent_says_what_it_is_told_and_its_last_report_goes(host: Place) -> None:
    exchange = host.exchange
    exchange.grant(Holder.STATUS_ONLY)
    began = now()
    with host.machine.start(STATUS_ONLY, output=OUTPUT) as agent:
        first = exchange.await_first().first
        assert first is not None
        print(f"status-only: start -> first accepted status: {first - began:.3f} s", file=sys.__stderr__)
        host.await_message("Ready handover pending")
        exchange.put(SAYING, render_saying(Saying(state="NotReady", text="rolled back: eth1 was refused")))
        host.await_message("NotReady rolled back: eth1 was refused")
        reports = host.world.vm(VM)["statusReports"]
        assert host.end(agent) == 0
        assert host.world.vm(VM)["statusReports"] == reports + 1
    last = exchange.news()
    assert last is not None
    assert last.last != first
    assert not is_held(host.machine, host.lock)


def test_a_status_only_agent_ends_in_time_where_the_fabric_is_silent(host: Place) -> None:
    exchange = host.exchange
    exchange.grant(Holder.STATUS_ONLY)
    with host.machine.start(STATUS_ONLY, output=OUTPUT) as agent:
        exchange.await_first()
        rule = host.world.add_fault("*", delay=60.0)
        exchange.put(SAYING, render_saying(Saying(state="Ready", text="something else")))
        wait_for(lambda: is_held(host.machine, host.lock), "it to be at work", timeout=60)
        assert host.end(agent) == 0
        host.world.remove_fault(rule["id"])


def test_a_status_only_agent_without_the_lease_ends_with_4(host: Place) -> None:
    host.exchange.grant(Holder.STATUS_ONLY)
    with host.machine.start(STATUS_ONLY, output=OUTPUT) as agent:
        host.exchange.await_first()
        host.exchange.grant(Holder.GUEST_SHELL)
        assert agent.wait(60) == 4
