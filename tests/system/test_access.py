"""Account and access on a Debian machine with its own programs; the fakes must have said the same of it before."""

from __future__ import annotations

import json
import re
import shutil
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.plans.duty_access import AREAS, plan

from limpet.host.fake import FakeMachine
from limpet.host.fake_programs import install
from limpet.lab.machine import IDLE

if TYPE_CHECKING:
    from limpet.lab.machine import Machine
    from limpet.lab.room import Room

pytestmark = pytest.mark.system

TESTS = "/opt/limpet/tests"
READ = [
    "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/login.defs", "/etc/default/useradd", "/etc/sudoers",
    "/etc/hosts", "/etc/hostname", "/etc/ssh/sshd_config", "/etc/skel/.bashrc", "/etc/skel/.profile",
    "/etc/skel/.bash_logout", "/bin/bash", "/etc/dhcp/dhclient.conf",
]  # fmt: skip
LEFT = ["/etc/passwd", "/etc/group", "/etc/sudoers.d/waagent", "/etc/hosts", "/etc/hostname", "/etc/shadow"]
PASSWORD = "p a:ss\"'\\$`wörd✓{}"
ROOT_LOCK = "root:*LOCK*:14600::::::"


@pytest.fixture
def machine(empty_room: Room, layers: list[Path]) -> Machine:
    made, _ = empty_room.machine(layers)
    made.boot(IDLE)
    here = Path(__file__).parent
    made.write(f"{TESTS}/duty_access.py", (here.parent / "plans/duty_access.py").read_text(encoding="utf-8"))
    made.write(f"{TESTS}/access_driver.py", (here / "access_driver.py").read_text(encoding="utf-8"))
    return made


def apply(machine: Machine, wanted: dict[str, Any], **more: int) -> dict[str, Any]:
    order = json.dumps({"wanted": wanted, **more})
    said = machine.run(["python3", "-IB", f"{TESTS}/access_driver.py"], stdin=order, timeout=60).checked()
    answer: dict[str, Any] = json.loads(said)
    return answer


def made_key(machine: Machine, kind: str = "ed25519") -> tuple[str, str]:
    path = f"/root/key-{kind}"
    machine.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", path]).checked()
    return path, machine.read(f"{path}.pub").strip()


def imitation(machine: Machine) -> FakeMachine:
    """A fake machine with the same files."""
    fake = FakeMachine()
    for name in READ:
        path = machine.path(name)
        if path.is_file():
            fake.files.make_folder(Path(name).parent)
            content = path.read_bytes() if path.stat().st_size < 1 << 20 else b""
            fake.files.replace(Path(name), content, mode=path.stat().st_mode & 0o7777)
    for folder in ("/home", "/etc/sudoers.d", "/etc/ssh/sshd_config.d", "/var/lib/waagent"):
        fake.files.make_folder(Path(folder))
    fake.kernel.name = machine.run(["hostname"]).checked().strip()
    install(fake.commands, *AREAS)
    return fake


def without_days(text: str) -> str:
    """The account files without the day of the last change, hashes and the order of groups' tails."""
    return re.sub(
        r"^([^:]+):(\$[^:]+|[^:]*):\d+:0:99999:7:::$",
        r"\1:\2:DAY",
        re.sub(r"\$6\$[^:]+", "$6$HASH", text),
        flags=re.MULTILINE,
    )


def test_the_fakes_say_of_a_machine_what_its_own_programs_do(machine: Machine) -> None:
    _, public = made_key(machine)
    wanted = {
        "user": "alice", "password": PASSWORD, "groups": ["adm", "nosuch"], "keys": [{"value": public}],
        "host_name": "vm1", "host_key_types": ["ed25519", "ecdsa"], "sshd": 180, "lock_root": True,
        "disable_password": False,
    }  # fmt: skip
    fake = imitation(machine)
    tasks = plan(fake, wanted)
    foreseen = [f"{task.name}: {step.describe()}" for task in tasks for step in task.steps]
    outcomes = fake.interpreter.apply(tasks)
    answer = apply(machine, wanted)
    assert [outcome.describe() for outcome in outcomes if outcome.failed] == answer["problems"] == []
    assert [line for line in answer["steps"] if "host-keys: remove /etc/ssh/ssh_host" not in line] == foreseen
    assert answer["again"] == []
    for name in [*LEFT, "/home/alice/.ssh/authorized_keys", "/home/alice/.bashrc"]:
        theirs = fake.files.read(Path(name), at_most=1 << 20).decode()
        assert without_days(machine.read(name)) == without_days(theirs), name
    assert machine.read("/etc/shadow").startswith(f"{ROOT_LOCK}\n")
    assert machine.run(["stat", "-c", "%U:%G %a", "/etc/shadow"]).checked() == "root:shadow 640\n"
    machine.run(["visudo", "-c"]).checked()


