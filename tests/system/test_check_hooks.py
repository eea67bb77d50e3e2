"""`limpet check-hooks` finds what is wrong with a vendor's programs: the sample passes, and each of its mutilations does not."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from limpet.lab.appliance.room import Wish, appliance
from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.appliance.room import Appliance, Parts

SAMPLE = Path(__file__).parents[2] / "examples" / "appliance-hooks"
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def made(appliance_parts: Parts) -> Iterator[Appliance]:
    with appliance(appliance_parts, Wish()) as one:
        one.boot()
        yield one


def examined(made: Appliance, spoil: str = ":", *options: str) -> dict[str, Any]:
    """What is found of the sample after a shell command in its folder."""
    made.sh("rm -rf /opt/acme; mkdir /opt/acme")
    for path in SAMPLE.rglob("*"):
        if path.is_file():
            mode = path.stat().st_mode & 0o777
            made.machine.write(f"/opt/acme/{path.relative_to(SAMPLE)}", path.read_bytes(), mode=mode)
    made.sh(f"cd /opt/acme && {spoil}")
    done = made.run(["limpet", "check-hooks", "--json", *options, "/opt/acme/hooks"], timeout=400)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == (1 if found["failed"] else 0)
    return found


def there(made: Appliance) -> Counter[str]:
    """Namespaces, interfaces and processes of the machine. The folder of namespaces comes with the first and stays."""
    made.sh("mkdir -p /run/netns")
    asked = (["ls", "/run", "/run/netns"], ["ip", "-brief", "link"], ["ps", "-e", "-o", "comm="])
    lines = [line for argv in asked for line in made.run(argv).checked().splitlines()]
    return Counter(line.split("@")[0].split()[0] for line in lines if line.strip())


def failures(found: dict[str, Any]) -> list[str]:
    return [f"{each['check']}: {each['problem']}" for each in found["findings"] if each["grade"] == "failed"]


def test_the_sample_passes_and_leaves_nothing_behind(made: Appliance) -> None:
    before = there(made)
    assert failures(examined(made)) == []
    wait_for(lambda: not there(made) - before, "all of it to go", timeout=120)


def test_nics_may_be_left_out(made: Appliance) -> None:
    found = examined(made, ":", "--without-nics")
    assert failures(found) == []
    assert not [each for each in found["findings"] if "claim takes" in each["check"]]


@pytest.mark.parametrize(
    ("spoil", "failure"),
    [
        ("sed -i 's/ip link set dev .*/:/' hooks/claim", "claim takes eth1 out of Linux: eth1 is in Linux"),
        (
            "sed -i '/daddr .* drop/d' lib/acme.sh",
            "nobody behind another NIC reaches the platform through it: a neighbour got an answer",
        ),
        (
            "sed -i 's/snat to .address/snat to 10.99.0.77/' hooks/dress",
            "the guest reaches the platform by the primary NIC's address: from the guest, 168.63.129.16",
        ),
        (
            "sed -i '/nic_name\" up/d' hooks/release",
            "release gives eth0 back to Linux, up and without addresses: it is down",
        ),
        (
            "sed -i 's/name=.nic_name/name=mine/' hooks/release",
            "release gives eth0 back to Linux, up and without addresses",
        ),
        (
            "sed -i '/^runs/d; /sysctl/d; /ip -n/d; /kill/d' hooks/health",
            "health says that it does not run before it was started: it says healthy",
        ),
        ("sed -i 's/^runs .. //' hooks/start", "start may run again"),
        ("printf '#!/bin/sh\\n' > hooks/stop", "stop ends it: it says healthy"),
        ("sed -i '2i echo ready' hooks/start", "start starts it: the answer of /opt/acme/hooks/start: not JSON"),
        ("sed -i 's/^    setsid ip/    : ip/' hooks/start", "signs of life that start names are there: it is wounded"),
        ("rm hooks/health", "program health (say how the network OS is): there is none, and it is required"),
        ("chown 1000 hooks/claim", "program claim (take a NIC from Linux): /opt/acme/hooks/claim belongs to"),
    ],
)  # fmt: skip
def test_each_mistake_is_found_and_named(made: Appliance, spoil: str, failure: str) -> None:
    found = failures(examined(made, spoil))
    assert any(each.startswith(failure) for each in found), found
