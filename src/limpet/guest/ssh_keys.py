"""Keys for logging in, by value and by certificate, and key pairs: into the user's home and nowhere else.

Source: guest-setup.md §A.5 and §L (defects 4, 5, 21). No link is followed below the home; what is in a file stays there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.accounts import ACCOUNT
from limpet.guest.certificate_key import certificate_key
from limpet.guest.names import user_name_problem
from limpet.guest.openssh import parse_key, parse_keys
from limpet.guest.steps import MakeFolder, Run, Task, Write
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from limpet.guest.openssh import Key
    from limpet.guest.steps import Step
    from limpet.model.ids import Thumbprint
    from limpet.model.provisioning import KeyPair, PublicKey
    from limpet.model.secret import Secret

SSH_KEYS = "ssh-keys"
LARGEST = 1024 * 1024
"""Bytes of an authorized_keys file that are read."""

_OWN = ".ssh/authorized_keys"
_CONVENTION = Path("/home")
_LONGEST_PATH = 1024
_OTHERS_WRITE = 0o022
_ADVICE_KEY = "Give an OpenSSH public key, one line such as a .pub file has."
_ADVICE_PATH = "Give a path below the user's own home, such as $HOME/NAME/.ssh/authorized_keys, or none."


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyWish:
    """What the media asks for. home_dir: what ``$HOME`` stands for, the parent of homes."""

    user: str
    home_dir: Path
    public_keys: tuple[PublicKey, ...] = ()
    key_pairs: tuple[KeyPair, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A file or folder that is there. content: of a public file. secret: of a file that may hold a private key.

    problem: why it cannot be used, such as a link in its place.
    """

    mode: int
    uid: int
    content: bytes | None = None
    secret: Secret[bytes] | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyFacts:
    """home: the user's. uid: the user's, None before there is one. places: what is there of `places_of`.

    certificates, private_keys: files TP.crt and TP.prv of the agent's library. restorecon: whether SELinux labels files.
    """

    home: Path
    uid: int | None = None
    places: Mapping[Path, Place] = field(default_factory=dict)
    certificates: Mapping[Thumbprint, bytes] = field(default_factory=dict)
    private_keys: Mapping[Thumbprint, Secret[bytes]] = field(default_factory=dict)
    restorecon: bool = False


def target_of(path: str, wish: KeyWish, home: Path) -> Path:
    """The file that a Path of the media means. Raises: MalformedDocument, when it is not below the user's home.

    ``/home/NAME`` is what portals write for the home of NAME wherever that is; a tilde, ``$HOME/.ssh`` and a folder ``.ssh``
    are what people write for the file in it.
    """
    if not path.strip():
        return home / _OWN
    if len(path) > _LONGEST_PATH or any(ord(letter) < 32 for letter in path):
        raise MalformedDocument("Path", "the key's path is too long or has control characters")
    path = path.strip()
    first, _, rest = path.partition("/")
    if first in {"~", f"~{wish.user}"}:
        path = rest.lstrip("/")
    place = _normal(home / path.replace("$HOME", str(wish.home_dir)))
    for usual in (wish.home_dir / wish.user, _CONVENTION / wish.user):
        if place.is_relative_to(usual):
            place = home / place.relative_to(usual)
    if place.is_relative_to(wish.home_dir / ".ssh"):  # nobody can have that name
        place = home / place.relative_to(wish.home_dir)
    if place == home / ".ssh":
        place = home / _OWN
    if place == home or not place.is_relative_to(home):
        raise MalformedDocument("Path", f"the key's path {ascii(path)[:120]} is outside the home {home}")
    return place


def _normal(path: Path) -> Path:
    """Without ``..``; what is a link on the disk is looked at later."""
    parts: list[str] = []
    for part in path.parts:
        if part != "..":
            parts.append(part)
        elif len(parts) > 1:
            parts.pop()
    return Path(*parts)


def places_of(wish: KeyWish, home: Path) -> tuple[Path, ...]:
    """Every file and folder that the keys of `wish` touch, the home itself first, folders before what is in them."""
    found: dict[Path, None] = {home: None}
    texts = [key.path for key in wish.public_keys] + [pair.path for pair in wish.key_pairs]
    for text in texts:
        try:
            place = target_of(text, wish, home)
        except MalformedDocument:
            continue
        found |= dict.fromkeys(_folders(place, home))
        found[place] = None
    for pair in wish.key_pairs:
        try:
            found[_beside(target_of(pair.path, wish, home))] = None
        except MalformedDocument:
            continue
    return tuple(found)


def plan_ssh_keys(wish: KeyWish, facts: KeyFacts) -> tuple[Task, ...]:
    """One task with every usable key, and one that says what is wrong for each that is not."""
    if user_name_problem(wish.user) is not None:
        return (Task(name=SSH_KEYS, purpose="let the user log in by key", after=(ACCOUNT,)),)
    wanted: dict[Path, list[Key]] = {}
    refused: list[Task] = []
    for number, key in enumerate(wish.public_keys, 1):
        purpose = f"let {wish.user} log in by key {number} of {len(wish.public_keys)}"
        try:
            place = target_of(key.path, wish, facts.home)
            _refuse_places(place, facts)
            wanted.setdefault(place, []).extend(_keys(key, facts))
        except MalformedDocument as error:
            refused.append(_refused(f"ssh-key-{number}", purpose, error))
    steps = _home_steps(wish, facts) if wanted else []
    made: set[Path] = set()
    for place, keys in wanted.items():
        steps += [*_folder_steps(place, wish.user, facts, made), *_file_steps(place, keys, wish.user, facts)]
    usable = Task(
        name=SSH_KEYS,
        purpose=f"let {wish.user} log in by key",
        after=(ACCOUNT,),
        steps=_labelled(steps, facts),
    )
    pairs = [_pair(number, pair, wish, facts) for number, pair in enumerate(wish.key_pairs, 1)]
    return (usable, *refused, *pairs)


