"""Errors that nobody has thought of: whole in the log, in a few words everywhere else."""

from __future__ import annotations

import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limpet.host.ports import Log

ADVICE = "This is an error of limpet itself: its log has the details, please report them."
_DEEPEST = 16


def short_reason(error: BaseException) -> str:
    """What it is and where it came from. Never its message, which may hold anything that came from outside."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {_place(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"an unexpected {type(error).__name__}{where}"


def note(error: BaseException, log: Log) -> str:
    """Log it with its traceback. Gives the short reason."""
    reason = short_reason(error)
    lines = traceback.format_exception(error, limit=-_DEEPEST)
    log.error("boot.unexpected", problem=reason, traceback="".join(lines))
    return reason


def _place(filename: str) -> str:
    """The end of a path, from the package on."""
    parts = PurePath(filename).parts
    return "/".join(parts[parts.index("limpet") + 1 :] if "limpet" in parts else parts[-1:])
