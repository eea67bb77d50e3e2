"""Bad input to `limpet boot` on machines of the lab: real programs, a real kernel's errors, real logins.

docs/boot.md ("Bad input") names the test of each item; most are in memory too, in tests/boot/test_bad_input.py.
"""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.system.booted import Stand, stand
from tests.system.conftest import say
from tests.system.provisioned import CUSTOM_DATA, HOST, KEY, PASSWORD, USER, VM

from limpet.emulator.media.variants import VARIANTS
from limpet.lab.clock import wait_for
from limpet.lab.provisioning.hardware import eject, insert
from limpet.lab.provisioning.media import disc

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

EVERY_LETTER = string.digits + string.ascii_letters + string.punctuation + " äß€ñ漢字🔑\u00a0é "
BAD = sorted(name for name, variant in VARIANTS.items() if not variant.fine)
HARMLESS = {"no-document", "no-user", "no-file-system", "cut-image"}
"""What counts as no disc, or as one that only leaves something out: metadata provisions then."""


def secrets_of(made: Stand) -> str:
    """Where the password must not be: logs, what processes were told, and every file that somebody else than root may read."""
    return made.sh(
        "journalctl --no-pager -o export; cat /var/log/*.log /run/limpet/* /var/lib/hyperv/.kvp* 2>/dev/null;"
        f" grep -rlaF '{PASSWORD}' /etc /var /run /home /root /tmp /opt /usr/local 2>/dev/null"
    )


def log_of(made: Stand) -> str:
    return made.sh("journalctl --no-pager -o cat; cat /var/log/waagent.log 2>/dev/null")


def whole(made: Stand) -> None:
    """What every one of Debian's own programs must still like."""
    assert made.machine.run(["visudo", "-c"]).exit_code == 0
    assert made.machine.run(["pwck", "-r", "-q"]).exit_code in {0, 2}
    assert made.machine.run(["sh", "-c", "mkdir -p /run/sshd && sshd -t"]).exit_code == 0
    assert made.sh("awk -F: '$3 == 0' /etc/passwd").strip().startswith("root:")
    assert len(made.sh("awk -F: '$3 == 0' /etc/passwd").splitlines()) == 1
    assert made.sh("find / -xdev -name '.*.[0-9]*-[0-9]*' -newer /etc/limpet.toml").split() == []


@pytest.fixture(scope="module")
def failing() -> Iterator[Stand]:
    """One machine that gets every bad disc in turn: what one leaves behind, the next would meet."""
    with stand(say, disc=None, account={"publicKeys": []}) as made:
        yield made


@pytest.mark.parametrize("variant", [name for name in BAD if name not in HARMLESS])
def test_every_bad_disc_is_refused_with_a_reason_in_report_and_log(
    variant: str, failing: Stand, tmp_path: Path
) -> None:
    key, data = tmp_path / "key.pub", tmp_path / "custom-data"
    key.write_text(f"{KEY}\n", encoding="ascii")
    data.write_text(CUSTOM_DATA, encoding="ascii")
    options = ("--user-name", USER, "--host-name", HOST, "--key", str(key), "--custom-data", str(data))
    made = failing
    before = len(made.words)
    with disc(tmp_path / "dvd.iso", *options, "--broken", variant, password=PASSWORD) as device:
        eject(made.machine)
        insert(made.machine, device)
        try:
            result = made.boot("--set", "custom_data.decode=true")
        finally:
            eject(made.machine)
    assert (result["state"], result["exit"]) == ("failed", 1), result
    assert made.words[before:][-1] == "NotReady/ProvisioningFailed"
    why = made.world.provisioning(VM)["reports"][-1]["description"]
    failed = [task for task in result["tasks"] if task["state"] == "failed" and task["required"]]
    assert failed
    assert why.startswith(("result=error|", "'result=error"))
    assert failed[0]["name"] in why
    assert failed[0]["problem"] in log_of(made)
    assert PASSWORD not in secrets_of(made) + json.dumps(result)
    whole(made)
    assert made.sh("ls /etc/cron.d /root/.ssh 2>/dev/null | grep eve").strip() == ""
    assert made.sh("ls /var/lib/limpet/provisioned.json 2>/dev/null") == ""
    assert "168.63.129.16" in made.sh("ip route")


def test_a_password_of_every_letter_logs_its_user_in_and_makes_it_root() -> None:
    with stand(say, account={"password": EVERY_LETTER}) as made:
        assert made.boot()["state"] == "ready"
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for password, name in [(EVERY_LETTER, USER), (EVERY_LETTER[:-1], ""), (EVERY_LETTER.strip(), "")]:
            said = made.machine.run(
                [*as_nobody, "su", "-", USER, "-c", "id -un"], stdin=f"{password}\n", timeout=60
            )
            assert said.stdout.strip().rpartition(" ")[2] == name, said
        sudo = made.machine.run(
            ["setpriv", f"--reuid={USER}", "--regid=1000", "--init-groups", "sudo", "-k", "-S", "id", "-un"],
            stdin=f"{EVERY_LETTER}\n",
        )
        assert sudo.stdout.strip() == "root", sudo
        assert EVERY_LETTER[:20] not in secrets_of(made)