def _keys(key: PublicKey, facts: KeyFacts) -> tuple[Key, ...]:
    """Raises: MalformedDocument."""
    if key.value is not None:
        return parse_keys(key.value)
    certificate = None if key.fingerprint is None else facts.certificates.get(key.fingerprint)
    if certificate is None:
        raise MalformedDocument(
            "certificate", f"the certificate {key.fingerprint} is not among those that the fabric gave"
        )
    return (certificate_key(certificate),)


def _refused(name: str, purpose: str, error: MalformedDocument) -> Task:
    advice = _ADVICE_PATH if error.document == "Path" else _ADVICE_KEY
    if error.document == "certificate":
        advice = "Give the key by value, or have the certificate deployed to the VM."
    return Task(name=name, purpose=purpose, after=(ACCOUNT,), problem=error.problem, advice=advice)


def _pair(number: int, pair: KeyPair, wish: KeyWish, facts: KeyFacts) -> Task:
    """The private key is as the certificate bundle has it; its public half is made of the certificate, where that is there."""
    name, purpose = (
        f"key-pair-{number}",
        f"give {wish.user} the private key {number} of {len(wish.key_pairs)}",
    )
    try:
        place = target_of(pair.path, wish, facts.home)
        _refuse_places(place, facts, secret=True)
        private = _private(pair, facts)
        certificate = facts.certificates.get(pair.fingerprint)
        public = None if certificate is None else f"{certificate_key(certificate).line}\n".encode()
    except MalformedDocument as error:
        return _refused(name, purpose, error)
    steps = [*_home_steps(wish, facts), *_folder_steps(place, wish.user, facts, set())]
    there = facts.places.get(place)
    if there is None or there.secret != private or not _is_proper(there, 0o600, facts):
        steps.append(Write(place, private, mode=0o600, owner=wish.user, beneath=facts.home))
    beside = facts.places.get(_beside(place))
    if public is not None and (
        beside is None or beside.content != public or not _is_proper(beside, 0o644, facts)
    ):
        steps.append(Write(_beside(place), public, mode=0o644, owner=wish.user, beneath=facts.home))
    return Task(name=name, purpose=purpose, after=(ACCOUNT,), steps=_labelled(steps, facts))


def _private(pair: KeyPair, facts: KeyFacts) -> Secret[bytes]:
    private = facts.private_keys.get(pair.fingerprint)
    if private is None:
        raise MalformedDocument(
            "certificate", f"the certificate {pair.fingerprint} came without a private key, or not at all"
        )
    return private


def _refuse_places(place: Path, facts: KeyFacts, *, secret: bool = False) -> None:
    if secret and place.name.startswith(Path(_OWN).name):
        raise MalformedDocument("Path", f"{place} is for public keys")
    for each in (*_folders(place, facts.home), place):
        there = facts.places.get(each)
        if there is not None and there.problem is not None:
            raise MalformedDocument("Path", f"{each} cannot be used: {there.problem}")


def _file_steps(place: Path, keys: list[Key], user: str, facts: KeyFacts) -> list[Step]:
    there = facts.places.get(place)
    content = b"" if there is None or there.content is None else there.content
    known = _identities(content)
    missing: dict[tuple[str, str, bytes], Key] = {}
    for key in keys:
        if key.identity not in known:
            missing.setdefault(key.identity, key)
    if not missing and there is not None and _is_proper(there, 0o600, facts):
        return []
    if content and not content.endswith(b"\n"):
        content += b"\n"
    content += b"".join(f"{key.line}\n".encode() for key in missing.values())
    return [Write(place, content, mode=0o600, owner=user, beneath=facts.home)]


def _identities(content: bytes) -> set[tuple[str, str, bytes]]:
    found = set()
    for line in content.decode("utf-8", "replace").splitlines():
        try:
            found.add(parse_key(line).identity)
        except MalformedDocument:
            continue
    return found


def _home_steps(wish: KeyWish, facts: KeyFacts) -> list[Step]:
    """Close it to others: sshd does not look into a home that others may write to."""
    there = facts.places.get(facts.home)
    if there is not None and there.mode & _OTHERS_WRITE and facts.home.parent == wish.home_dir:
        return [Run(("chmod", "go-w", str(facts.home)))]
    return []


def _folder_steps(place: Path, user: str, facts: KeyFacts, made: set[Path]) -> Iterator[Step]:
    """Make the folders between the home and the file, or make them such that sshd trusts them. made: those done already."""
    for folder in _folders(place, facts.home):
        if folder in made:
            continue
        made.add(folder)
        there = facts.places.get(folder)
        if there is None:
            yield MakeFolder(folder, mode=0o700, owner=user, beneath=facts.home)
            continue
        if facts.uid is not None and there.uid != facts.uid:
            yield Run(("chown", "-h", f"{user}:", str(folder)))
        if there.mode & _OTHERS_WRITE:
            yield Run(("chmod", "go-w", str(folder)))


def _folders(place: Path, home: Path) -> list[Path]:
    return [parent for parent in reversed(place.parents) if home in parent.parents]


def _beside(place: Path) -> Path:
    return place.with_name(f"{place.name}.pub")


def _is_proper(there: Place, mode: int, facts: KeyFacts) -> bool:
    return there.mode == mode and there.uid == facts.uid


def _labelled(steps: list[Step], facts: KeyFacts) -> tuple[Step, ...]:
    if steps and facts.restorecon:
        steps = [*steps, Run(("restorecon", "-R", str(facts.home)), timeout=300.0)]
    return tuple(steps)
