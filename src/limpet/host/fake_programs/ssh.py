"""OpenSSH's programs, and what tells a running sshd."""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.sshd_config import global_lines
from limpet.host.fake_commands import Said

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

SSH = Path("/etc/ssh")
_KEYWORDS = frozenset(
    [
        "include",
        "port",
        "usepam",
        "x11forwarding",
        "printmotd",
        "acceptenv",
        "subsystem",
        "passwordauthentication",
        "clientaliveinterval",
        "kbdinteractiveauthentication",
        "challengeresponseauthentication",
        "permitrootlogin",
        "pubkeyauthentication",
    ]
)
_KINDS = {
    "ed25519": ("ssh-ed25519", (32,)),
    "ecdsa": ("ecdsa-sha2-nistp256", (8, 65)),
    "rsa": ("ssh-rsa", (3, 385)),
}


def ssh_keygen(files: FakeFiles, call: Call) -> Said:
    """ssh-keygen -q -N '' -C '' -t TYPE -f FILE: the private key first, then the public one."""
    words = call.argv
    kind, path = words[words.index("-t") + 1], Path(words[words.index("-f") + 1])
    if kind not in _KINDS:
        return Said(exit_code=1, stdout=f"unknown key type {kind}")
    if files.info(path) is not None:
        return Said(exit_code=1, stdout=f"{path} already exists.\nOverwrite (y/n)? ")
    name, sizes = _KINDS[kind]
    files.replace(
        path,
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{kind}\n-----END OPENSSH PRIVATE KEY-----\n".encode(),
        mode=0o600,
    )
    fields = [name.encode(), *((hashlib.sha256(kind.encode()).digest() * 16)[:size] for size in sizes)]
    blob = b"".join(len(field).to_bytes(4) + field for field in fields)
    files.replace(
        path.with_name(f"{path.name}.pub"), f"{name} {b2a_base64(blob, newline=False).decode()} \n".encode()
    )
    return Said()


def sshd(files: FakeFiles, call: Call) -> Said:
    """Says whether it would take a configuration: -t -f FILE."""
    path = Path(call.argv[call.argv.index("-f") + 1])
    if files.info(path) is None:
        return Said(exit_code=255, stderr=f"{path}: No such file or directory")
    for number, keyword, _ in global_lines(files.read(path, at_most=1 << 20).decode()):
        if keyword not in _KEYWORDS:
            return Said(
                exit_code=255,
                stderr=f"{path}: line {number + 1}: Bad configuration option: {keyword}\n"
                f"{path}: terminating, 1 bad configuration options",
            )
    if not any(name.startswith("ssh_host_") and name.endswith("_key") for name in files.names(SSH)):
        return Said(exit_code=1, stderr="sshd: no hostkeys available -- exiting.")
    return Said()


def _nothing(files: FakeFiles, call: Call) -> Said:
    """Tells a process, which reads its files anew; nothing on the disk changes."""
    del files, call
    return Said()


PROGRAMS: dict[str, Callable[[FakeFiles, Call], Said]] = {
    "ssh-keygen": ssh_keygen,
    "sshd": sshd,
    "systemctl": _nothing,
    "kill": _nothing,
    "restorecon": _nothing,
}