def test_a_drive_with_read_errors_is_told_and_metadata_lets_the_user_in() -> None:
    with stand(say) as made:
        _break_the_disc(made)
        result = made.boot("--set", "media.patience=2")
        assert (result["state"], result["source"]) == ("ready", "instance metadata"), result
        assert any("/dev/sr0: Input/output error" in note for note in result["notes"])
        assert "Input/output error" in log_of(made)
        assert KEY.split()[1] in made.sh(f"cat /home/{USER}/.ssh/authorized_keys")


def test_a_drive_with_read_errors_and_nobody_to_let_in_is_a_failure() -> None:
    with stand(say, account={"publicKeys": []}) as made:
        _break_the_disc(made)
        result = made.boot("--set", "media.patience=2")
        assert (result["state"], result["exit"]) == ("failed", 1), result
        assert "no SSH key" in result["why"]
        assert any("/dev/sr0: Input/output error" in note for note in result["notes"])
        assert made.words[-1] == "NotReady/ProvisioningFailed"


def _break_the_disc(made: Stand) -> None:
    """The loop device keeps its size; what is behind the end of its file is EIO."""
    device = made.new.drives["sr0"]
    image = Path("/sys/block", device.name, "loop/backing_file").read_text(encoding="utf-8").strip()
    with Path(image).open("r+b") as file:
        file.truncate(16 * 1024)


def test_a_full_root_leaves_nothing_half_done_and_room_makes_it_whole() -> None:
    with stand(say) as made:
        fill = (
            "mkdir /mnt/etc && mount -t tmpfs -o size=16m tmpfs /mnt/etc && cp -a /etc/. /mnt/etc/ &&"
            " { cat /dev/zero > /mnt/etc/fill; mount --bind /mnt/etc /etc; }"
        )
        made.machine.run(["sh", "-c", fill]).checked()
        result = made.boot()
        assert result["state"] == "failed", result
        assert "No space left on device" in result["why"]
        assert "o space left on device" in log_of(made)
        assert made.words[-1] == "NotReady/ProvisioningFailed"
        assert (
            made.sh(
                "find /etc -size 0 -newer /etc/limpet.toml -type f; find /etc -name '.*.[0-9]*-*'"
            ).split()
            == []
        )
        made.machine.run(["rm", "/etc/fill"]).checked()
        assert made.boot()["state"] == "ready"
        whole(made)


SSHD = """\
HostKey /etc/ssh/ssh_host_rsa_key
AuthorizedKeysFile /etc/ssh/keys/%u .ssh/vendor
PasswordAuthentication yes
ChallengeResponseAuthentication yes
"""
"""A vendor's: one host key, keys elsewhere, without PAM, and open to passwords."""


def test_a_user_logs_in_by_key_and_by_nothing_else_however_sshd_is_configured(tmp_path: Path) -> None:
    key = tmp_path / "key.pub"
    with stand(say, disc=None, account={"publicKeys": []}) as made:
        made.machine.write("/etc/ssh/sshd_config", SSHD)
        made.machine.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/key"]).checked()
        key.write_text(made.machine.read("/root/key.pub"), encoding="ascii")
        options = ("--user-name", USER, "--key", str(key), "--disable-password-auth")
        with disc(tmp_path / "dvd.iso", *options) as device:
            insert(made.machine, device)
            assert made.boot()["state"] == "ready"
            eject(made.machine)
        made.machine.run(["systemctl", "restart", "ssh"]).checked()
        login = [
            "ssh",
            "-F",
            "none",
            "-i",
            "/root/key",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
        ]
        done = made.machine.run([*login, f"{USER}@127.0.0.1", "id", "-un"], timeout=60)
        assert done.stdout.strip() == USER, done
        shown = made.sh("sshd -T").splitlines()
        assert {"passwordauthentication no", "kbdinteractiveauthentication no"} <= set(shown)
        whole(made)


