"""Run inside an appliance: a driver for a network OS with the real adapters. Reads JSON, writes JSON.

nics: [name, mac] of each, the primary one last. leases: by MAC, as files of leases are. do: a list of [what, argument]:
start, claim, dress, release, stop, protect, revive, health, deep, again, day-zero; each gives the seconds that it took, or what is asked for.
"""

# ruff: noqa: PLC0415 - limpet is found only where the path says

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING

sys.path.insert(0, "/opt/limpet/lib")
if TYPE_CHECKING:
    from typing import Any

    from limpet.appliance.networkos.contract import NetworkOs


def main(asked: dict[str, Any]) -> list[Any]:  # noqa: C901, PLR0915 - one case for each word
    """Do what is asked, in order, up to the first that fails."""
    from limpet.appliance.networkos.frr.driver import NAMESPACE, FrrNetworkOs, daemons_wanted
    from limpet.appliance.networkos.kernel import KernelNetworkOs
    from limpet.guest.lease import parse_lease
    from limpet.guest.site import Nic, Site
    from limpet.guest.steps import Task
    from limpet.guest.translation import DayZero
    from limpet.host.apply import Interpreter
    from limpet.host.clock import RealClock
    from limpet.host.commands import RealCommands
    from limpet.host.devices import RealDevices
    from limpet.host.facts.namespaces import look
    from limpet.host.files import RealFiles
    from limpet.host.kernel import RealKernel
    from limpet.model.provisioning import OvfEnvironment
    from limpet.model.secret import Secret

    files, commands, clock = RealFiles(), RealCommands(), RealClock()
    interpreter = Interpreter(
        files=files, commands=commands, devices=RealDevices(), kernel=RealKernel(), clock=clock
    )
    drivers: dict[str, NetworkOs] = {
        "kernel": KernelNetworkOs(),
        "frr": FrrNetworkOs(daemons=partial(daemons_wanted, files, NAMESPACE)),
    }
    driver = drivers[asked["driver"]]
    last = asked["nics"][-1][1]
    nics = tuple(Nic(name=name, mac=mac, primary=mac == last) for name, mac in asked["nics"])
    leases = {mac: parse_lease(json.dumps(lease).encode()) for mac, lease in asked["leases"].items()}
    site = Site(nics=nics, leases=leases)

    def seen() -> Any:
        return look(files, commands, (site.network_os, site.guest))

    def nic(mac: str) -> Nic:
        return next(each for each in nics if each.mac == mac)

    def tasks(what: str, argument: Any) -> Any:
        match what:
            case "start":
                return driver.start(site, seen())
            case "stop":
                return driver.stop(site, seen())
            case "revive":
                return driver.revive(site, seen(), driver.health(site, files, commands, deep=True))
            case "day-zero":
                environment = OvfEnvironment(custom_data=Secret(argument), host_name="router", user_name="a")
                return driver.day_zero(DayZero(vm_id="1", environment=environment))
            case "claim":
                steps = driver.claim(nic(argument), site, seen()).forward
            case "dress":
                steps = driver.dress(nic(argument), leases.get(argument), site, seen())
            case "release":
                steps = driver.release(nic(argument), site, seen())
            case "protect":
                steps = driver.protect(site)
        return (Task(name=what, purpose=f"{what} {argument}", steps=tuple(steps)),)

    told: list[Any] = []
    for what, argument in asked["do"]:
        if what in {"health", "deep"}:
            pulse = driver.health(site, files, commands, deep=what == "deep")
            told.append([pulse.health.value, pulse.problem, pulse.cause])
        elif what == "again":
            sight = seen()
            left = [each.name for each in driver.start(site, sight) if each.steps]
            left += [each.name for each in nics if driver.claim(each, site, sight).forward]
            left += [each.name for each in nics if driver.dress(each, leases.get(each.mac), site, sight)]
            told.append(left)
        else:
            began = clock.monotonic()
            failed = [each.describe() for each in interpreter.apply(tasks(what, argument)) if each.failed]
            told.append(failed or round(clock.monotonic() - began, 4))
            if failed:
                break
    return told


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
