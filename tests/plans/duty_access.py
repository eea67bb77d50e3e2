"""Account, password, sudo, keys, host keys, sshd, root's password, host name, custom data: as the boot stage puts them together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.boot.translator import translator
from limpet.guest.accounts import AccountWish
from limpet.guest.custom_data import CustomDataWish, plan_custom_data, plan_custom_data_run
from limpet.guest.host_keys import HostKeyWish, plan_host_keys
from limpet.guest.host_name import plan_host_name, plan_host_name_record
from limpet.guest.root_password import plan_root_password
from limpet.guest.ssh_keys import KeyWish
from limpet.guest.sshd import SshdWish, password_login, plan_sshd
from limpet.guest.translation import DayZero
from limpet.guest.user import UserWish, plan_user
from limpet.host.facts import custom_data, host_name, shadow, ssh
from limpet.host.facts import user as user_facts
from limpet.host.fake_commands import Said
from limpet.model.ids import Thumbprint
from limpet.model.provisioning import KeyPair, OvfEnvironment, PublicKey
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

AREAS = ("accounts", "ssh")
LIBRARY = Path("/var/lib/waagent")
SSH = Path("/etc/ssh")


class PlainCrypt:
    """A hash that can be read: these are plans, not cryptography."""

    method = "6"

    def hashed(self, password: Secret[str]) -> str:
        return f"$6$salt${password.reveal().encode().hex()}"

    def verifies(self, password: Secret[str], hashed: str) -> bool:
        return hashed == self.hashed(password)


def environment(wanted: dict[str, Any]) -> OvfEnvironment:
    secret = {key: Secret(wanted[key]) if key in wanted else None for key in ("password", "custom_data")}
    return OvfEnvironment(
        host_name=wanted.get("host_name", "vm1"),
        user_name=wanted.get("user"),
        user_password=secret["password"],
        custom_data=secret["custom_data"],
        disable_ssh_password_authentication=wanted.get("disable_password"),
        public_keys=tuple(
            PublicKey(
                path=key.get("path", ""),
                value=key.get("value"),
                fingerprint=Thumbprint(key["thumbprint"]) if "thumbprint" in key else None,
            )
            for key in wanted.get("keys", [])
        ),
        key_pairs=tuple(
            KeyPair(path=pair["path"], fingerprint=Thumbprint(pair["thumbprint"]))
            for pair in wanted.get("pairs", [])
        ),
    )


def plan(machine: FakeMachine, wanted: dict[str, Any]) -> list[Task]:
    asked = environment(wanted)
    vm_id = wanted.get("vm_id", "00000000-0000-4000-8000-000000000001")
    tasks: list[Task] = []
    if "lock_root" in wanted:
        tasks.append(
            plan_root_password(shadow.look(machine.files, Path("/etc/shadow")), wanted=wanted["lock_root"])
        )
    if "user" in wanted:
        tasks += user_tasks(machine, asked, wanted)
    if "host_name" in wanted:
        facts = host_name.look(machine.files, machine.kernel, LIBRARY)
        tasks.append(plan_host_name(asked.host_name, facts))
        tasks += plan_host_name_record(asked.host_name, facts, LIBRARY, after=("host-name",))
    if "host_key_types" in wanted:
        wish = HostKeyWish(
            vm_id=vm_id,
            folder=SSH,
            types=tuple(wanted["host_key_types"]),
            regenerate=wanted.get("regenerate", True),
        )
        tasks.append(plan_host_keys(wish, ssh.look_at_host_keys(machine.files, machine.commands, SSH)))
    if "sshd" in wanted:
        sshd = SshdWish(
            folder=SSH,
            password_login=password_login(
                disabled=asked.disable_ssh_password_authentication,
                has_password=asked.user_password is not None,
            ),
            client_alive_interval=wanted["sshd"],
        )
        change = any(task.name == "host-keys" and task.steps for task in tasks)
        tasks.append(plan_sshd(sshd, ssh.look_at_sshd(machine.files, SSH), host_keys_change=change))
    return [*tasks, *custom_data_tasks(machine, asked, wanted, vm_id)]


def user_tasks(machine: FakeMachine, asked: OvfEnvironment, wanted: dict[str, Any]) -> list[Task]:
    name, home_dir = asked.user_name or "", Path("/home")
    wish = AccountWish(
        name=name,
        home_dir=home_dir,
        groups=tuple(wanted.get("groups", ())),
        allow_system=wanted.get("allow_system", False),
        expires=wanted.get("expires"),
        comment=wanted.get("comment"),
    )
    user = UserWish(
        account=wish,
        password=asked.user_password,
        keys=KeyWish(user=name, home_dir=home_dir, public_keys=asked.public_keys, key_pairs=asked.key_pairs),
    )
    facts = user_facts.look(
        machine.files, machine.commands, user, sudoers_dir=Path("/etc/sudoers.d"), library=LIBRARY
    )
    crypt = getattr(machine, "crypt", PlainCrypt())  # a real machine brings a real one
    return [*plan_user(user, facts, crypt)]


def custom_data_tasks(
    machine: FakeMachine, asked: OvfEnvironment, wanted: dict[str, Any], vm_id: str
) -> list[Task]:
    if "custom_data" not in wanted:
        return []

    def run(files: FakeFiles, call: Call) -> Said:
        files.replace(Path("/ran"), b"once")
        return Said(stdout="hello\n", exit_code=wanted.get("exit_code", 0))

    if hasattr(machine.commands, "programs"):  # a real machine has its own
        machine.commands.programs |= {"CustomData": run, "sh": run, "translate": run}
    wish = CustomDataWish(
        vm_id=vm_id,
        library=LIBRARY,
        text=asked.custom_data,
        decode=wanted.get("decode", False),
        execute=wanted.get("execute", False),
    )
    facts = custom_data.look(machine.files, machine.commands, wish)
    program = Path(wanted["translator"]) if "translator" in wanted else None
    day_zero = DayZero(vm_id=vm_id, environment=asked, made_for=custom_data.translated_for(machine.files))
    return [
        *plan_custom_data(wish, facts),
        *translator(program, 60.0).plan(day_zero),
        *plan_custom_data_run(wish, facts),
    ]
