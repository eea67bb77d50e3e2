"""An appliance whose network OS is driven by the sample vendor's programs, when things go wrong."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from limpet.lab.appliance.room import CONFIGURATION, Wish, appliance
from limpet.lab.appliance.sight import HOST
from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.appliance.room import Appliance, Parts

SAMPLE = Path(__file__).parents[2] / "examples" / "appliance-hooks"
SETTINGS = f"""\
{CONFIGURATION}
[appliance]
network_os = "hooks"
programs = "/opt/acme/hooks"
retry_pause = 1
"""
STARTUP = "hostname edge\nsecret between us\n"
pytestmark = pytest.mark.system

# What a hostile root of the guest sends to the socket, and what comes back.
ATTACK = """\
import json, socket, sys
for count in range(200):
    one = socket.socket(socket.AF_UNIX); one.connect("/var/lib/limpet/appliance/command.sock"); one.send(b"{"); one.close()
held = []
for line in ("show version\\nreload", "show version\\0", "show version\\x1b[A", "show version | redirect x", "show version ; reload"):
    one = socket.socket(socket.AF_UNIX); one.settimeout(20); one.connect("/var/lib/limpet/appliance/command.sock")
    one.sendall(json.dumps({"version": 1, "line": line}).encode() + b"\\n")
    print(json.loads(one.makefile().readline())["refused"])
for count in range(12):
    one = socket.socket(socket.AF_UNIX); one.connect("/var/lib/limpet/appliance/command.sock"); held.append(one)
"""


@pytest.fixture
def made(appliance_parts: Parts) -> Iterator[Appliance]:
    account = {"userName": "operator", "customData": b64encode(STARTUP.encode()).decode()}
    with appliance(appliance_parts, Wish(nics=2, configuration=SETTINGS, account=account)) as one:
        one.boot()
        for path in SAMPLE.rglob("*"):
            if path.is_file():
                mode = path.stat().st_mode & 0o777
                one.machine.write(f"/opt/acme/{path.relative_to(SAMPLE)}", path.read_bytes(), mode=mode)
        one.sh("limpet install --appliance && systemctl start limpet-appliance")
        await_state(one, "steady")
        yield one


def shown(made: Appliance) -> dict[str, Any]:
    done = made.run(["limpet", "show", "--json"])
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    return found


def await_state(made: Appliance, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = shown(made)
        return found if state in str(found.get("state", found.get("stage", ""))) else None

    return wait_for(look, f"the state {state}", timeout=180)


def nos(made: Appliance, *line: str) -> str:
    return made.sh(f"limpet guestshell run -- limpet nos {' '.join(line)}")


def test_a_namespace_that_dies_takes_the_nics_back_to_linux_and_is_handed_over_to_again(
    made: Appliance,
) -> None:
    made.sh("kill $(cat /run/acme/acmed.pid); ip netns delete acme-nos")
    wait_for(lambda: len(made.lost_nics()) == 2, "the namespace to die", timeout=120)
    for number in made.lost_nics():
        made.put_nic_in(number)
    wait_for(lambda: made.run(["ls", "/run/netns/acme-nos"]).exit_code == 0, "a new handover", timeout=120)
    await_state(made, "steady")
    assert "Acme NOS" in nos(made, "show", "version")
    assert made.leaked() == 0


def test_a_program_that_fails_in_a_handover_leaves_linux_with_its_nics_and_says_why(made: Appliance) -> None:
    made.sh("sed -i '2i echo broken >\\&2; exit 1' /opt/acme/hooks/dress; sync")
    made.reboot()

    def why() -> str | None:
        problem = str(shown(made).get("problem") or "")
        return problem if "broken" in problem else None

    assert "/opt/acme/hooks/dress" in wait_for(why, "the reason", timeout=120)
    wait_for(lambda: set(made.owners().values()) == {HOST}, "Linux to have its NICs", timeout=120)
    made.world.wait(made.name, endpoint="status", requests=1, timeout=120)
    made.sh("sed -i 2d /opt/acme/hooks/dress")
    await_state(made, "steady")


def test_the_supervisor_may_be_started_anew_while_the_network_os_goes_on(made: Appliance) -> None:
    before = made.sh("cat /run/acme/acmed.pid; stat -c %i /run/netns/acme-nos")
    made.sh("systemctl restart limpet-appliance")
    await_state(made, "steady")
    assert made.sh("cat /run/acme/acmed.pid; stat -c %i /run/netns/acme-nos") == before
    assert "Acme NOS" in nos(made, "show", "version")


def test_custom_data_reaches_the_vendor_once_and_nobody_else(made: Appliance) -> None:
    place = made.machine.path("/var/lib/acme/startup-config")
    assert place.read_text() == STARTUP
    assert place.stat().st_mode & 0o777 == 0o600
    place.write_text("hostname mine\n")
    made.sh("systemctl restart limpet-appliance; sync")
    made.reboot()
    await_state(made, "steady")
    assert made.machine.path("/var/lib/acme/startup-config").read_text() == "hostname mine\n"
    assert made.run(["grep", "-r", "between us", "/var/log", "/run/limpet", "/etc"]).stdout == ""


def test_a_hostile_guest_gets_nothing_but_refusals_and_others_are_served_after_it(made: Appliance) -> None:
    attacked = made.run(["limpet", "guestshell", "run", "--", "python3", "-c", ATTACK], timeout=120).checked()
    assert attacked.split() == ["True"] * 5
    kept = made.run(
        ["limpet", "guestshell", "run", "--", "rm", "/var/lib/limpet/appliance/command.sock"], timeout=120
    )
    assert "Read-only" in kept.stderr
    made.sh("rm /run/limpet/appliance/command.sock")
    wait_for(
        lambda: made.run(["limpet", "nos", "show", "version"]).stdout == "Acme NOS 1.0\n",
        "the socket to be there again",
        timeout=60,
    )
    assert "Acme NOS" in nos(made, "show", "version")
    log = made.machine.read("/var/log/limpet-commands.log")
    assert "reload" in log
    assert made.machine.path("/var/log/limpet-commands.log").stat().st_mode & 0o777 == 0o600
    assert shown(made).get("problem") is None


def test_a_vendors_network_os_forgets_by_its_own_program_and_one_that_lacks_it_is_told(
    made: Appliance,
) -> None:
    startup = made.machine.path("/var/lib/acme/startup-config")
    made.sh("mv /opt/acme/hooks/forget /opt/acme/forget")
    lacking = json.loads(made.sh("limpet deprovision --dry-run --json"))
    assert "/opt/acme/hooks has no program forget" in "".join(lacking["notes"])
    made.sh("mv /opt/acme/forget /opt/acme/hooks/forget")
    planned = json.loads(made.sh("limpet deprovision --dry-run --json"))
    assert "run /opt/acme/hooks/forget forget" in [step for each in planned["plan"] for step in each["steps"]]
    assert startup.read_text() == STARTUP
    made.sh("limpet deprovision --force", timeout=240)
    assert not startup.exists()
    assert set(made.owners().values()) == {"nowhere"}, "the network OS goes on, with its NICs"
