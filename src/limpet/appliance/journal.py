"""The journal: what the appliance remembers. Lines of JSON, each with its number and a checksum, appended and synced.

Reading ends at the first line that is damaged: it was being written when the power went, and so was nothing after it.
"""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from limpet.host.appliance_ports import JournalFile

LARGEST = 4 * 1024 * 1024
COMPACT_FROM = 256 * 1024
_LONGEST_LINE = 64 * 1024
_LAST_TIME = 1e11


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
        facts, number, at = found["facts"], int(found["number"]), float(found["at"])
        if not isinstance(facts, dict) or number < 1 or not 0 <= at < _LAST_TIME:
            return None
        return Record(
            number=number,
            at=at,
            boot=str(found["boot"]),
            kind=str(found["kind"]),
            facts=facts,
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


class Journal:
    """The journal on its file. One writer: whoever holds the supervisor's lock.

    While the disk takes nothing, records are kept aside, in memory that a start of the machine empties, and written as soon as
    it does: an appliance that is cut off because a disk is full would be worse than one that remembers less after a power cut.
    """

    def __init__(self, file: JournalFile, aside: JournalFile | None = None) -> None:
        """Reads it, and takes off what was cut. One that cannot be read is begun anew: `unreadable` says why.

        aside: a file in memory for what could not be written.
        """
        self._file = file
        self._aside = aside
        self.unreadable: str | None = None
        try:
            content = file.read(at_most=LARGEST)
        except HostError as error:
            content, self.unreadable = b"", str(error)
        records, end = parse_journal(content)
        self.records: list[Record] = list(records)
        self.dropped = len(content) - end
        """Bytes that were taken off."""
        self._size = end
        self._owed: list[bytes] = []
        self.problem: str | None = self.unreadable
        """Why the last records are not on the disk; None when they are."""
        if self.dropped:
            self._take_off(content[:end])
        self._take_up()

    @property
    def behind(self) -> int:
        """How many records are not on the disk."""
        return len(self._owed)

    def _take_up(self) -> None:
        """What this program could not write to the disk before it was started anew."""
        if self._aside is None:
            return
        try:
            records, _ = parse_journal(self._aside.read(at_most=LARGEST))
        except HostError:
            return
        if records and (not self.records or records[-1].number > self.records[-1].number):
            self.records = list(records)
            self.problem = self.problem or "the disk took no records before this program was started anew"
            self._owed.append(b"")
            self.settle()

    def _put_aside(self) -> None:
        if self._aside is not None:
            with suppress(HostError):
                self._aside.replace(b"".join(map(render_record, self.records)))

    def _take_off(self, whole: bytes) -> None:
        """Nothing may be added behind what cannot be read."""
        try:
            self._file.replace(whole)
        except HostError as error:
            self.problem = str(error)
            self._owed.append(b"")

    def note(self, kind: str, facts: Mapping[str, Any], *, at: float, boot: str) -> Record:
        """Add a record. It is on the disk when this returns, or else `problem` says why not. Raises: HostError, for one too long."""
        number = self.records[-1].number + 1 if self.records else 1
        record = Record(number=number, at=at, boot=boot, kind=kind, facts=facts)
        line = render_record(record)
        self.records.append(record)
        self._owed.append(line)
        self.settle()
        return record

    def settle(self) -> None:
        """Write what is owed, if that can be done now."""
        if not self._owed:
            return
        try:
            if self.problem is None:
                self._file.append(b"".join(self._owed))
                self._size += sum(map(len, self._owed))
            else:  # of what could not be written, a part may be there
                content = b"".join(map(render_record, self.records))
                self._file.replace(content)
                self._size = len(content)
        except HostError as error:
            self.problem = str(error)
            self._put_aside()
            return
        self._owed.clear()
        self.problem = None

    def compact(self, kept: Iterable[Record]) -> None:
        """Begin again with the records `kept`, when it has grown; their numbers go on."""
        if self._size + sum(map(len, self._owed)) < COMPACT_FROM:
            return
        last = self.records[-1].number
        chosen = list(kept)
        numbered = [
            Record(number=last + 1 + at, at=each.at, boot=each.boot, kind=each.kind, facts=each.facts)
            for at, each in enumerate(chosen)
        ]
        content = b"".join(map(render_record, numbered))
        self.records = numbered
        try:
            self._file.replace(content)
        except HostError as error:  # a disk that stays full must not fill the memory
            self.problem = str(error)
            self._owed = [content]
            self._put_aside()
            return
        self._owed.clear()
        self.problem = None
        self._size = len(content)
