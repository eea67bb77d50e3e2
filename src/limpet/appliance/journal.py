"""The journal: what the appliance remembers. Lines of JSON, each with its number and a checksum, appended and synced.

What is not whole at its end was being written when the power went, and so was nothing after it. Anything else that is wrong is
damage: `limpet.appliance.damage` finds what is whole around it, and the journal says from then on that something is missing.
"""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from limpet.appliance.damage import Damage, is_torn, salvaged
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from limpet.host.appliance_ports import JournalFile

LARGEST = 4 * 1024 * 1024
COMPACT_FROM = 256 * 1024
DAMAGE = "damage"
"""The kind of a record that stands where others are missing. lost: how many at most."""
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
    """The records, and how many bytes of `content` they are: what follows was cut or damaged, and is not read.

    A journal that a supervisor has taken up has nothing behind them; `read_journal` reads one that nobody has.
    """
    records: list[Record] = []
    end = 0
    for line in content.splitlines(keepends=True):
        record = _record(line)
        if record is None or (records and record.number != records[-1].number + 1):
            break
        records.append(record)
        end += len(line)
    return tuple(records), end


def read_journal(content: bytes) -> tuple[tuple[Record, ...], tuple[Damage, ...]]:
    """Every record that can be believed, and one of the kind `DAMAGE` where others are missing; and what is damaged.

    The numbers are as they are written; those of the records of damage are not of the file.
    """
    records, end = parse_journal(content)
    if is_torn(content[end:], _record):
        return records, ()
    parts = salvaged(content, _record)
    found: list[Record] = []
    for number, each in enumerate(parts):
        if isinstance(each, Record):
            found.append(each)
            continue
        near = (
            found[-1] if found else next((each for each in parts[number:] if isinstance(each, Record)), None)
        )
        facts = {"byte": each.start, "bytes": each.size, "lost": each.lost}
        found.append(
            replace(near, kind=DAMAGE, facts=facts)
            if near
            else Record(number=max(1, each.lost), at=0.0, boot="", kind=DAMAGE, facts=facts)
        )
    return tuple(found), tuple(each for each in parts if isinstance(each, Damage))


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

    def __init__(
        self, file: JournalFile, aside: JournalFile | None = None, damaged: JournalFile | None = None
    ) -> None:
        """Reads it, and takes off what was cut. One that cannot be read is begun anew: `unreadable` says why.

        aside: a file in memory for what could not be written. damaged: where one that is damaged is kept as it was found.
        """
        self._file = file
        self._aside = aside
        self._damaged = damaged
        self.unreadable: str | None = None
        try:
            content = file.read(at_most=LARGEST)
        except HostError as error:
            content, self.unreadable = b"", str(error)
        records, self.damage = read_journal(content)
        _, end = parse_journal(content)
        self.records: list[Record] = list(records)
        self.dropped = 0 if self.damage else len(content) - end
        """Bytes that were taken off."""
        self.kept = False
        """Whether what was damaged is kept as it was."""
        self._size = end
        self._owed: list[bytes] = []
        self.problem: str | None = self.unreadable
        """Why the last records are not on the disk; None when they are."""
        later = self._later()
        if self.damage:
            self._keep(content)
            at_the_end = self.records[-1:] if later and not self.damage[-1].inside else []
            self._renumber([*(later or self.records), *at_the_end])
        elif later:
            self._take_up(later)
        elif self.dropped:
            self._take_off(content[:end])

    @property
    def behind(self) -> int:
        """How many records are not on the disk."""
        return len(self._owed)

    def _later(self) -> tuple[Record, ...]:
        """What this program could not write to the disk before it was started anew, with all that came before."""
        if self._aside is None:
            return ()
        try:
            records, _ = parse_journal(self._aside.read(at_most=LARGEST))
        except HostError:
            return ()
        last = max((each.number for each in self.records), default=0)
        return records if records and records[-1].number > last else ()

    def _take_up(self, later: Iterable[Record]) -> None:
        self.records = list(later)
        self.problem = self.problem or "the disk took no records before this program was started anew"
        self._owed.append(b"")
        self.settle()

    def _put_aside(self) -> None:
        if self._aside is not None:
            with suppress(HostError):
                self._aside.replace(b"".join(map(render_record, self.records)))

    def _keep(self, content: bytes) -> None:
        """For whoever looks into it. The last one only."""
        if self._damaged is not None:
            with suppress(HostError):
                self._damaged.replace(content)
                self.kept = True

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
        self._renumber(kept)

    def _renumber(self, kept: Iterable[Record]) -> None:
        """Begin again with these; numbers only grow, so that it is seen what is older."""
        kept = list(kept)
        last = max((each.number for each in (*self.records, *kept)), default=0)
        numbered = [
            Record(number=last + 1 + at, at=each.at, boot=each.boot, kind=each.kind, facts=each.facts)
            for at, each in enumerate(kept)
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
