"""`limpet show`: where the appliance is, who has each NIC, what the fabric has accepted last (R18)."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from limpet.appliance.chronicle import fold
from limpet.appliance.commands.show_words import as_text
from limpet.appliance.journal import LARGEST as LARGEST_JOURNAL
from limpet.appliance.journal import parse_journal
from limpet.appliance.main import JOURNAL, SUPERVISOR
from limpet.appliance.show import LARGEST, SHOWN, remembered
from limpet.host.clock import RealClock
from limpet.host.facts.reading import bytes_of
from limpet.host.files import RealFiles
from limpet.host.lock import is_held
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = """\
example:
  limpet show
  limpet show --json | jq .handover.gap

exit codes: 0 all is well, 1 the appliance cannot be looked at, 2 wrong usage, 4 something is not as it should be
"""
NOT_WELL = 4
WELL = frozenset({"booting", "preparing", "handing-over", "confirming", "steady"})


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet show",
        description="Show the stage of this appliance, the owner of each NIC, the fabric lease, and the last handover.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--json", action="store_true", help="for programs")
    return made


def main(argv: Sequence[str] = ()) -> int:
    """Print it; gives the exit code. Raises: HostError."""
    options = parser().parse_args(argv)
    found = _found()
    if options.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        sys.stdout.write(as_text(found, RealClock().now(), colour=sys.stdout.isatty()))
    return 0 if found["stage"] in WELL and not found.get("problem") and found["supervised"] else NOT_WELL


def _found() -> dict[str, Any]:
    """What the supervisor shows; where none runs, what the journal says. Raises: HostError."""
    files = RealFiles()
    supervised = is_held(SUPERVISOR)
    content = bytes_of(files, SHOWN, at_most=LARGEST) if supervised else None
    if content is not None:
        try:
            return {**json.loads(content), "supervised": True}
        except (ValueError, TypeError) as error:
            raise HostError(f"{SHOWN} cannot be read: {error}") from error
    try:
        journal = files.read(JOURNAL, at_most=LARGEST_JOURNAL)
    except FileNotFoundError:
        raise HostError(
            "this machine has no appliance's journal: `limpet appliance run` makes it an appliance"
        ) from None
    return {**remembered(fold(parse_journal(journal)[0])), "supervised": supervised}
