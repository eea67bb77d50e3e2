"""`limpet appliance history`: the journal as a person reads it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from limpet.appliance.journal import LARGEST, parse_journal, read_journal
from limpet.appliance.main import ASIDE
from limpet.host.facts.reading import bytes_of
from limpet.model.errors import HostError
from limpet.model.printable import printable
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.appliance.journal import Record
    from limpet.host.ports import Files


def newest(files: Files, path: Path, aside: Path) -> bytes:
    """The journal, or what is kept of it in memory where that goes further: the disk takes nothing then.

    Raises: FileNotFoundError, where there is neither; HostError.
    """
    later = bytes_of(files, aside, at_most=LARGEST)
    try:
        content = files.read(path, at_most=LARGEST)
    except FileNotFoundError:
        if later is None:
            raise
        return later
    return later if later is not None and _last(later) > _last(content) else content


def _last(content: bytes) -> int:
    return max((each.number for each in read_journal(content)[0]), default=0)


def show(files: Files, path: Path, *, as_json: bool, aside: Path = ASIDE) -> int:
    """Print every record, oldest first; gives the exit code. Raises: HostError, when there is no journal."""
    try:
        content = newest(files, path, aside)
    except FileNotFoundError:
        raise HostError(f"there is no journal at {path}: no supervisor has run here") from None
    records, damage = read_journal(content)
    for record in records:
        sys.stdout.write(_as_json(record) if as_json else _as_line(record))
    for each in damage:
        sys.stderr.write(f"{each.size} bytes from byte {each.start} on are damaged: {each.missing} missing\n")
    if not damage and (torn := len(content) - parse_journal(content)[1]):
        sys.stderr.write(f"{torn} bytes after the last record are not whole: it was being written\n")
    return 0


def _as_json(record: Record) -> str:
    return redacted(
        json.dumps(
            {
                "number": record.number,
                "at": record.at,
                "boot": record.boot,
                "kind": record.kind,
                "facts": record.facts,
            }
        )
        + "\n"
    )


def _as_line(record: Record) -> str:
    when = datetime.fromtimestamp(record.at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    facts = " ".join(f"{name}={_short(value)}" for name, value in record.facts.items() if value is not None)
    return redacted(f"{record.number:>5}  {when}  {record.kind:<9}{facts}") + "\n"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    shown = printable(text)
    return shown if len(shown) <= 120 else f"{shown[:119]}…"
