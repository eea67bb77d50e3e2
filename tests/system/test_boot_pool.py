"""`limpet boot` in a VM of a pool, on machines of the lab: Ready, a cable that is pulled and put in elsewhere, a document, Ready."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.system.booted import Stand, stand
from tests.system.conftest import say
from tests.system.provisioned import HOST, KEY, PASSWORD, USER, VM

from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

OUTPUT = "/var/log/limpet-boot.json"
ERRORS = "/var/log/limpet-boot.errors"
RECORD = "/var/lib/limpet/pool.json"
IN_AND_OUT = ["Ready", "NotReady/Provisioning", "Ready"]
A_MOMENT = "timeout 2 tail -f /dev/null"
SPENT = (
    "set -- $(pgrep -of 'limpet boot'); cut -d ' ' -f 14,15 /proc/$1/stat; grep ctxt_switches /proc/$1/status"
)


@contextmanager
def booting(made: Stand) -> Iterator[None]:
    """The stage runs."""
    script = f"exec limpet boot --json > {OUTPUT} 2> {ERRORS}"
    with made.machine.start(["sh", "-c", script], output=ERRORS):
        yield


def in_the_pool(made: Stand) -> None:
    """Wait until it waits."""
    made.world.wait(VM, healthReports=1, timeout=120)
    made.machine.await_text(RECORD, '"told": true')


def at_rest(made: Stand) -> bool:
    """Whether it does not even wake up for two seconds."""
    before = made.sh(SPENT)
    made.sh(A_MOMENT)
    return "voluntary" in before and made.sh(SPENT) == before


def ended(made: Stand) -> dict[str, Any]:
    """What the stage said in the end."""
    made.world.wait(VM, timeout=180, healthReports=len(IN_AND_OUT))
    made.machine.await_text(OUTPUT, "\n}\n", timeout=120)
    found: dict[str, Any] = json.loads(made.machine.read(OUTPUT))
    return found


def asked(made: Stand, endpoint: str) -> list[int | None]:
    return [each["status"] for each in made.world.requests(VM) if each["endpoint"] == endpoint]


def is_the_owners(made: Stand) -> bool:
    return (
        made.sh("hostname").strip() == HOST
        and USER in made.sh(f"id {USER}")
        and KEY.split()[1] in made.sh(f"cat /home/{USER}/.ssh/authorized_keys")
        and made.sh(f"getent shadow {USER} | cut -d : -f 2").startswith("$6$")
        and PASSWORD
        not in made.sh("cat /var/lib/waagent/ovf-env.xml; journalctl --no-pager; cat /var/log/waagent.log")
    )


@pytest.mark.parametrize("disc", [(), None], ids=["disc", "metadata"])
def test_a_vm_of_a_pool_becomes_somebodys_when_it_is_moved(disc: tuple[str, ...] | None) -> None:
    with stand(say, account={"ppsType": "Running"}, disc=disc) as made, booting(made):
        in_the_pool(made)
        assert USER not in made.sh("cat /etc/passwd")
        assert made.sh("cat /etc/resolv.conf").strip() == ""
        wait_for(lambda: at_rest(made), "it to do nothing while it should only wait", timeout=60)
        assert asked(made, "reprovision-data") == []
        made.plug(False)
        made.world.reprovision(VM)
        made.plug(True)
        result = ended(made)
        assert (result["state"], result["source"]) == ("ready", "reprovision data"), result
        assert made.words == IN_AND_OUT
        assert is_the_owners(made)
        assert "nameserver 168.63.129.16" in made.sh("cat /etc/resolv.conf")
        assert made.world.provisioning(VM)["hostName"]["name"] == HOST
        assert not made.machine.path(RECORD).exists()
        assert [each for each in made.world.requests(VM) if each["remarks"]] == []
        assert asked(made, "reprovision-data")[-1] == 200


def test_a_restart_in_the_pool_goes_on_where_it_was() -> None:
    with stand(say, account={"ppsType": "Savable"}) as made:
        with booting(made):
            in_the_pool(made)
        made.restart()
        with booting(made):
            made.machine.await_text("/var/log/waagent.log", "asking", timeout=120)
            made.world.reprovision(VM)
            result = ended(made)
        assert result["state"] == "ready", result
        assert made.words == IN_AND_OUT
        assert is_the_owners(made)
