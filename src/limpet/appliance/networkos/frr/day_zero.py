"""Custom data as FRR's configuration: lines as one types them into vtysh, in /etc/frr/<name>/frr.conf.

Where custom data has sections as a router's has (``Section: FRR configuration``), only that one counts. What begins as
something else does (a script, cloud-init's, MIME) is no configuration. FRR itself says beforehand whether it understands
every line: then it is put in place whole, once for each VM; else the network OS starts with what it has.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.steps import Copy, MakeFolder, Remove, Run, Task, Write
from limpet.guest.translation import NOTE, TRANSLATION
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.guest.translation import DayZero

OUTPUT = Path("/var/log/limpet-frr.log")
"""What FRR says of its configuration, for root alone: it repeats lines."""
CONFIGURATION = "frr.conf"
_CANDIDATE = "limpet-candidate.conf"
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


def plan(namespace: str, day_zero: DayZero) -> tuple[Task, ...]:
    """Check it, put it in place, note for which VM."""
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
                Copy(candidate, place / CONFIGURATION),
                Remove(candidate),
                note,
            ),
            advice=f"See {OUTPUT}: it names the first line that FRR does not know.",
        ),
    )
