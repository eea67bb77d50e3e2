"""`limpet show`: where the appliance is, who has each NIC, what the fabric has accepted last (R18)."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from limpet.appliance.chronicle import fold
from limpet.appliance.commands.history import newest
from limpet.appliance.commands.show_words import as_text
from limpet.appliance.commands.shown import parse_shown
from limpet.appliance.journal import DAMAGE, read_journal
from limpet.appliance.main import ASIDE, JOURNAL, SUPERVISOR, supervisor
from limpet.appliance.show import LARGEST, SHOWN, remembered
from limpet.guest.fabric_lease import IN_THE_GUEST, SHELL_BRIEF
from limpet.host.clock import RealClock
from limpet.host.files import RealFiles
from limpet.model.errors import HostError, MalformedDocument
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.host.ports import Files

EPILOG = """\
example:
  limpet show
  limpet show --json | jq .handover.gap

exit codes: 0 all is well, 1 the appliance cannot be looked at, 2 wrong usage, 4 something is not as it should be
"""
NOT_WELL = 4
_NO_APPLIANCE = "this machine has no appliance's journal: `limpet appliance run` makes it an appliance"
_INSIDE = "this is the guest shell, which does not see the appliance: ask on its Linux"
_BEGUN = "the supervisor has only just begun: look again in a moment"
WELL = frozenset({"booting", "preparing", "handing-over", "confirming", "steady"})


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet show",
        description="Show the stage of this appliance, the owner of each NIC, the fabric lease, and the last handover.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument("--json", action="store_true", help="for programs")
    return made


def main(argv: Sequence[str] = ()) -> int:
    """Print it; gives the exit code. Raises: HostError."""
    options = parser().parse_args(argv)
    files = RealFiles()
    found = what_is_known(files, supervised=supervisor(SUPERVISOR, files) is not None)
    if options.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        sys.stdout.write(as_text(found, RealClock().now(), colour=sys.stdout.isatty()))
    return 0 if found["stage"] in WELL and not found.get("problem") and found["supervised"] else NOT_WELL


def what_is_known(files: Files, *, supervised: bool) -> dict[str, Any]:
    """What the supervisor shows; where none runs, or that cannot be read, what the journal says. Raises: HostError."""
    lack = None
    if supervised:
        try:
            return {**parse_shown(files.read(SHOWN, at_most=LARGEST)), "supervised": True}
        except FileNotFoundError:
            pass  # it has just begun
        except (HostError, MalformedDocument) as error:
            lack = f"{SHOWN} cannot be read: {error}"
    try:
        records, _ = read_journal(newest(files, JOURNAL, ASIDE))
    except FileNotFoundError:
        inside = files.info(IN_THE_GUEST / SHELL_BRIEF) is not None
        none = _INSIDE if inside else _NO_APPLIANCE
        raise HostError(lack or (_BEGUN if supervised else none)) from None
    if all(each.kind == DAMAGE for each in records):
        raise HostError(
            lack or f"{JOURNAL} has no record that can be read: the next supervisor begins it anew"
        )
    found = remembered(fold(records))
    problem = found["problem"] if lack is None else f"{lack}; this is from the journal"
    return {**found, "problem": problem, "supervised": supervised}
