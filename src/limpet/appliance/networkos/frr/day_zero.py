"""Custom data as FRR's configuration: lines as one types them into vtysh, in /etc/frr/<name>/frr.conf.

Where custom data has sections as a router's has (``Section: FRR configuration``), only that one counts. What begins as
something else does (a script, cloud-init's, MIME) is no configuration. FRR itself says beforehand whether it understands
every line: then it is put in place whole, once for each VM; else the network OS starts with what it has. What the image had in
its place is kept beside it, and comes back when the disk is to be an image again (`limpet deprovision`).
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.networkos.forgetting import forgotten
from limpet.guest.forgetting import Forgetting
from limpet.guest.steps import Copy, MakeFolder, Remove, Run, Task, Write
from limpet.guest.translation import NOTE, TRANSLATION
from limpet.host.facts.reading import is_there
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.guest.steps import Step
    from limpet.guest.translation import DayZero
    from limpet.host.ports import Files

OUTPUT = Path("/var/log/limpet-frr.log")
"""What FRR says of its configuration, for root alone: it repeats lines."""
CONFIGURATION = "frr.conf"
ORIGINAL = "limpet-original.conf"
"""What the image had in the place of CONFIGURATION before custom data; empty where it had none."""
_CANDIDATE = "limpet-candidate.conf"
_BEFORE_LAST = "frr.conf.sav"
"""vtysh's own copy of what a `write` replaced."""
_SECTION = re.compile(rb"^\s*section:\s*(.*?)\s*$", re.IGNORECASE)
_OURS = (b"frr configuration", b"frr", b"configuration")
_OTHERS = (b"#!", b"#cloud-", b"content-type:", b"mime-version:", b"{", b"<")


def folder(namespace: str) -> Path:
    """Where FRR looks for the files of one instance."""
    return Path("/etc/frr", namespace)


def lines_of(custom_data: bytes) -> bytes | None:
    """The configuration in custom data; None where there is none."""
    text = custom_data.replace(b"\r\n", b"\n").strip()
    if not text or b"\0" in text or text.lower().startswith(_OTHERS):
        return None
    lines = text.split(b"\n")
    sections = {
        number: match[1].lower() for number, line in enumerate(lines) if (match := _SECTION.match(line))
    }
    if not sections:
        return text + b"\n"
    kept: list[bytes] = []
    current = b""
    for number, line in enumerate(lines):
        if number in sections:
            current = sections[number]
        elif current in _OURS:
            kept.append(line)
    return b"\n".join(kept).strip() + b"\n" if any(line.strip() for line in kept) else None


class Original(Enum):
    """The image's own configuration. NONE: it has none; THERE: it is what FRR has; KEPT: it lies in ORIGINAL."""

    NONE = "none"
    THERE = "there"
    KEPT = "kept"


def original(files: Files, namespace: str) -> Original:
    """Look at it."""
    place = folder(namespace)
    if is_there(files, place / ORIGINAL):
        return Original.KEPT
    return Original.THERE if is_there(files, place / CONFIGURATION) else Original.NONE


def forget(name: str, namespace: str, files: Files) -> Forgetting:
    """Give FRR the image's own configuration again. name: the driver's."""
    place = folder(namespace)
    kept = files.info(place / ORIGINAL)
    notes: tuple[str, ...] = ()
    left = [place / _CANDIDATE, place / _BEFORE_LAST, place / "vtysh.conf"]
    steps: list[Step] = []
    if kept is None:
        if is_there(files, place / CONFIGURATION):
            notes = (
                f"{place / CONFIGURATION} stays: it was not made of custom data, so it counts as the image's own.",
            )
    elif kept.size:
        steps += [Copy(place / ORIGINAL, place / CONFIGURATION), Remove(place / ORIGINAL)]
    else:
        steps += [Remove(place / CONFIGURATION), Remove(place / ORIGINAL)]
    configured = Task(
        name="configuration",
        purpose=f"forget the configuration of custom data ({place / CONFIGURATION})",
        steps=tuple(steps),
    )
    return Forgetting(
        network_os=name,
        tasks=(
            *((configured,) if steps else ()),
            *forgotten("made-for-frr", "forget what was made for FRR beside its configuration", left, files),
            *forgotten("custom-data", "forget for which VM it was configured", (NOTE,), files),
        ),
        notes=notes,
    )


def plan(namespace: str, day_zero: DayZero, found: Original) -> tuple[Task, ...]:
    """Check it, put it in place, note for which VM. found: what there is of the image's own."""
    if day_zero.is_done:
        return ()
    note = Write(NOTE, f"{day_zero.vm_id}\n".encode(), mode=0o600)
    lines = lines_of(day_zero.custom_data.reveal())
    if lines is None:
        return (
            Task(
                name=TRANSLATION,
                purpose="note that there is no configuration for FRR in the custom data",
                steps=(MakeFolder(NOTE.parent, mode=0o700), note),
            ),
        )
    place = folder(namespace)
    candidate = place / _CANDIDATE
    return (
        Task(
            name=TRANSLATION,
            purpose="give the custom data to FRR as its configuration",
            steps=(
                MakeFolder(NOTE.parent, mode=0o700),
                MakeFolder(place, mode=0o755),
                Write(candidate, Secret(lines), mode=0o640, owner="frr"),
                Run(("vtysh", "-C", "-f", str(candidate)), timeout=60.0, output=OUTPUT),
                *_keeping(place, found),
                Copy(candidate, place / CONFIGURATION),
                Remove(candidate),
                note,
            ),
            advice=f"See {OUTPUT}: it names the first line that FRR does not know.",
        ),
    )


def _keeping(place: Path, found: Original) -> tuple[Step, ...]:
    match found:
        case Original.KEPT:
            return ()
        case Original.THERE:
            return (Copy(place / CONFIGURATION, place / ORIGINAL),)
        case Original.NONE:
            return (Write(place / ORIGINAL, b"", mode=0o640),)
