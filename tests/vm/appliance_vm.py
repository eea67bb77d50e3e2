"""An appliance in a VM that came to its steady state: what the tests of that share."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.lab.appliance.sight import NOS
from limpet.lab.packages import package_of
from limpet.lab.vm.appliance import PATIENCE, VmAppliance, vm_appliance
from limpet.lab.vm.appliance_image import appliance_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.vm.rack import Rack
    from limpet.lab.vm.ssh import Key

USER, HOST_NAME = "ada", "router-1"
HANDLER = "Lab.Witness"
STORY = ["booting", "preparing", "handing-over", "confirming", "steady"]
MADE = (
    "cd / && cat var/lib/waagent/provisioned var/lib/limpet/provisioned.json etc/ssh/ssh_host_*_key.pub etc/shadow "
    "home/ada/.ssh/authorized_keys | sha256sum"
)
"""What provisioning makes once, and never again."""


def tell(text: str) -> None:
    """A figure or an observation, past pytest's capture."""
    print(f"appliance-vm: {text}", file=sys.__stderr__, flush=True)


@contextmanager
def started(lab: Rack, key: Key, name: str, *, network_os: str, nics: int) -> Iterator[VmAppliance]:
    """One whose first boot has begun; the fabric has an extension's package for it."""
    package = package_of(Path(__file__).parents[1] / "system/witness")
    for version in ("1.0.0", "1.1.0"):
        lab.world.host(package, name=HANDLER, version=version)
    account: dict[str, Any] = {"userName": USER, "computerName": HOST_NAME, "publicKeys": [key.public]}
    with vm_appliance(lab, appliance_image(network_os), name, nics=nics, **account) as made:
        made.machine.boot()
        yield made


def steady(made: VmAppliance, *, after: int, reports: int) -> dict[str, Any]:
    """Wait until the guest shell has reported, behind so many reports; gives that. Everything must be handed over."""
    made.await_shown(
        lambda found: found["stage"] == "steady" and made.states(after=after)[-1:] == ["steady"], "steady"
    )
    report = made.await_guest_report(after=reports)
    assert set(made.owners().values()) == {NOS}
    assert made.leaked() == 0
    return report


def check_extension(made: VmAppliance, version: str, greeting: str) -> None:
    """Publish an extension, and wait for what it says of itself from the guest shell."""
    wish = {"public": {"greeting": greeting}, "protected": {"secret": "for the guest shell alone"}}
    made.rack.world.publish(made.name, {"handler": HANDLER, "version": version, **wish})
    made.rack.world.wait(
        made.name, handler=HANDLER, version=version, status="success", health="Ready", timeout=PATIENCE
    )
    found = made.in_guest(f"ls -d /var/lib/waagent/{HANDLER}-{version}").stdout.strip()
    assert found == f"/var/lib/waagent/{HANDLER}-{version}"
    assert made.machine.run(f"ls -d /var/lib/waagent/{HANDLER}-*").exit_code != 0, "it is on the host"