def test_a_home_full_of_traps_gives_nothing_away() -> None:
    with stand(say) as made:
        home = f"/home/{USER}"
        made.machine.run(["useradd", "-m", USER]).checked()
        traps = {
            "link": f"ln -s /root/.ssh {home}/.ssh",
            "key file is a link": f"mkdir {home}/.ssh; ln -s /etc/shadow {home}/.ssh/authorized_keys",
            "key file is another's": f"mkdir {home}/.ssh; ln /etc/shadow {home}/.ssh/authorized_keys",
            "FIFO": f"mkdir {home}/.ssh; mkfifo {home}/.ssh/authorized_keys",
            "device": f"mkdir {home}/.ssh; mknod {home}/.ssh/authorized_keys c 1 5",
            "folder": f"mkdir -p {home}/.ssh/authorized_keys",
            "a file for a folder": f"touch {home}/.ssh",
        }
        shadow = made.sh("stat -c '%a %U %G' /etc/shadow")
        for name, trap in traps.items():
            made.machine.run(["sh", "-c", f"mkdir -p /root/.ssh; rm -rf {home}/.ssh; {trap}"]).checked()
            result = made.boot()
            assert result["state"] == "failed", (name, result)
            assert "ssh-key" in result["why"], (name, result["why"])
            assert f"{home}/.ssh" in result["why"], (name, result["why"])
            assert made.sh("ls -A /root/.ssh").strip() == "", name
            assert made.sh("stat -c '%a %U %G' /etc/shadow") == shadow, name
            assert made.sh(f"find {home} -user {USER} -type f | xargs grep -l ^root:").strip() == "", name
        made.machine.run(["rm", "-rf", f"{home}/.ssh"]).checked()
        assert made.boot()["state"] == "ready"
        assert KEY.split()[1] in made.sh(f"cat {home}/.ssh/authorized_keys")


def test_whoever_starts_it_wrongly_is_told_in_one_line() -> None:
    with stand(say) as made:
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        said = made.machine.run([*as_nobody, "limpet", "boot"])
        assert (said.exit_code, said.stdout) == (1, "")
        assert (
            said.stderr
            == "limpet boot: only root can provision this machine; --dry-run shows what would be done\n"
        )
        assert made.machine.run([*as_nobody, "limpet", "boot", "--nonsense"]).exit_code == 2

        made.machine.write("/etc/limpet.toml", "[provisioning]\nagent = 7\n")
        said = made.machine.run(["limpet", "boot"])
        assert said.exit_code == 2
        assert said.stderr.count("\n") == 1
        assert "/etc/limpet.toml" in said.stderr
        assert made.words == ["NotReady/ProvisioningFailed"]
        assert "provisioning.agent" in made.world.provisioning(VM)["reports"][-1]["description"]
        made.machine.run(["rm", "/etc/limpet.toml"]).checked()

        with made.machine.start(
            ["flock", "/run/limpet-boot.lock", "sh", "-c", "touch /run/held; exec sleep 60"],
            output="/run/out",
        ):
            wait_for(lambda: made.machine.path("/run/held").exists(), "the lock to be held", timeout=60)
            said = made.machine.run(["limpet", "boot"])
        assert said.exit_code == 3
        assert "Only one may run" in said.stderr
        assert said.stderr.count("\n") == 1


def test_an_interrupt_ends_it_at_once_and_the_next_run_is_whole() -> None:
    with stand(say) as made:
        made.sh("mv /usr/sbin/useradd /usr/sbin/useradd.real")
        made.machine.write("/usr/sbin/useradd", "#!/bin/sh\ntouch /run/adding; exec sleep 300\n", mode=0o755)
        with made.machine.start(["limpet", "boot"], output="/run/out"):
            wait_for(lambda: made.machine.path("/run/adding").exists(), "a user to be made", timeout=60)
            made.sh("pkill -INT -x limpet")
            wait_for(lambda: not made.sh("pgrep -x limpet; pgrep -x sleep").strip(), "it to end", timeout=60)
        assert "Traceback" not in made.machine.read("/run/out")
        made.sh("mv /usr/sbin/useradd.real /usr/sbin/useradd")
        assert made.boot()["state"] == "ready"


@pytest.mark.parametrize(
    "way",
    [
        "limpet boot <&- >&- 2>&-",
        "limpet boot > /dev/full",
        "limpet boot | true",
        "rm -f /dev/console; limpet boot --set log.console=true",
        "env -i PYTHONIOENCODING=ascii LC_ALL=tlh_QO limpet boot --json",
        "env -i TERM=dumb PYTHONUTF8=0 LANG=C limpet boot",
        "cd /run && mkdir gone && cd gone && rmdir ../gone && limpet boot",
        "umask 0777; limpet boot",
        "umask 0; limpet boot",
        "ulimit -n 32; limpet boot",
        "rm -f /run/systemd/journal/socket; limpet boot",
    ],
)
def test_however_it_is_started_the_machine_is_provisioned(way: str) -> None:
    with stand(say) as made:
        said = made.machine.run(
            ["sh", "-c", f"PATH=/usr/local/sbin:/usr/local/bin:$PATH; {way}"], timeout=120
        )
        assert "Traceback" not in said.stderr, said.stderr[-3000:]
        assert made.words[-1] == "Ready", said
        whole(made)
        assert made.sh(
            "stat -c %a /var/lib/waagent/ovf-env.xml /var/lib/waagent /var/lib/limpet"
        ).split() == [
            "600",
            "700",
            "700",
        ]
        assert (
            made.sh(
                "find /etc /var/lib/limpet /var/lib/waagent -perm -2 ! -type l ! -perm -1000 -newer /etc/limpet.toml"
            )
            == ""
        )
        assert made.sh("stat -c %a /etc/hostname /etc/hosts /etc/passwd").split() == ["644"] * 3
