"""Logging in to a VM as its user does: ssh, from inside the fabric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.lab.commands import Result, run

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.lab.netns import Network

LONGEST_LOGIN = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """private: the file. public: the line of an authorized_keys file."""

    private: Path
    public: str


def make_key(folder: Path, *, comment: str = "lab") -> Key:
    """A key pair of the user's. Raises: LabError."""
    folder.mkdir(parents=True, exist_ok=True)
    private = folder / f"{comment}.key"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(private)]).checked()
    return Key(private=private, public=private.with_suffix(".key.pub").read_text(encoding="ascii").strip())


def ssh(
    fabric: Network, user: str, address: str, key: Key, script: str, *, timeout: float = LONGEST_LOGIN
) -> Result:
    """Run a command in a VM as `user`, known by `key` and by nothing else. exit_code: ssh's own is 255.

    The VM's host key is taken as it comes; it is kept beside the key. Raises: LabError, when it does not end.
    """
    known = key.private.with_suffix(f".{address}.known")
    settings = {
        "IdentitiesOnly": "yes",
        "PasswordAuthentication": "no",
        "BatchMode": "yes",
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": str(known),
        "GlobalKnownHostsFile": "/dev/null",
        "ConnectTimeout": f"{timeout:.0f}",
        "LogLevel": "ERROR",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    argv = ["ssh", "-F", "none", "-i", str(key.private), *options, f"{user}@{address}", script]
    return fabric.run(argv, timeout=timeout)
