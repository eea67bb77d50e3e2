"""`limpet collect-logs`: a bundle of logs for support, without secrets. The agent runs it too, from time to time."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.config.load import load_config
from limpet.config.options import add_options
from limpet.guest.log_manifest import Bounds, Places, manifest, must_have
from limpet.host.commands import RealCommands
from limpet.host.files import RealFiles
from limpet.host.lock import SingleInstance
from limpet.manage.logs.bundle import Work, chosen, make
from limpet.manage.logs.sources import OF_THE_KERNEL, Sources
from limpet.manage.telling import plain
from limpet.model.redact import redacted
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.config.settings import Config
    from limpet.guest.log_manifest import Choice
    from limpet.manage.logs.bundle import Outcome

EPILOG = """\
examples:
  limpet collect-logs --full --output /tmp/logs.zip
  limpet collect-logs --dry-run

exit codes: 0 the bundle is there, 1 it could not be made, 2 wrong usage or configuration, 3 another one is being made
"""
FOLDER, BUNDLE = "logcollector", "logs.zip"
_FULL_BAR = 30


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet collect-logs",
        description="Put this machine's logs into a zip for support. Passwords, keys and tokens are taken out.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument(
        "--full", action="store_true", help="more: network, disks, boot, messages of the kernel"
    )
    made.add_argument(
        "--output", type=Path, metavar="FILE", help="the zip, instead of the agent's own place for it"
    )
    made.add_argument("--dry-run", action="store_true", help="show what would be collected; write nothing")
    made.add_argument("--json", action="store_true", help="for programs")
    add_options(made)
    return made


def main(arguments: Sequence[str]) -> int:
    """Make the bundle. Raises: ConfigurationError; AlreadyRunning; HostError."""
    options = parser().parse_args(arguments)
    config = load_config(RealFiles(), path=options.config, options=options.set)
    work = _work(config, options)
    if options.dry_run:
        sys.stdout.write(plan_text(work, as_json=options.json))
        return 0
    sys.stdout.write(
        result_text(work.output, collect(config, work, who="limpet collect-logs"), as_json=options.json)
    )
    return 0


def collect(config: Config, work: Work, *, who: str) -> Outcome:
    """Make a bundle, one at a time; what another left that was cut short goes. Raises: AlreadyRunning; HostError."""
    files, folder, output = RealFiles(), config.library / FOLDER, work.output
    files.make_folder(folder, mode=0o700)
    with SingleInstance(folder / "lock", who=who):
        for name in files.names(output.parent):
            if name.startswith(f".{output.name}.") and name.rpartition(".")[2].isdigit():
                files.remove(output.parent / name)
        return make(work)


def _work(config: Config, options: argparse.Namespace) -> Work:
    where = places(config)
    output = options.output.absolute() if options.output is not None else config.library / FOLDER / BUNDLE
    return Work(
        items=manifest(where, full=options.full),
        first=must_have(where),
        bounds=Bounds(),
        sources=Sources(),
        commands=RealCommands(),
        output=output,
        say=progress(),
    )


def places(config: Config) -> Places:
    """Where this machine's agent has its things."""
    return Places(library=config.library, logs=config.log_dir, agent_log=config.log_file)


def progress() -> Callable[[int, int], None]:
    """What is told how far it is: a bar on a terminal, nothing else."""
    return _progress if sys.stderr.isatty() else lambda _done, _of: None


def _progress(done: int, of: int) -> None:
    filled = _FULL_BAR * done // of if of else _FULL_BAR
    end = "\n" if done == of else ""
    with suppress(OSError):
        sys.stderr.write(f"\rcollecting [{'#' * filled:<{_FULL_BAR}}] {done}/{of} files{end}")
        sys.stderr.flush()


def plan_text(work: Work, *, as_json: bool) -> str:
    """What would be collected, for people or for programs."""
    rows = [
        {
            "path": str(choice.candidate.path),
            "bytes": _size(choice),
            "name": choice.name if choice.problem is None else None,
            "left_out": choice.problem,
        }
        for _, choice in chosen(work)
    ]
    if as_json:
        return json.dumps({"output": str(work.output), "files": rows}, indent=2) + "\n"
    lines = [
        f"{'?' if row['bytes'] is None else row['bytes']:>12}  {row['path']}"
        if row["left_out"] is None
        else f"{'-':>12}  {row['path']}: {row['left_out']}"
        for row in rows
    ]
    taken = [row for row in rows if row["left_out"] is None]
    lines.append(f"{len(taken)} files would go into {work.output}.")
    return "\n".join(plain(redacted(line)) for line in lines) + "\n"


def _size(choice: Choice) -> int | None:
    """Bytes; None for the kernel's own files, which have a size only when they are read."""
    if choice.problem is not None:
        return 0
    return None if choice.candidate.path.is_relative_to(OF_THE_KERNEL) else choice.size


def result_text(output: Path, outcome: Outcome, *, as_json: bool) -> str:
    """What was made, for people or for programs."""
    if as_json:
        return (
            json.dumps(
                {
                    "output": str(output),
                    "bytes": outcome.size,
                    "files": outcome.files,
                    "content_bytes": outcome.content,
                    "truncated": outcome.truncated,
                    "left_out": outcome.left_out,
                }
            )
            + "\n"
        )
    more = f", {len(outcome.left_out)} left out (results.txt in it says why)" if outcome.left_out else ""
    return f"{output}: {outcome.size} bytes, {outcome.files} files{more}\n"
