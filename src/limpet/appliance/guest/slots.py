"""Two places for root file systems of the guest shell, and which of them is started. Pure.

An image that was installed is tried in this start of the machine only, until somebody confirms it: after a power cut the last
confirmed one is started. Source: network-appliance.md §8.5, row "during guest upgrade (A/B)".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.guest.records import members_of, word
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOTS = ("a", "b")
DOCUMENT = "slots.json"
RECORD = "image.json"
VERSION = 1
LARGEST = 1024 * 1024
TREE, FILE = "tree", "root.squashfs"
_HEXADECIMAL = frozenset("0123456789abcdef")


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """One root file system. path: the tree, or the squashfs file. size: bytes of the file; None for a tree.

    digest: SHA-256 of the file, or of the list of files of a tree. packages: names and versions of what is in it. exchange: by which
    documents the agent in it is led (limpet.guest.appliance_profile); None where that is not known.
    """

    path: Path
    digest: str
    size: int | None = None
    limpet: str = "unknown"
    packages: Mapping[str, str] = field(default_factory=dict)
    exchange: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Slots:
    """confirmed: the slot whose image has worked. tried: one that is new, in the boot `boot`. bad: why a slot is not started."""

    confirmed: str | None = None
    tried: str | None = None
    boot: str | None = None
    bad: Mapping[str, str] = field(default_factory=dict)

    @property
    def free(self) -> str:
        """Where the next image goes: never over the confirmed one."""
        return next(slot for slot in SLOTS if slot != self.confirmed)


def order(slots: Slots, boot: str) -> tuple[str, ...]:
    """The slots that may be started, best first. boot: the kernel's name of this one."""
    tried = slots.tried if slots.tried is not None and slots.boot == boot else None
    first = [slot for slot in (tried, slots.confirmed) if slot is not None and slot not in slots.bad]
    rest = sorted((slot for slot in SLOTS if slot not in slots.bad), key=lambda slot: slot == slots.tried)
    return tuple(dict.fromkeys([*first, *rest]))


def may_be_tried(slots: Slots, slot: str, boot: str) -> bool:
    """Whether an image comes before the one that the appliance came with: it has worked, or is tried in this boot (§8.5)."""
    return slot == slots.confirmed or (slot == slots.tried and slots.boot == boot)


def with_new(slots: Slots, slot: str, boot: str) -> Slots:
    """An image was put into `slot`: it is tried. The first one of all has nothing to fall back to."""
    bad = {name: why for name, why in slots.bad.items() if name != slot}
    return replace(slots, tried=slot, boot=boot, bad=bad)


def confirmed(slots: Slots, slot: str) -> Slots:
    """The image in `slot` has worked."""
    return replace(slots, confirmed=slot, tried=None, boot=None)


def condemned(slots: Slots, slot: str, why: str) -> Slots:
    """The image in `slot` is damaged or does not work: it is not started any more."""
    tried = None if slots.tried == slot else slots.tried
    return replace(slots, tried=tried, bad={**slots.bad, slot: why[:150]})


def render_slots(slots: Slots) -> bytes:
    """The file `parse_slots` reads."""
    members = {
        "version": VERSION,
        "confirmed": slots.confirmed,
        "tried": slots.tried,
        "boot": slots.boot,
        "bad": dict(slots.bad),
    }
    return (json.dumps(members, indent=1) + "\n").encode("ascii")


def parse_slots(content: bytes) -> Slots:
    """Read the file. Raises: MalformedDocument."""
    found = members_of(content, DOCUMENT, version=VERSION, at_most=LARGEST)
    bad = found.get("bad", {})
    if not isinstance(bad, dict):
        raise MalformedDocument(DOCUMENT, "bad is no object")
    return Slots(
        confirmed=_slot(found, "confirmed"),
        tried=_slot(found, "tried"),
        boot=None if found.get("boot") is None else word(found, "boot", DOCUMENT),
        bad={name: str(bad[name])[:200] for name in SLOTS if name in bad},
    )


def render_image(image: Image) -> bytes:
    """The file `parse_image` reads; the same image gives the same bytes."""
    members = {
        "version": VERSION,
        "path": str(image.path),
        "digest": image.digest,
        "size": image.size,
        "limpet": image.limpet,
        "exchange": image.exchange,
        "packages": dict(sorted(image.packages.items())),
    }
    return (json.dumps(members, indent=1) + "\n").encode("ascii")


def parse_image(content: bytes) -> Image:
    """Read the file. Raises: MalformedDocument."""
    found = members_of(content, RECORD, version=VERSION, at_most=LARGEST)
    digest, size, packages = word(found, "digest", RECORD), found.get("size"), found.get("packages", {})
    if len(digest) != 64 or not set(digest) <= _HEXADECIMAL:
        raise MalformedDocument(RECORD, "digest is no SHA-256")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size <= 0):
        raise MalformedDocument(RECORD, "size is no number of bytes")
    if not isinstance(packages, dict):
        raise MalformedDocument(RECORD, "packages is no object")
    exchange = found.get("exchange")
    if isinstance(exchange, bool) or not isinstance(exchange, int | None):
        raise MalformedDocument(RECORD, "exchange is no number")
    path = Path(word(found, "path", RECORD))
    if not path.is_absolute() or ".." in path.parts:
        raise MalformedDocument(RECORD, "path is not absolute")
    return Image(
        path=path,
        digest=digest,
        size=size,
        limpet=word(found, "limpet", RECORD),
        packages={str(name): str(version) for name, version in packages.items()},
        exchange=exchange,
    )


def _slot(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    if value is not None and value not in SLOTS:
        raise MalformedDocument(DOCUMENT, f"{name} is no slot")
    return value
