"""The peer: WALinuxAgent twice, the way Cisco's image has it; everything around it by hand, and prepared as far as it helps.

It provisions while Linux has the NICs and is ended once it has said that the VM is ready; then the NICs go to the network OS, and only then
is a container started, cold, whose service manager starts the agent. Source: network-appliance.md §1.1, §1.3.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from limpet.lab import waagent
from limpet.lab.appliance.by_hand import STORE, give_nics, in_guest, mount_guest, start_lxc, start_network_os
from limpet.lab.appliance.room import NETWORKS, Wish, appliance
from limpet.lab.bench import appliance_figures as figures
from limpet.lab.bench.appliance_figures import PEERS_CASE, reports
from limpet.lab.bench.appliance_probe import Idle
from limpet.lab.bench.appliance_run import (
    ACCOUNT,
    BEGUN,
    HANDLER,
    LONGEST,
    SERVE,
    VERSION,
    Plan,
    disk,
    kill_unit,
)
from limpet.lab.bench.boot_ns_run import accepted, stamp
from limpet.lab.clock import now, wait_for
from limpet.lab.commands import LabError
from limpet.lab.provisioning.machine import FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.lab.appliance.room import Appliance, Parts
    from limpet.lab.bench.figures import Figure

ROOT = f"{STORE}/root"
CHANGES = (f"{STORE}/upper", f"{STORE}/state")
STAYS_ENDED = "[Service]\nRestart=no\n"
STARTED_AGAIN = f"{waagent.DROP_IN}[Service]\nRestart=always\nRestartSec=5\n"
"""As Cisco's unit has it; Debian's starts it once. Source: network-appliance.md §1.3."""
FIRST_STAGE = {"Provisioning.Agent": "waagent"}


def told_twice(parts: Parts, plan: Plan | None = None) -> dict[Figure, float]:
    """From its first start to the first success of an extension. plan: when what it uses while idle is wanted too. Raises: LabError."""
    wish = Wish(nics=PEERS_CASE.nics, account=ACCOUNT, serve=SERVE)
    with appliance(parts, wish) as made:
        _furnish(made)
        made.boot()
        start_network_os(made)
        _furnish_guest(made)
        try:
            values = _story(made)
            if plan is not None:
                look = Idle(agent=waagent.UNIT, supervised=False, settle=plan.settle, window=plan.window)
                values |= {**look.figures(made), **disk(made, CHANGES)}
        except LabError as error:
            said = [waagent.log(made.machine)[-2000:], _log_inside(made)[-2000:]]
            raise LabError(f"WALinuxAgent: {error}\n{said[0]}\nin the guest shell:\n{said[1]}") from error
        return values


def turns(
    parts: Parts, plan: Plan
) -> Callable[[int], Iterator[tuple[str, Callable[[], dict[Figure, float]]]]]:
    """As limpet's."""

    def turn(number: int) -> Iterator[tuple[str, Callable[[], dict[Figure, float]]]]:
        look = plan if plan.window and not number else None
        yield f"cold, {PEERS_CASE.words}", partial(told_twice, parts, look)

    return turn


def version(parts: Parts) -> str:
    """As it tells it in the first line of the answer. Raises: LabError."""
    with appliance(parts, Wish()) as made:
        made.boot()
        return made.run(["waagent", "-version"]).checked().splitlines()[0].strip()


def _story(made: Appliance) -> dict[Figure, float]:
    machine, world = made.machine, made.world
    waagent.start(machine)
    begun = stamp(machine, waagent.UNIT, BEGUN)
    world.wait(made.name, timeout=LONGEST, health="Ready")
    # The fabric has a status of it before it is ended: without one there would be no gap to speak of, but a longer silence.
    wait_for(lambda: reports(world.statuses(made.name)), "its first report", timeout=LONGEST, pause=0.005)
    made.run(["systemctl", "kill", "--signal=KILL", waagent.UNIT]).checked()
    last = reports(world.statuses(made.name))[-1].at
    world.publish(made.name, {"handler": HANDLER, "version": VERSION, "public": {"round": 0}})
    handing = now()
    made.kill("dhclient")
    give_nics(made)
    init = start_lxc(made, "Restart=always", "RestartSec=1")
    wanted = {"handler": HANDLER, "sequence": 0, "status": "success"}
    world.wait(made.name, timeout=LONGEST, **wanted)
    found = reports(world.statuses(made.name))
    first = figures.first(found, after=last, guest=True).at
    values = {
        PEERS_CASE.gap: first - last,
        figures.INSTALLED: figures.first(found, after=last, guest=True, done=(HANDLER, 0)).at - last,
        figures.READY: accepted(world.provisioning(made.name)["reports"]) - begun,
        figures.HANDING: handing - begun,
        figures.REPORTING: first - begun,
    }
    guest = _killed(made, lambda: made.run(["kill", "-KILL", init]).checked(), 1)
    agent = _killed(made, lambda: kill_unit(made, waagent.UNIT), 2)
    return {
        **values,
        figures.GUEST: guest[0],
        figures.GUEST_DONE: guest[1],
        figures.AGENT: agent[0],
    }


def _killed(made: Appliance, kill: Callable[[], object], sequence: int) -> tuple[float, float]:
    """Something dies; what is around it starts it again. Seconds until its next report, and until new settings' success."""
    began = now()
    kill()
    after = now()
    made.world.publish(made.name, {"handler": HANDLER, "version": VERSION, "public": {"round": sequence}})
    wanted = {"handler": HANDLER, "sequence": sequence, "status": "success"}
    made.world.wait(made.name, timeout=LONGEST, **wanted)
    found = reports(made.world.statuses(made.name))
    done = figures.first(found, after=after, guest=True, done=(HANDLER, sequence))
    return figures.first(found, after=after, guest=True).at - began, done.at - began


def _furnish(made: Appliance) -> None:
    """Linux with its own network and the agent that provisions, in a machine that is not booted yet."""
    machine = made.machine
    for unit in NETWORKS[:2]:
        machine.path(f"/etc/systemd/system/{unit}").unlink()
    for path, content in FILES.items():
        machine.write(path, content)
    waagent.prepare(machine, FIRST_STAGE)
    machine.write(f"/etc/systemd/system/{waagent.UNIT}.d/limpet-lab-once.conf", STAYS_ENDED)


def _furnish_guest(made: Appliance) -> None:
    """The guest's root, with the agent as a service that starts with it and does not provision."""
    machine = made.machine
    mount_guest(made)
    text = waagent.configured(machine.read(f"{ROOT}{waagent.CONFIGURATION}"), waagent.WITHOUT_A_VM)
    machine.write(f"{ROOT}{waagent.CONFIGURATION}", text)
    units = f"{ROOT}/etc/systemd/system"
    machine.write(f"{units}/{waagent.UNIT}.d/lab.conf", STARTED_AGAIN)
    made.sh(
        f"mkdir -p {units}/multi-user.target.wants && "
        f"ln -sf /lib/systemd/system/{waagent.UNIT} {units}/multi-user.target.wants/{waagent.UNIT}"
    )


def _log_inside(made: Appliance) -> str:
    init = made.run(["lxc-info", "-P", f"{STORE}/lxc", "-n", "guest", "-p", "-H"]).stdout.strip()
    return in_guest(made, init, f"cat {waagent.LOG}; true") if init else "(it does not run)"
