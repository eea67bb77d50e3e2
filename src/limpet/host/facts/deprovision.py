"""What of this VM is on the disk: everything that `limpet deprovision` may have to remove. No link is followed."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.deprovision import ACCOUNT_COPIES, MACHINE_ID, OVF, DeprovisionFacts, folder_problem
from limpet.guest.deprovision_appliance import GUEST, STATE
from limpet.guest.deprovision_user import UserFacts
from limpet.guest.jit_users import is_jit
from limpet.guest.marker import AZURE_INIT, CLOUD_INIT
from limpet.guest.names import user_name_problem
from limpet.guest.passwd import parse_passwd, parse_shadow, parse_words
from limpet.host.facts import deprovision_appliance as appliance
from limpet.host.facts import host_name, peers
from limpet.host.facts.accounts import least_uid
from limpet.host.facts.reading import bytes_of, is_there, names_in, text_of
from limpet.model.errors import HostError, MalformedDocument
from limpet.wire.http import MIB
from limpet.wire.ovfenv import parse_ovf_environment

if TYPE_CHECKING:
    from limpet.guest.deprovision import DeprovisionPolicy
    from limpet.host.ports import Commands, Files, Kernel

SERVICES = ("limpet-appliance.service", "limpet-agent.service", "walinuxagent.service", "waagent.service")
_RUNNING = frozenset({"active", "activating", "reloading", "deactivating"})
_SYSTEMD = Path("/run/systemd/system")
_PASSWD, _LOGIN_DEFS = Path("/etc/passwd"), Path("/etc/login.defs")
_LARGEST = 4 * MIB

# Source: guest-setup.md §A.9.1, step 3; NetworkManager's own client is newer than that list.
_LEASES = {
    "/var/lib/dhclient": "*",
    "/var/lib/dhcpcd": "*",
    "/var/lib/dhcp": "*",
    "/var/db": "dhclient.leases.*",
    "/var/lib/NetworkManager": "*.lease",
    "/run/systemd/netif/leases": "*",
}
# What executed custom data and a network OS's translator said may hold anything.
_TRACES = {"/root": (".bash_history",), "/var/log": ("limpet-*.log*", "waagent.log*")}
# What tells two clones apart later, and must not be the same in both.
_IDENTITY = (Path("/var/lib/systemd/random-seed"), Path("/var/lib/dbus/machine-id"), CLOUD_INIT)

_RESOLV = Path("/etc/resolv.conf")
_RESOLVCONF = Path("/etc/resolvconf/resolv.conf.d")


def look(
    files: Files,
    commands: Commands,
    kernel: Kernel,
    policy: DeprovisionPolicy,
    *,
    ssh_dir: Path,
    shadow: Path,
    sudoers: Path,
    home_dir: Path,
    worker: tuple[str, ...],
    ending: tuple[str, ...],
) -> DeprovisionFacts:
    """Look at everything. ssh_dir, shadow, sudoers, home_dir: where the configuration says these are.

    worker: the command that says what a network OS forgets; ending: the one that ends a guest shell.
    """
    library, library_problem = _entries(files, policy.library)
    accounts = _Accounts(files, sudoers=sudoers, home_dir=home_dir)
    logs, logs_problem = _entries(files, policy.logs)
    resolver, resolver_kept = _resolver(files)
    machine_id = files.info(MACHINE_ID)
    return DeprovisionFacts(
        services=_services(files, commands),
        user=_user(files, policy.library, accounts) if OVF in library else None,
        jit=accounts.just_in_time(),
        host_keys=_matching(files, ssh_dir, "ssh_host_*key*"),
        leases=tuple(
            path for folder, pattern in _LEASES.items() for path in _matching(files, Path(folder), pattern)
        ),
        host=host_name.look(files, kernel, policy.library),
        root_locked=_root_locked(files, shadow),
        library=library,
        library_problem=library_problem,
        logs=logs,
        logs_problem=logs_problem,
        state=tuple(path for path in _matching(files, STATE, "*") if path != GUEST),
        appliance=appliance.look(files, commands, worker, ending),
        traces=tuple(
            path
            for folder, patterns in _TRACES.items()
            for pattern in patterns
            for path in _matching(files, Path(folder), pattern)
        ),
        resolver=resolver,
        resolver_kept=resolver_kept,
        peer=peers.look(files),
        machine_id=machine_id is not None and machine_id.is_file and machine_id.size > 0,
        copies=tuple(path for path in ACCOUNT_COPIES if is_there(files, path)),
        identity=tuple(
            path
            for path in (*_IDENTITY, *_matching(files, AZURE_INIT, "*.provisioned"))
            if (found := files.info(path)) is not None and found.is_file
        ),
    )


def _services(files: Files, commands: Commands) -> tuple[str, ...]:
    if not is_there(files, _SYSTEMD):
        return ()
    try:
        done = commands.run(("systemctl", "is-active", *SERVICES), timeout=30)
    except HostError:
        return ()
    states = done.stdout.decode("ascii", "replace").split()
    return tuple(unit for unit, state in zip(SERVICES, states, strict=False) if state in _RUNNING)


def _entries(files: Files, folder: Path) -> tuple[tuple[str, ...], str | None]:
    """The names in a folder, or why it is not gone into."""
    if problem := folder_problem(folder):
        return (), problem
    try:
        found = files.info(folder)
        if found is None:
            return (), None
        if not found.is_folder:
            what = f"a link to {files.target(folder)}" if found.is_link else "no folder"
            return (), f"{folder} is {what}"
        return tuple(files.names(folder)), None
    except HostError as error:
        return (), str(error)


def _matching(files: Files, folder: Path, pattern: str) -> tuple[Path, ...]:
    return tuple(folder / name for name in names_in(files, folder) if fnmatch.fnmatchcase(name, pattern))


def _user(files: Files, library: Path, accounts: _Accounts) -> UserFacts | None:
    try:
        name = parse_ovf_environment(files.read(library / OVF, at_most=MIB)).user_name
    except FileNotFoundError:
        return None
    except (HostError, MalformedDocument) as error:
        return UserFacts(name=None, problem=f"{library / OVF} does not say who it is: {error}")
    if name is None:
        return None
    if problem := user_name_problem(name):
        return UserFacts(name=None, problem=f"{library / OVF} names nobody: {problem}")
    return accounts.facts_of(name)


class _Accounts:
    """Everybody who has one, and what is said of them elsewhere."""

    def __init__(self, files: Files, *, sudoers: Path, home_dir: Path) -> None:
        self._files = files
        self._home_dir = home_dir
        self._users = parse_passwd(text_of(files, _PASSWD, at_most=_LARGEST) or "")
        self._uid_min = least_uid(parse_words(text_of(files, _LOGIN_DEFS, at_most=MIB) or ""))
        self._sudoers = {
            path: content
            for path in _matching(files, sudoers, "*")
            if (content := bytes_of(files, path, at_most=MIB)) is not None
        }

    def just_in_time(self) -> tuple[UserFacts, ...]:
        """Those whom the platform let in for a while."""
        found = [user.name for user in self._users if is_jit(user, self._uid_min)]
        return tuple(self.facts_of(name, jit=True) for name in found if user_name_problem(name) is None)

    def facts_of(self, name: str, *, jit: bool = False) -> UserFacts:
        """What is there of one of them."""
        account = next((user for user in self._users if user.name == name), None)
        home = None if account is None or not account.home.startswith("/") else Path(account.home)
        mail = Path("/var/mail", name)
        return UserFacts(
            name=name,
            uid=None if account is None else account.uid,
            uid_min=self._uid_min,
            home=home,
            home_dir=self._home_dir,
            homes=tuple(Path(user.home) for user in self._users if user.name != name),
            home_there=home is not None and is_there(self._files, home),
            mail=mail if is_there(self._files, mail) else None,
            sudoers=self._sudoers,
            jit=jit,
        )


def _root_locked(files: Files, shadow: Path) -> bool:
    """Whether root has no password that opens anything; one that cannot be looked at counts as locked."""
    lines = parse_shadow(text_of(files, shadow, at_most=_LARGEST) or "")
    return all(line.hash[:1] in {"*", "!"} for line in lines if line.name == "root")


def _resolver(files: Files) -> tuple[tuple[Path, ...], str | None]:
    """Source: guest-setup.md §A.9.1, step 8. A link leads to what a service writes anew at each boot, and stays."""
    found = files.info(_RESOLV)
    kept = (_RESOLVCONF / "tail", _RESOLVCONF / "original")
    written = tuple(path for path in kept if is_there(files, path))
    if found is None or not found.is_link:
        return (() if found is None else (_RESOLV,)) + written, None
    return (
        written,
        f"{_RESOLV} will stay: it leads to {files.target(_RESOLV)}, which is written anew at each boot.",
    )
