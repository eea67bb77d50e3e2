"""What all demos have in common: they say why they cannot run here, stay until somebody has looked around, and clean up."""

from __future__ import annotations

import select
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from limpet.lab.demo.run import Run
    from limpet.lab.requirements import Lack

FAILED = 1
LACKING = 3
LOG_LINES = 25
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_CODES = (
    "exit codes: 0 everything was reached, 1 something was not, 2 wrong usage, 3 this machine lacks something"
)


def lacking(what: str, lacks: Sequence[Lack]) -> bool:
    """Whether it cannot run here; then it is said why, and what to do."""
    if lacks:
        lines = [f"{what} cannot run here:", *(f"  - {lack}" for lack in lacks)]
        sys.stderr.write("\n".join(lines) + "\n")
    return bool(lacks)


def at_a_terminal() -> bool:
    """Whether somebody looks and can answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def until_enter(run: Run, tend: Callable[[], None] = lambda: None) -> None:
    """Keep everything, and go on showing what happens, until Enter or Ctrl-C. tend: called again and again."""
    with suppress(KeyboardInterrupt):
        while not select.select([sys.stdin], [], [], 0)[0]:
            run.follow()
            tend()


@contextmanager
def signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end a demo as Ctrl-C does: with everything cleaned up, without being disturbed in that."""

    def interrupt(number: int, _frame: object) -> None:
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {each: signal.signal(each, interrupt) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def tail_of(log: str) -> list[str]:
    """The last lines of a log, to be shown when a demo has failed."""
    return log.splitlines()[-LOG_LINES:]
