"""Keys are where sshd is configured to look for them: those that let users in, and its own. Source: sshd_config(5)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from limpet.guest.ssh_keys import target_of
from limpet.guest.sshd_config import global_lines, includes_early, value_of
from limpet.guest.steps import Task
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from limpet.guest.ssh_keys import KeyWish
    from limpet.guest.sshd import SshdFacts
    from limpet.model.provisioning import PublicKey

USUAL = ".ssh/authorized_keys"
_FILES, _COMMAND = "AuthorizedKeysFile", "AuthorizedKeysCommand"
_HOST_KEY = re.compile(r"ssh_host_(rsa|ecdsa|ed25519|dsa)_key\Z")
_OUTDATED = "dsa"
_ALGORITHMS = (("ed25519", "ssh-ed25519"), ("ecdsa", "ecdsa-sha2-"), ("rsa", "rsa-sha2-"), ("rsa", "ssh-rsa"))


def patterns_of(facts: SshdFacts, folder: Path) -> tuple[str, ...]:
    """What AuthorizedKeysFile says, with sshd's own signs in it; the usual file where it says nothing. folder: ssh.dir."""
    found = _value(facts, folder, _FILES)
    return (USUAL,) if found is None else tuple(word.strip('"') for word in found.split())


def with_keys_for_sshd(wish: KeyWish, facts: SshdFacts, folder: Path) -> tuple[KeyWish, tuple[Task, ...]]:
    """The wish, with a second place for each key that is meant for the usual file where sshd does not look into that.

    The first file below the home that sshd looks into; what people and handlers change later is the usual one. Where it looks
    into none, that is told. Other places that the media names are taken as they are.
    """
    usual = [key for key in wish.public_keys if _is_usual(key, wish)]
    patterns = patterns_of(facts, folder)
    places = [_place(pattern, wish) for pattern in patterns]
    if not usual or f"~/{USUAL}" in places:
        return wish, ()
    place = next((each for each in places if each is not None), None)
    if place is not None:
        more = tuple(replace(key, path=place) for key in usual)
        return replace(wish, public_keys=(*wish.public_keys, *more)), ()
    if (_value(facts, folder, _COMMAND) or "none").lower() != "none":
        return wish, ()
    problem = f"sshd looks into {' '.join(patterns)[:120] or 'no file'}, which is not below the user's home"
    return wish, (
        Task(
            name="ssh-keys-place",
            purpose=f"put the keys of {wish.user} where sshd looks for them",
            problem=problem,
            advice=f"Copy them there by hand, or let {_FILES} in sshd_config name {USUAL}.",
            required=False,
        ),
    )


def asks_pam(facts: SshdFacts, folder: Path) -> bool:
    """Whether sshd asks PAM who may log in, as it does only where it is told to; True where there is none. folder: ssh.dir."""
    return facts.config is None or (_value(facts, folder, "UsePAM") or "no").lower() == "yes"


def host_key_types(types: tuple[str, ...], facts: SshdFacts, folder: Path) -> tuple[str, ...]:
    """The wanted types, those first that sshd is configured to have, and the others that it is: without one it does not start.

    Where it is configured to speak of none of them, one that it speaks of comes first: nobody could log in otherwise. A type
    that ssh-keygen may not know any more counts only where sshd has no other. folder: ssh.dir.
    """
    texts = [facts.config or "", *_drop_ins(facts)]
    paths = [
        PurePosixPath(value)
        for text in texts
        for _, keyword, value in global_lines(text)
        if keyword == "hostkey"
    ]
    found = [_HOST_KEY.match(path.name) for path in paths if str(path.parent) == str(folder)]
    configured = [match[1] for match in found if match is not None]
    if len(paths) > configured.count(_OUTDATED):
        configured = [kind for kind in configured if kind != _OUTDATED]
    chosen = [kind for kind in types if kind in configured]
    wanted = tuple(dict.fromkeys((*chosen, *configured, *types)))
    spoken = _spoken(_value(facts, folder, "HostKeyAlgorithms") or "")
    return wanted if not spoken or set(spoken) & set(wanted) else (spoken[0], *wanted)


def _spoken(algorithms: str) -> list[str]:
    """The types of key that a whole list of algorithms is about; one that only changes sshd's own says nothing."""
    words = [] if algorithms[:1] in {"+", "-", "^"} else algorithms.split(",")
    return [kind for kind, name in _ALGORITHMS if any(word.strip().startswith(name) for word in words)]


def _drop_ins(facts: SshdFacts) -> list[str]:
    return [text for name, text in sorted(facts.drop_ins.items()) if name.endswith(".conf")]


def _value(facts: SshdFacts, folder: Path, keyword: str) -> str | None:
    """The value in effect: of files that are included first, else of sshd_config itself, else of the other files."""
    drop_ins = _drop_ins(facts)
    texts = [facts.config or "", *drop_ins]
    if includes_early(texts[0], str(folder / "sshd_config.d"), {keyword: ""}):
        texts = [*drop_ins, texts[0]]
    return next(_values(texts, keyword), None)


def _values(texts: list[str], keyword: str) -> Iterator[str]:
    return (value for text in texts if (value := value_of(text, keyword)) is not None)


def _is_usual(key: PublicKey, wish: KeyWish) -> bool:
    home = wish.home_dir / wish.user
    try:
        return target_of(key.path, wish, home) == home / USUAL
    except MalformedDocument:
        return False


def _place(pattern: str, wish: KeyWish) -> str | None:
    """What a pattern means below the user's home, which is a tilde here; None for a place elsewhere, and for none."""
    path = pattern.replace("%u", wish.user)
    for home in ("%h", str(wish.home_dir / wish.user)):
        path = path.removeprefix(f"{home}/")
    elsewhere = path.startswith("/") or "%" in path or ".." in path.split("/")
    return None if elsewhere or path in {"", "none"} else f"~/{path}"
