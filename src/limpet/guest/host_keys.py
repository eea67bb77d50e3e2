"""sshd's host keys: new ones for every VM, and the fingerprint that the fabric is told. Source: guest-setup.md §A.5.1.

New keys are made in a folder of their own and copied into place when all are there: a machine whose ssh-keygen fails, or
whose power goes, keeps the keys it had, and there is never half a key. A note says for which VM they were made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.openssh import parse_key
from limpet.guest.steps import Copy, MakeFolder, Remove, Run, Task, Write
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.guest.openssh import Key
    from limpet.guest.steps import Step

HOST_KEYS = "host-keys"
NOTE = Path("/var/lib/limpet/host-keys")
LARGEST = 64 * 1024
"""Bytes of a host key's file that are read."""

_FILE = re.compile(r"ssh_host_.*key.*\Z", re.DOTALL)
_WORKSHOP = ".limpet-host-keys"
_ADVICE = "Look whether ssh-keygen is there and knows the types of ssh.host_key_types."


@dataclass(frozen=True, kw_only=True, slots=True)
class HostKeyWish:
    """vm_id: whose keys they are to be. types: of ssh.host_key_types, the preferred one first."""

    vm_id: str
    folder: Path
    types: tuple[str, ...]
    regenerate: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class HostKeyFacts:
    """names: what is in the folder. public: the text of each .pub file. whole: private keys (by file name) that are complete.

    made_for: what the note says. ssh_exists: whether the folder is there at all. restorecon: whether SELinux labels files.
    """

    names: tuple[str, ...] = ()
    public: Mapping[str, str] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    made_for: str | None = None
    ssh_exists: bool = True
    restorecon: bool = False


def plan_host_keys(wish: HostKeyWish, facts: HostKeyFacts) -> Task:
    """Make new keys for a new VM; for the same VM, or where keys are to be kept, make only what is missing.

    Keys are kept by ssh.regenerate_host_keys = false; a machine that has none at all gets them even then, or nobody could
    log in. A machine without sshd's folder has no use for them.
    """
    purpose = "make host keys for this VM"
    usable = {kind for kind in wish.types if _is_usable(kind, facts)}
    fresh = facts.made_for is not None and facts.made_for.lower() == wish.vm_id.lower()
    if not facts.ssh_exists:
        missing: list[str] = []
    elif wish.regenerate:
        missing = [kind for kind in wish.types if not fresh or kind not in usable]
    else:
        missing = [] if facts.whole else list(wish.types)
    steps: list[Step] = []
    if missing:
        steps = _make(wish.folder, missing, _all_keys(facts), keep=fresh or not wish.regenerate)
        if facts.restorecon:
            steps.append(Run(("restorecon", "-R", str(wish.folder))))
    elif _WORKSHOP in facts.names:
        steps = [Remove(wish.folder / _WORKSHOP)]
    if wish.regenerate and facts.ssh_exists and not fresh:
        steps += [MakeFolder(NOTE.parent, mode=0o700), Write(NOTE, f"{wish.vm_id}\n".encode(), mode=0o600)]
    return Task(name=HOST_KEYS, purpose=purpose, steps=tuple(steps), advice=_ADVICE)


def preferred_key(public: Mapping[str, str], types: tuple[str, ...]) -> Key | None:
    """The host key to tell of: of the first type that there is one of. public: as in the facts, read after they were made."""
    for kind in types:
        try:
            return parse_key(public.get(f"ssh_host_{kind}_key.pub", ""))
        except MalformedDocument:
            continue
    return None


def fingerprint_property(key: Key) -> str:
    """What the role property ``CertificateThumbprint`` gets: the key's MD5 in hex, lower case, without colons.

    That is what the agent that last reported it took from ssh-keygen, so what a reader of the property expects. People are
    shown `Key.sha256`. Source: guest-setup.md §A.5.1, §L defect 27.
    """
    return key.md5


def _is_usable(kind: str, facts: HostKeyFacts) -> bool:
    name = f"ssh_host_{kind}_key"
    return name in facts.whole and preferred_key(facts.public, (kind,)) is not None


def _all_keys(facts: HostKeyFacts) -> set[str]:
    return {name for name in facts.names if _FILE.match(name)}


def _make(folder: Path, kinds: list[str], old: set[str], *, keep: bool) -> list[Step]:
    """old: keys in the folder. keep: whether those of other types stay.

    Where a note would call a mixed pair complete, the old private key goes first; the new one comes last in any case.
    """
    workshop = folder / _WORKSHOP
    names = [f"ssh_host_{kind}_key" for kind in kinds]
    new = {each for name in names for each in (name, f"{name}.pub")}
    steps: list[Step] = [Remove(workshop), MakeFolder(workshop, mode=0o700)]
    for kind, name in zip(kinds, names, strict=True):
        argv = ("ssh-keygen", "-q", "-N", "", "-C", "", "-t", kind, "-f", str(workshop / name))
        steps.append(Run(argv, timeout=300.0))
    for name in names:
        if keep and name in old:
            steps.append(Remove(folder / name))
        steps += [Copy(workshop / each, folder / each) for each in (f"{name}.pub", name)]
    if not keep:
        steps += [Remove(folder / name) for name in sorted(old - new)]
    return [*steps, Remove(workshop)]
