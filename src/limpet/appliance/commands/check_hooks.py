"""`limpet check-hooks`: whether a vendor's programs can drive a network OS. See docs/vendors.md."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.networkos.hooks.driver import programs_in
from limpet.appliance.networkos.hooks.findings import Finding, Grade, finding_of
from limpet.appliance.networkos.hooks.verbs import REQUIRED, TABLE
from limpet.host.apart import lines_from
from limpet.host.files import RealFiles
from limpet.model.errors import HostError
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from limpet.host.facts.vendor_programs import VendorPrograms

EXAM = "limpet.appliance.networkos.hooks.exam"
EPILOG = """\
examples:
  limpet check-hooks /opt/acme/hooks
  limpet check-hooks --look /opt/acme/hooks     only look at the files; nothing is run
  limpet check-hooks --json /opt/acme/hooks

The programs are run for real, as root, in a machine apart: network, mounts, processes, /run and /var/log are its own and go
with it; what they write elsewhere stays. Two NICs (veth) are handed over and back there, and the guest's way to the platform
is tried. day-zero and forget are not run. Do it where the network OS does not run for anybody.

exit codes: 0 nothing failed (there may be warnings); 1 something failed; 2 wrong usage
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet check-hooks",
        description="See whether a vendor's programs do what limpet needs of a network OS.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument("folder", type=Path, metavar="FOLDER", help="with one program for each verb")
    made.add_argument("--look", action="store_true", help="look at the files only; run nothing")
    made.add_argument(
        "--without-nics",
        action="store_true",
        help="hand no NICs over: for data planes that cannot take virtual ones",
    )
    made.add_argument("--json", action="store_true", help="for programs")
    return made


def main(arguments: Sequence[str]) -> int:
    """Examine. Raises: HostError."""
    options = parser().parse_args(list(arguments))
    if not options.look and os.geteuid() != 0:
        raise HostError("only root can run the programs; --look only looks at the files")
    findings = []
    for finding in _findings(options):
        findings.append(finding)
        if not options.json:
            print(finding.describe(), flush=True)  # noqa: T201
    count = {grade: sum(each.grade is grade for each in findings) for grade in Grade}
    failed = count[Grade.FAILED]
    if options.json:
        print(json.dumps(_document(options.folder, findings), indent=2))  # noqa: T201
    else:
        words = ", ".join(f"{count[grade]} {grade.value}" for grade in Grade if count[grade])
        print(f"{len(findings)} {'check' if len(findings) == 1 else 'checks'}: {words}")  # noqa: T201
    return 1 if failed else 0


def _document(folder: Path, findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "folder": str(folder),
        "findings": [{**asdict(each), "grade": each.grade.value} for each in findings],
        "failed": sum(each.grade is Grade.FAILED for each in findings),
    }


def _findings(options: argparse.Namespace) -> Iterator[Finding]:
    folder = options.folder.absolute()
    failed = False
    for finding in looked_at(programs_in(folder, RealFiles())):
        failed = failed or finding.grade is Grade.FAILED
        yield finding
    if options.look:
        return
    if failed:
        yield Finding(check="the programs are run", grade=Grade.SKIPPED, problem="first mend what failed")
        return
    for line in lines_from(EXAM, str(folder), *(["--without-nics"] if options.without_nics else [])):
        try:
            yield finding_of(line)
        except (ValueError, KeyError, TypeError):
            print(line, file=sys.stderr)  # noqa: T201 - what a program says past us


def looked_at(programs: VendorPrograms) -> Iterator[Finding]:
    """What can be said of a folder without running anything."""
    if programs.problem is not None:
        yield Finding(check="only root can change the folder", grade=Grade.FAILED, problem=programs.problem)
        return
    yield Finding(check="only root can change the folder")
    for verb, row in TABLE.items():
        what = f"program {verb.value} ({row.purpose})"
        if verb.value in programs.found:
            yield Finding(check=what)
        elif verb.value in programs.problems:
            yield Finding(check=what, grade=Grade.FAILED, problem=programs.problems[verb.value])
        elif verb in REQUIRED:
            yield Finding(check=what, grade=Grade.FAILED, problem="there is none, and it is required")
        else:
            yield Finding(check=what, grade=Grade.SKIPPED, problem=f"there is none: {row.absent}")
    for name in programs.strangers:
        yield Finding(
            check=f"file {name}", grade=Grade.WARNING, problem="no verb has this name, so nobody runs it"
        )
