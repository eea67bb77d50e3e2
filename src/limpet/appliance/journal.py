"""The journal: what the appliance remembers. Lines of JSON, each with its number and a checksum, appended and synced.

Reading ends at the first line that is damaged: it was being written when the power went, and so was nothing after it.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from limpet.host.appliance_ports import JournalFile

LARGEST = 4 * 1024 * 1024
COMPACT_FROM = 256 * 1024
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One thing that was noted. number: from 1 on, without gaps. at: seconds since 1970. boot: the kernel's name of that boot.

    kind: what it is about, such as ``state``. facts: its members.
    """

    number: int
    at: float
    boot: str
    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def render_record(record: Record) -> bytes:
    """One line. Raises: HostError, when it would be too long to be read again."""
    members = {
        "at": record.at,
        "boot": record.boot,
        "facts": dict(record.facts),
        "kind": record.kind,
        "number": record.number,
    }
    body = json.dumps(members, sort_keys=True, separators=(",", ":")).encode("ascii")
    if len(body) > _LONGEST_LINE:
        raise HostError(f"the journal takes no record of {len(body)} bytes ({record.kind})")
    return b"%08x %s\n" % (zlib.crc32(body), body)


def parse_journal(content: bytes) -> tuple[tuple[Record, ...], int]:
    """The records, and how many bytes of `content` they are: what follows was cut or damaged, and is not read."""
    records: list[Record] = []
    end = 0
    for line in content.splitlines(keepends=True):
        record = _record(line)
        if record is None or (records and record.number != records[-1].number + 1):
            break
        records.append(record)
        end += len(line)
    return tuple(records), end


def _record(line: bytes) -> Record | None:
    checksum, _, body = line.partition(b" ")
    if (
        not line.endswith(b"\n")
        or len(line) > _LONGEST_LINE + 10
        or checksum != b"%08x" % zlib.crc32(body[:-1])
    ):
        return None
    try:
        found = json.loads(body)
        facts = found["facts"]
        if not isinstance(facts, dict):
            return None
        return Record(
            number=int(found["number"]),
            at=float(found["at"]),
            boot=str(found["boot"]),
            kind=str(found["kind"]),
            facts=facts,
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


class Journal:
    """The journal on its file. One writer: whoever holds the supervisor's lock."""

    def __init__(self, file: JournalFile) -> None:
        """Reads it, and takes off what was cut. Raises: HostError."""
        self._file = file
        content = file.read(at_most=LARGEST)
        records, end = parse_journal(content)
        self.records: list[Record] = list(records)
        self.dropped = len(content) - end
        """Bytes that were taken off."""
        self._size = end
        if self.dropped:
            file.replace(content[:end])

    def note(self, kind: str, facts: Mapping[str, Any], *, at: float, boot: str) -> Record:
        """Add a record; it is on the disk when this returns. Raises: HostError."""
        number = self.records[-1].number + 1 if self.records else 1
        record = Record(number=number, at=at, boot=boot, kind=kind, facts=facts)
        line = render_record(record)
        self._file.append(line)
        self.records.append(record)
        self._size += len(line)
        return record

    def compact(self, kept: Iterable[Record]) -> None:
        """Begin again with the records `kept`, when it has grown; their numbers go on. Raises: HostError."""
        if self._size < COMPACT_FROM:
            return
        last = self.records[-1].number
        chosen = list(kept)
        numbered = [
            Record(number=last + 1 + at, at=each.at, boot=each.boot, kind=each.kind, facts=each.facts)
            for at, each in enumerate(chosen)
        ]
        content = b"".join(map(render_record, numbered))
        self._file.replace(content)
        self.records = numbered
        self._size = len(content)
