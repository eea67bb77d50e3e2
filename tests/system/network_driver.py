"""Run inside a machine: the boot stage's way to the platform with the real adapters. Reads JSON, writes JSON.

do: ``connect`` (ask for a lease, apply it, look again), ``publish`` (a host name), ``report`` (all three to the fabric).
"""

# ruff: noqa: PLC0415 - limpet is found only where the path says

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, "/opt/limpet/lib")
if TYPE_CHECKING:
    from typing import Any


class _Log:
    """Told on the error stream."""

    def info(self, event: str, **fields: object) -> None:
        sys.stderr.write(f"{event} {fields}\n")

    warning = error = info


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked."""
    from limpet.boot.connection import Network
    from limpet.boot.fabric import Fabric
    from limpet.boot.metadata import ask_metadata
    from limpet.boot.network import connect
    from limpet.boot.report import Reports
    from limpet.boot.search import connection_of
    from limpet.guest.lease import SAVED_LEASE, parse_lease
    from limpet.host.apply import Interpreter
    from limpet.host.chance import RealRandom
    from limpet.host.clock import RealClock
    from limpet.host.commands import RealCommands
    from limpet.host.devices import RealDevices
    from limpet.host.dhcp_client import publish_host_name
    from limpet.host.facts.leases import saved_leases
    from limpet.host.files import RealFiles
    from limpet.host.http import PlainHttp
    from limpet.host.kernel import RealKernel
    from limpet.host.kvp import RealKeyValues
    from limpet.host.links import RealLinks

    files, clock, links, log = RealFiles(), RealClock(), RealLinks(), _Log()
    if asked["do"] == "publish":
        lease = parse_lease(files.read(SAVED_LEASE, at_most=1 << 16))
        where = {"interface": lease.interface, "mac": bytes.fromhex(lease.mac), "address": lease.address}
        publish_host_name(links, clock, RealRandom(), **where, host_name=asked["name"])  # type: ignore[arg-type]
        return {}
    network = Network(
        files=files,
        links=links,
        clock=clock,
        chance=RealRandom(),
        log=log,
        host_name=asked.get("name"),
        patience=asked.get("patience", 60.0),
    )
    begun, used = clock.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
    found = connect(network)
    leased = clock.monotonic() - begun
    kernel = RealKernel()
    interpreter = Interpreter(
        files=files, commands=RealCommands(), devices=RealDevices(), kernel=kernel, clock=clock
    )
    outcomes = [outcome.describe() for outcome in interpreter.apply(found.tasks)]
    again = connection_of(network, found.lease, others=saved_leases(files)[1:]) if found.lease else None
    answer: dict[str, Any] = {
        "endpoint": found.endpoint,
        "origin": found.origin,
        "interface": found.interface,
        "outcomes": outcomes,
        "again": [step.describe() for task in (again.tasks if again else ()) for step in task.steps],
        "seconds": [leased, clock.monotonic() - begun],
        "cpu": resource.getrusage(resource.RUSAGE_SELF).ru_utime - used,
    }
    if asked["do"] == "report":
        http = PlainHttp(user_agent="limpet/test")
        reports = Reports(
            files=files,
            key_values=RealKeyValues(clock, kernel.uptime(), [Path("/var/lib/hyperv")]),
            clock=clock,
            log=log,
            agent="limpet/test",
            vm_id=None,
            fabric=Fabric(http, clock, RealRandom(), log, found.endpoint),
        )
        answer["metadata"] = ask_metadata(http, clock, RealRandom(), log, patience=10.0).host_name
        answer["reported"] = [reports.starting(), reports.failed("a try"), reports.ready(), reports.ready()]
        http.close()
    return answer


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
