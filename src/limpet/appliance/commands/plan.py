"""`limpet appliance plan`: what a handover would do, as it would be planned on this machine now. Nothing is changed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from limpet.appliance.guest.images import image_to_start
from limpet.appliance.guest.planning import shell_of
from limpet.appliance.guest.runtimes import runtime
from limpet.appliance.guest.wanted import DISABLED, Wanted, wanted
from limpet.appliance.inventory import survey, usable, with_colons
from limpet.appliance.networkos.drivers import network_os
from limpet.guest.namespaces import HOST
from limpet.guest.steps import Run
from limpet.host.facts import leases, namespaces
from limpet.model.errors import HostError
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.appliance.moves import Move
    from limpet.config.settings import Config
    from limpet.guest.site import Site
    from limpet.guest.steps import Step, Task
    from limpet.host.ports import Commands, Files, Kernel

NAMES = ("limpet-nos", "limpet-guest")
_MOST_LINES = 60


def show(config: Config, files: Files, commands: Commands, kernel: Kernel, *, as_json: bool) -> int:
    """Print it; gives the exit code. Raises: HostError, ConfigurationError."""
    found = plan(config, files, commands, kernel)
    sys.stdout.write(json.dumps(found, indent=1) + "\n" if as_json else "\n".join(_lines(found)) + "\n")
    return 0


def plan(config: Config, files: Files, commands: Commands, kernel: Kernel) -> dict[str, Any]:
    """The tasks before, the moves in their order, and what each NIC gets, as a document. Raises: HostError, ConfigurationError."""
    saved = leases.saved_leases(files)
    seen = namespaces.look(files, commands, NAMES)
    if saved and any(place != HOST for place, _ in seen.of_mac(with_colons(saved[0].mac))):
        raise HostError("the NICs are with the network OS already; `limpet show` says who has which")
    site = usable(survey(config, saved, seen, kernel.host_name()))
    driver = network_os(config, files)
    tasks, lack = _guest(config, site, files, commands)
    return {
        "version": 1,
        "networkOs": driver.name,
        "runtime": config.runtime,
        "before": [_task(each) for each in driver.start(site, seen)],
        "guestShell": {"tasks": [_task(each) for each in tasks if each.steps], "problem": lack},
        "moves": [_move(driver.claim(nic, site, seen)) for nic in site.nics],
        "addresses": {
            nic.name: _steps(driver.dress(nic, site.leases.get(nic.mac), site, seen)) for nic in site.nics
        },
    }


def _guest(
    config: Config, site: Site, files: Files, commands: Commands
) -> tuple[tuple[Task, ...], str | None]:
    """What starts the guest shell, which is parked before the first NIC moves; and why it cannot be started, or be looked at."""
    try:
        if wanted(files) is Wanted.DISABLED:
            return (), DISABLED
        shell = shell_of(
            config, image=image_to_start(files), instance="a new one", network=site.guest, dns=site.dns
        )
        container = runtime(config.runtime, files)
        sight = container.look(shell, files, commands)
        if sight.running:
            return (), None
        ended = container.stop(shell, sight)
        return (*ended, *container.prepare(shell, sight), *container.start(shell, sight)), None
    except HostError as error:
        return (), str(error)


def _task(task: Task) -> dict[str, Any]:
    return {"name": task.name, "purpose": task.purpose, "steps": _steps(task.steps)}


def _move(move: Move) -> dict[str, Any]:
    return {
        "name": move.name,
        "purpose": move.purpose,
        "forward": _steps(move.forward),
        "back": _steps(move.back),
    }


def _steps(steps: tuple[Step, ...]) -> list[str]:
    """Each step, with what a program is given on its input: most of a handover is in that."""
    return [line for step in steps for line in (step.describe(), *_given(step))]


def _given(step: Step) -> list[str]:
    if not isinstance(step, Run) or isinstance(step.stdin, Secret):
        return []
    lines = step.stdin.decode("utf-8", "replace").splitlines()
    left_out = [f"| ({len(lines) - _MOST_LINES} more lines)"] if len(lines) > _MOST_LINES else []
    return [f"| {line}" for line in lines[:_MOST_LINES] if line.strip()] + left_out


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [
        f"Network OS: {found['networkOs']}. Guest shell: {found['runtime']}.",
        "",
        "Before the first NIC moves:",
    ]
    for task in found["before"]:
        lines += [f"  {task['purpose']}", *(f"    {step}" for step in task["steps"])]
    guest = found["guestShell"]
    for task in guest["tasks"]:
        lines += [f"  {task['purpose']}", *(f"    {step}" for step in task["steps"])]
    if guest["problem"] is not None:
        lines.append(f"  guest shell: {guest['problem']}")
    lines += ["", "Then each NIC, in this order:"]
    for move in found["moves"]:
        lines += [f"  {move['purpose']}", *(f"    {step}" for step in move["forward"])]
        lines += [f"    back: {step}" for step in move["back"]]
    lines += ["", "Addresses:"]
    for name, steps in found["addresses"].items():
        lines += [f"  {name}", *(f"    {step}" for step in steps)]
    return lines