def test_the_user_logs_in_by_key_and_becomes_root_and_the_password_is_the_one_given(machine: Machine) -> None:
    path, public = made_key(machine, "ecdsa")
    wanted = {
        "keys": [{"value": public, "path": "$HOME/bob/.ssh/authorized_keys"}],
        "host_key_types": ["ed25519"],
        "sshd": 0,
    }
    assert apply(machine, {**wanted, "user": "bob", "disable_password": True})["problems"] == []
    assert apply(machine, {"user": "alice", "password": PASSWORD})["problems"] == []
    check = "import crypt, spwd, sys; h = spwd.getspnam('alice').sp_pwdp; sys.exit(crypt.crypt(sys.argv[1], h) != h)"
    machine.run(["python3", "-W", "ignore", "-c", check, PASSWORD]).checked()
    machine.run(["mkdir", "-p", "/run/sshd"]).checked()
    with machine.start(["/usr/sbin/sshd", "-D", "-e", "-p", "2222"], output="/run/sshd.log"):
        machine.await_text("/run/sshd.log", "listening")
        ssh = [
            "ssh",
            "-F",
            "none",
            "-i",
            path,
            "-p",
            "2222",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "BatchMode=yes",
        ]
        said = machine.run([*ssh, "bob@127.0.0.1", "sudo -n id -un; id -un; pwd"], timeout=120)
        assert said.checked() == "root\nbob\n/home/bob\n"
        refused = machine.run(
            [*ssh, "-v", "-o", "IdentitiesOnly=yes", "alice@127.0.0.1", "true"], timeout=120
        )
        assert "Authentications that can continue: publickey\n" in refused.stderr.replace("\r", "")
    rules = machine.run(["sudo", "-n", "-l", "-U", "alice"]).checked()
    assert "(ALL) ALL" in rules
    assert "NOPASSWD" not in rules


def test_a_plan_cut_after_any_step_is_completed_by_the_next(machine: Machine) -> None:
    _, public = made_key(machine)
    count = len(
        apply(machine, {"user": "u", "password": "x", "keys": [{"value": public}], "groups": ["adm"]})[
            "steps"
        ]
    )
    for cut in range(count):
        wanted = {"user": f"u{cut}", "password": "x", "keys": [{"value": public}], "groups": ["adm"]}
        apply(machine, wanted, steps=cut)
        answer = apply(machine, wanted)
        assert (answer["problems"], answer["again"]) == ([], [])
        home = machine.path(f"/home/u{cut}")
        assert sorted(path.name for path in home.iterdir()) == [".bash_logout", ".bashrc", ".profile", ".ssh"]
        assert len({path.stat().st_uid for path in home.rglob("*")} | {home.stat().st_uid}) == 1
    assert machine.path("/var/lib/limpet/account").exists() is False


def test_a_user_whose_making_was_cut_short_inside_useradd_is_completed(machine: Machine) -> None:
    machine.run(["useradd", "-M", "-d", "/home/eve", "-s", "/bin/bash", "eve"]).checked()
    machine.run(["sed", "-i", "/^eve:/d", "/etc/shadow", "/etc/group"]).checked()
    machine.write("/var/lib/limpet/account", "eve\n")
    answer = apply(machine, {"user": "eve", "password": "x"})
    assert (answer["problems"], answer["again"]) == ([], [])
    assert machine.run(["stat", "-c", "%U:%G", "/home/eve", "/home/eve/.bashrc"]).checked() == "eve:eve\n" * 2
    machine.run(["pwck", "-r", "-q"])
    assert "eve:$6$" in machine.read("/etc/shadow")


def test_a_bad_configuration_of_a_running_sshd_is_left_as_it_is(machine: Machine) -> None:
    assert apply(machine, {"host_key_types": ["ed25519"]})["problems"] == []
    machine.run(["mkdir", "-p", "/run/sshd"]).checked()
    with machine.start(["/usr/sbin/sshd", "-D", "-e", "-p", "2222"], output="/run/sshd.log"):
        machine.await_text("/run/sshd.log", "listening")
        machine.write("/etc/ssh/sshd_config", "Bogus yes\n")
        (problem,) = apply(machine, {"sshd": 180, "disable_password": True})["problems"]
        assert "terminating, 1 bad configuration option" in problem
        assert machine.read("/etc/ssh/sshd_config") == "Bogus yes\n"
        shutil.copy(machine.path("/usr/share/openssh/sshd_config"), machine.path("/etc/ssh/sshd_config"))
        answer = apply(machine, {"sshd": 180, "disable_password": True})
        assert (answer["problems"], answer["again"]) == ([], [])
        said = machine.await_text("/run/sshd.log", "Received SIGHUP")
        assert "restarting" in said
    shown = machine.run(["/usr/sbin/sshd", "-T"]).checked()
    assert "passwordauthentication no\n" in shown
    assert "clientaliveinterval 180\n" in shown
    assert "kbdinteractiveauthentication no\n" in shown


def test_custom_data_and_a_translator_run_once_and_what_they_say_is_kept(machine: Machine) -> None:
    script = '#!/bin/sh\necho "hello $0"; echo once >> /ran; exit 3\n'
    machine.write("/opt/translate", '#!/bin/sh\ncat > /day0; cp "$1" /day0.json\n', mode=0o755)
    wanted = {
        "custom_data": b64encode(script.encode()).decode(),
        "execute": True,
        "translator": "/opt/translate",
        "host_name": "vm1",
    }
    answer = apply(machine, wanted)
    assert answer["problems"] == [
        "custom-data-run: cannot run the custom data (run /var/lib/waagent/CustomData): it ended with 3. See /var/log/limpet-custom-data.log."
    ]
    assert answer["again"] == []
    assert machine.read("/ran") == "once\n"
    assert machine.read("/var/log/limpet-custom-data.log") == "hello /var/lib/waagent/CustomData\n"
    assert machine.read("/day0") == script
    assert json.loads(machine.read("/day0.json"))["hostName"] == "vm1"
    assert machine.run(["hostname"]).checked() == "vm1\n"
