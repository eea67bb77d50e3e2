"""`limpet boot` on machines of the lab: Debian's own programs, a disc in a drive, an unconfigured NIC, a strict fabric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.system.booted import Stand, stand
from tests.system.conftest import say
from tests.system.provisioned import HOST, KEY, PASSWORD, USER, VM

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

BEGUN_AND_READY = ["NotReady/Provisioning", "Ready"]


def done(result: dict[str, object]) -> set[str]:
    tasks = result["tasks"]
    assert isinstance(tasks, list)
    return {task["name"] for task in tasks if task["state"] == "done"}


@pytest.fixture(scope="module")
def provisioned() -> Iterator[tuple[Stand, dict[str, object]]]:
    """A machine that was provisioned by its disc, and what the stage said."""
    with stand(say) as made:
        yield made, made.boot()


def test_a_new_machine_is_provisioned_by_its_disc(provisioned: tuple[Stand, dict[str, object]]) -> None:
    made, result = provisioned
    assert (result["state"], result["exit"]) == ("ready", 0), result
    assert result["source"] == "/dev/sr0"
    assert made.words == BEGUN_AND_READY
    assert result["vmId"] == made.new.vm_id.lower()


def test_the_user_can_log_in_and_become_root(provisioned: tuple[Stand, dict[str, object]]) -> None:
    made, _ = provisioned
    assert USER in made.sh(f"id {USER}")
    assert KEY.split()[1] in made.sh(f"cat /home/{USER}/.ssh/authorized_keys")
    assert f"{USER} ALL=(ALL) ALL" in made.sh("cat /etc/sudoers.d/waagent")
    checked = made.machine.run(["visudo", "-c"])
    assert checked.exit_code == 0, checked
    logged_in = made.machine.run(["python3", "-W", "ignore", "-c", CHECK_PASSWORD, USER, PASSWORD], stdin="")
    assert logged_in.stdout.strip() == "True", logged_in


CHECK_PASSWORD = (
    "import crypt, spwd, sys; h = spwd.getspnam(sys.argv[1]).sp_pwdp; print(crypt.crypt(sys.argv[2], h) == h)"
)


def test_name_network_and_host_keys_are_in_place(provisioned: tuple[Stand, dict[str, object]]) -> None:
    made, _ = provisioned
    assert made.sh("hostname").strip() == HOST
    assert made.sh("cat /etc/hostname").strip() == HOST
    routes = made.sh("ip route")
    assert "168.63.129.16 via 10.0.0.1" in routes
    assert "169.254.169.254 via 10.0.0.1" in routes
    assert "nameserver 168.63.129.16" in made.sh("cat /etc/resolv.conf")
    assert made.world.provisioning(VM)["hostName"]["name"] == HOST
    assert made.sh("ls /etc/ssh/*_key").split() == [
        "/etc/ssh/ssh_host_ecdsa_key",
        "/etc/ssh/ssh_host_ed25519_key",
    ]
    assert made.machine.run(["sh", "-c", "mkdir -p /run/sshd && sshd -t"]).exit_code == 0


def test_the_fabric_knows_the_host_keys_fingerprint(provisioned: tuple[Stand, dict[str, object]]) -> None:
    made, _ = provisioned
    said = made.world.provisioning(VM)["roleProperties"][-1]["properties"]["CertificateThumbprint"]
    shown = made.sh("ssh-keygen -E md5 -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    assert said == shown.removeprefix("MD5:").replace(":", "")


def test_a_strict_fabric_refuses_nothing_that_boot_asks(provisioned: tuple[Stand, dict[str, object]]) -> None:
    made, _ = provisioned
    asked = made.world.requests(VM)
    assert [each for each in asked if each["remarks"]] == []
    http = [each["endpoint"] for each in asked if not each["endpoint"].startswith("dhcp")]
    assert http == ["goal-state", "health", "health", "role-properties"]


def test_nothing_is_left_running_mounted_or_readable(provisioned: tuple[Stand, dict[str, object]]) -> None:
    made, _ = provisioned
    assert "limpet" not in made.sh("ps axo comm")
    assert "cdrom" not in made.sh("cat /proc/mounts")
    assert PASSWORD not in made.sh("journalctl --no-pager; cat /var/log/waagent.log")
    assert PASSWORD not in made.sh("cat /var/lib/waagent/ovf-env.xml")
    assert made.sh("stat -c %a /var/lib/waagent/ovf-env.xml /var/lib/waagent /var/lib/limpet").split() == [
        "600",
        "700",
        "700",
    ]


def test_a_second_run_finds_nothing_to_do(provisioned: tuple[Stand, dict[str, object]]) -> None:
    made, _ = provisioned
    again = made.boot()
    assert (again["state"], done(again), made.words) == ("ready", set(), BEGUN_AND_READY)


def test_after_a_restart_the_network_is_made_again_and_ready_is_said_once() -> None:
    with stand(say) as made:
        made.boot()
        keys = made.sh("cat /etc/ssh/ssh_host_ed25519_key.pub")
        made.restart()
        again = made.boot()
        assert (again["state"], again["standing"]) == ("ready", "provisioned")
        assert done(again) <= {"network", "saved-lease", "resolver", "entropy"}
        assert made.sh("cat /etc/ssh/ssh_host_ed25519_key.pub") == keys
        assert made.words == [*BEGUN_AND_READY, "Ready"]


def test_without_a_disc_metadata_provisions_and_the_name_is_published_all_the_same() -> None:
    with stand(say, disc=None) as made:
        result = made.boot()
        assert (result["state"], result["source"]) == ("ready", "instance metadata"), result
        assert made.sh("hostname").strip() == HOST
        assert made.world.provisioning(VM)["hostName"]["name"] == HOST
        assert KEY.split()[1] in made.sh(f"cat /home/{USER}/.ssh/authorized_keys")
        assert "NOPASSWD" in made.sh("cat /etc/sudoers.d/waagent")


def test_of_several_nics_only_the_one_that_knows_the_platform_is_configured() -> None:
    with stand(say, more_nics=2) as made:
        result = made.boot()
        assert result["state"] == "ready", result
        network = result["network"]
        assert isinstance(network, dict)
        assert network["interface"] == "eth0"
        assert made.sh("ip -4 -br addr show eth1").strip().split()[2:] == []


def test_a_network_that_is_up_is_used_and_the_name_is_published_without_a_bounce() -> None:
    with stand(say, networks=True) as made:
        made.machine.run(["sh", "-c", "until ip route | grep -q default; do :; done"], timeout=60).checked()
        before = made.sh("ip -4 addr show eth0; ip route")
        result = made.boot()
        assert result["state"] == "ready", result
        assert "network" not in done(result)
        assert made.sh("ip -4 addr show eth0; ip route") == before
        assert made.world.provisioning(VM)["hostName"]["name"] == HOST


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ("not-xml", "media"),
        ("wrong-namespace", "media"),
        ("two-provisioning-sections", "media"),
        ("root-user", "account"),
        ("odd-key", "ssh-key-1"),
        ("odd-host-name", "host-name"),
    ],
)
def test_a_disc_that_cannot_be_used_is_reported_by_its_task(variant: str, said: str) -> None:
    with stand(say, disc=("--broken", variant)) as made:
        result = made.boot()
        assert (result["state"], result["exit"]) == ("failed", 1), result
        assert made.words[-1] == "NotReady/ProvisioningFailed"
        why = made.world.provisioning(VM)["reports"][-1]["description"]
        assert said in why
        assert PASSWORD not in why
        # What does not depend on it was done, and the machine can be reached.
        assert "168.63.129.16" in made.sh("ip route")


def test_a_full_root_ends_with_a_reason_and_nothing_half_written() -> None:
    with stand(say) as made:
        made.machine.run(["sh", "-c", "mount -t tmpfs -o size=4k tmpfs /etc/ssh/sshd_config.d"]).checked()
        made.machine.run(["sh", "-c", "head -c 4096 /dev/zero > /etc/ssh/sshd_config.d/full; true"])
        result = made.boot()
        assert result["state"] == "failed"
        assert "No space left on device" in str(result["why"])
        assert made.sh("ls -A /etc/ssh/sshd_config.d").split() == ["full"]
        assert USER in made.sh(f"id {USER}")


def test_a_read_only_root_ends_with_a_reason() -> None:
    with stand(say) as made:
        for folder in ("/etc", "/var", "/home"):
            script = f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
            made.machine.run(["sh", "-c", script]).checked()
        result = made.boot()
        assert result["state"] == "failed"
        assert "Read-only file system" in str(result["why"])
        assert made.words[-1] == "NotReady/ProvisioningFailed"


def test_the_dry_run_shows_the_plan_and_changes_nothing() -> None:
    # Elsewhere the machine itself still starts, and IPv6 makes up its mind.
    look = (
        "find /etc /home /root /var/lib/waagent /var/lib/limpet -type f | sort | xargs md5sum; ip -4 -br addr"
    )
    with stand(say) as made:
        before = made.sh(look)
        shown = made.machine.run(["limpet", "boot", "--dry-run"])
        assert shown.exit_code == 0, shown
        for task in ("account", "password", "sudo", "ssh-keys", "host-name", "host-keys", "custom-data"):
            assert f"+ {task}: " in shown.stdout
        assert PASSWORD not in shown.stdout
        assert made.sh(look) == before
        assert made.words == []
