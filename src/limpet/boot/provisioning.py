"""What a new VM gets, planned from the media's document and the facts of the machine: once for each VM.

The order is that of need: what lets somebody in comes first, what only informs comes last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.boot.translator import translator
from limpet.guest.accounts import AccountWish
from limpet.guest.custom_data import CustomDataWish, plan_custom_data, plan_custom_data_run
from limpet.guest.host_keys import HostKeyWish, plan_host_keys, preferred_key
from limpet.guest.host_name import plan_host_name, plan_host_name_record
from limpet.guest.marker import POOL_RECORD
from limpet.guest.media import DOCUMENT, LARGEST_DOCUMENT, plan_kept_copy
from limpet.guest.root_password import plan_root_password
from limpet.guest.ssh_keys import KeyWish
from limpet.guest.sshd import SshdWish, password_login, plan_sshd
from limpet.guest.sshd_keys import asks_pam, host_key_types, with_keys_for_sshd
from limpet.guest.steps import MakeFolder, Remove, Task, Write
from limpet.guest.translation import DayZero
from limpet.guest.user import UserWish, plan_user
from limpet.host.facts import custom_data, host_name, shadow, ssh
from limpet.host.facts import user as user_facts
from limpet.host.facts.reading import bytes_of, is_there

if TYPE_CHECKING:
    from limpet.boot.machine import Machine
    from limpet.config.settings import Config
    from limpet.guest.openssh import Key
    from limpet.guest.steps import Step
    from limpet.model.provisioning import OvfEnvironment

BEGUN = Path("/var/lib/limpet/begun")
"""The id of the VM whose provisioning has begun: its kept document may be used when a power cut took the media away."""
DISABLED = "disable_agent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """environment: what is asked for. vm_id: for whom. document: to keep, without its password.

    resumed: it comes from the kept copy of a boot that was cut short, which had the password and has set it.
    """

    environment: OvfEnvironment
    vm_id: str
    document: bytes | None = None
    resumed: bool = False

    @property
    def by_thumbprint(self) -> frozenset[str]:
        """Certificates that keys are made of: without them those keys cannot be planned."""
        keys = {
            key.fingerprint for key in self.environment.public_keys if key.value is None and key.fingerprint
        }
        return frozenset(keys | {pair.fingerprint for pair in self.environment.key_pairs})


def plan_access(machine: Machine, config: Config, wanted: Wanted) -> list[Task]:
    """The user, and how it logs in and becomes root."""
    asked = wanted.environment
    if asked.user_name is None:
        return []
    wish = _user_wish(config, asked, asked.user_name)
    sshd = ssh.look_at_sshd(machine.files, config.ssh_dir)
    keys, told = with_keys_for_sshd(wish.keys, sshd, config.ssh_dir)
    wish = replace(wish, keys=keys, pam=asks_pam(sshd, config.ssh_dir))
    facts = user_facts.look(
        machine.files, machine.commands, wish, sudoers_dir=config.sudoers_dir, library=config.library
    )
    tasks = plan_user(wish, facts, machine.crypt, resumed=wanted.resumed)
    return [*tasks, *(told if tasks[0].problem is None else ())]


def _user_wish(config: Config, asked: OvfEnvironment, name: str) -> UserWish:
    return UserWish(
        account=AccountWish(
            name=name,
            home_dir=config.home_dir,
            groups=config.groups,
            allow_system=config.allow_reset_sys_user,
        ),
        password=asked.user_password,
        keys=KeyWish(
            user=name,
            home_dir=config.home_dir,
            public_keys=asked.public_keys,
            key_pairs=asked.key_pairs,
        ),
    )


def plan_identity(machine: Machine, config: Config, wanted: Wanted) -> list[Task]:
    """The machine's own: its name, its host keys, how sshd lets people in, root's password."""
    asked = wanted.environment
    sshd_facts = ssh.look_at_sshd(machine.files, config.ssh_dir)
    keys = plan_host_keys(
        HostKeyWish(
            vm_id=wanted.vm_id,
            folder=config.ssh_dir,
            types=host_key_types(config.host_key_types, sshd_facts, config.ssh_dir),
            regenerate=config.regenerate_host_keys,
        ),
        ssh.look_at_host_keys(machine.files, machine.commands, config.ssh_dir),
    )
    sshd = SshdWish(
        folder=config.ssh_dir,
        password_login=password_login(
            disabled=asked.disable_ssh_password_authentication,
            has_password=asked.user_password is not None or wanted.resumed,
        ),
        client_alive_interval=config.client_alive_interval,
    )
    return [
        plan_host_name(asked.host_name, host_name.look(machine.files, machine.kernel, config.library)),
        keys,
        plan_sshd(sshd, sshd_facts, host_keys_change=bool(keys.steps)),
        plan_root_password(
            shadow.look(machine.files, config.shadow_file), wanted=config.delete_root_password
        ),
    ]


def plan_missing_host_keys(machine: Machine, config: Config) -> list[Task]:
    """Host keys for a machine that has none and could not be provisioned: whom its image lets in can look why."""
    types = _host_key_types(machine, config)
    wish = HostKeyWish(vm_id="", folder=config.ssh_dir, types=types, regenerate=False)
    facts = ssh.look_at_host_keys(machine.files, machine.commands, config.ssh_dir)
    return [replace(plan_host_keys(wish, facts), required=False)]


def plan_host_name_note(machine: Machine, config: Config, wanted: Wanted, *, published: bool) -> list[Task]:
    """Note the name that the platform has; nothing when it could not be told."""
    if not published:
        return []
    facts = host_name.look(machine.files, machine.kernel, config.library)
    return list(
        plan_host_name_record(wanted.environment.host_name, facts, config.library, after=("host-name",))
    )


def plan_custom_data_tasks(machine: Machine, config: Config, wanted: Wanted) -> list[Task]:
    """Keep custom data, and give it to the network OS."""
    wish = _custom_data_wish(config, wanted)
    day_zero = DayZero(
        vm_id=wanted.vm_id,
        environment=wanted.environment,
        made_for=custom_data.translated_for(machine.files),
    )
    return [
        *plan_custom_data(wish, custom_data.look(machine.files, machine.commands, wish)),
        *translator(config.translator, config.translator_timeout, config.to_network_os).plan(day_zero),
    ]


def plan_custom_data_execution(machine: Machine, config: Config, wanted: Wanted) -> list[Task]:
    """Run custom data, where that is wanted; for when all else is done."""
    wish = _custom_data_wish(config, wanted)
    return list(plan_custom_data_run(wish, custom_data.look(machine.files, machine.commands, wish)))


def _custom_data_wish(config: Config, wanted: Wanted) -> CustomDataWish:
    return CustomDataWish(
        vm_id=wanted.vm_id,
        library=config.library,
        text=wanted.environment.custom_data,
        decode=config.decode_custom_data,
        execute=config.execute_custom_data,
        timeout=config.custom_data_timeout,
    )


def plan_kept_document(machine: Machine, config: Config, wanted: Wanted) -> list[Task]:
    """Keep the document, without its password, once the password is set: the platform takes the media away."""
    steps: list[Step] = []
    path = config.library / DOCUMENT
    if wanted.document is not None:
        present = bytes_of(machine.files, path, at_most=LARGEST_DOCUMENT)
        steps += plan_kept_copy(wanted.document, present, config.library).steps
    if bytes_of(machine.files, BEGUN) != wanted.vm_id.encode():
        steps += [
            MakeFolder(path=BEGUN.parent, mode=0o700),
            Write(path=BEGUN, content=wanted.vm_id.encode(), mode=0o600),
        ]
    disabled = config.library / DISABLED
    if wanted.environment.platform.provision_guest_agent is False and not is_there(machine.files, disabled):
        steps += [MakeFolder(path=config.library, mode=0o700), Write(path=disabled, content=b"")]
    return [
        Task(
            name="kept-document",
            purpose="keep the provisioning document without its password",
            steps=tuple(steps),
            after=("account", "password", "access"),  # what could not be used is not kept
            required=False,
            advice=f"Later stages read {path}; make room on the disk.",
        )
    ]


def plan_end(machine: Machine) -> list[Task]:
    """Forget that provisioning is under way, and what was said to a pool: all of it is done."""
    steps = tuple(Remove(path) for path in (POOL_RECORD, BEGUN) if is_there(machine.files, path))
    return [Task(name="begun", purpose="note that provisioning has ended", steps=steps, required=False)]


def host_key(machine: Machine, config: Config) -> Key | None:
    """The host key whose fingerprint the fabric is told."""
    facts = ssh.look_at_host_keys(machine.files, machine.commands, config.ssh_dir)
    return preferred_key(facts.public, _host_key_types(machine, config))


def _host_key_types(machine: Machine, config: Config) -> tuple[str, ...]:
    sshd = ssh.look_at_sshd(machine.files, config.ssh_dir)
    return host_key_types(config.host_key_types, sshd, config.ssh_dir)
