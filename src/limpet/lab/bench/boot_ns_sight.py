"""What is in place in a machine at one moment, seen from outside: nothing of this is charged to the agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from limpet.lab.commands import Result


class Seen(Protocol):
    """A machine, as far as it is looked at: see `machine.Machine`."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def path(self, path: str) -> Path:
        """Where a path inside is for us."""
        ...

    def read(self, path: str) -> str:
        """A text file's content. Raises: OSError."""
        ...

    def run(self, argv: Sequence[str], *, timeout: float = 30) -> Result:
        """Run a command inside. Raises: LabError."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What an agent was asked for. trace: a file that the custom data leaves when it is run."""

    user: str
    key: str
    host: str
    trace: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """A machine at one moment. missing: those of `PROMISES` that are not kept. ran: whether the custom data was run."""

    missing: tuple[str, ...]
    ran: bool


PROMISES = ("user", "password", "key", "sudo rule", "host keys", "custom data kept", "host name")
KEPT = ("/var/lib/waagent/CustomData", "/var/lib/cloud/instance/user-data.txt")
"""Where agents keep custom data."""


def sight(machine: Seen, wanted: Wanted, *, since: float) -> Sight:
    """What is in place at this moment. since: host keys made after it are new, in seconds since 1970. Raises: LabError."""
    start = f"\n{wanted.user}"
    files = {name: f"\n{_text(machine, f'/etc/{name}')}" for name in ("passwd", "shadow")}
    ran = machine.path(wanted.trace).is_file()
    kept = {
        "user": f"{start}:" in files["passwd"],
        "password": f"{start}:$" in files["shadow"],
        "key": wanted.key in _text(machine, f"/home/{wanted.user}/.ssh/authorized_keys"),
        "sudo rule": any(
            f"{start} " in f"\n{_text(machine, f'/etc/sudoers.d/{rule.name}')}"
            for rule in machine.path("/etc/sudoers.d").glob("[!.]*")
        ),
        "host keys": bool(host_keys(machine, since=since)),
        "custom data kept": any(_text(machine, path) for path in KEPT),
        # Last, because only a process inside can be asked, and the agent goes on meanwhile.
        "host name": machine.run(["hostname"]).checked().strip() == wanted.host,
    }
    return Sight(missing=tuple(name for name in PROMISES if not kept[name]), ran=ran)


def host_keys(machine: Seen, *, since: float) -> list[str]:
    """Names of the ssh host keys that were made since, in seconds since 1970."""
    keys = machine.path("/etc/ssh").glob("ssh_host_*_key")
    return sorted(key.name for key in keys if _made(key) >= since)


def _made(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # it has just been replaced


def _text(machine: Seen, path: str) -> str:
    try:
        return machine.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise LabError(f"cannot read {path} of {machine.name}: {error.strerror}") from error
