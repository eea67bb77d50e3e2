"""The settings of the supervisor, read by a process of its own that ends at once: what reads them stays in nobody's memory.

That is argparse, TOML, regular expressions and the table of all settings: 1 MB. Decision: docs/decisions/0006-memory.md.
"""

from __future__ import annotations

import os
import sys
from marshal import dumps, loads
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PATH = b"path"
_LARGEST = 1024 * 1024


class _Setting:
    """As much of a dataclass's field as `replace` asks for, also the standard library's."""

    init, _field_type = True, None

    def __init__(self, name: str) -> None:
        self.name = name


class Chosen:
    """Looks like a `limpet.config.settings.Config`: its values, and nothing of where they came from.

    words: what the programs are told that the supervisor starts.
    """

    words: tuple[str, ...] = ()

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    @property
    def __dataclass_fields__(self) -> Mapping[str, Any]:
        """For `replace`."""
        return {name: _Setting(name) for name in self.__dict__}


def chosen(values: Mapping[str, Any]) -> bytes:
    """What `read_apart` gives back. Raises: ValueError, for a value that is of no kind that settings have."""
    return dumps(
        {name: (_PATH, str(value)) if isinstance(value, Path) else value for name, value in values.items()}
    )


def read_apart(read: Callable[[], bytes]) -> Chosen | None:
    """What `read` makes in a copy of this process; None where it makes nothing: the reason is found by doing it here."""
    ours, theirs = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _made(read, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        content = pipe.read(_LARGEST)
    _, status = os.waitpid(child, 0)
    if status:
        return None
    found: dict[str, Any] = loads(content)  # noqa: S302 - of our own process
    return Chosen(
        **{
            name: Path(value[1]) if isinstance(value, tuple) and value[:1] == (_PATH,) else value
            for name, value in found.items()
        }
    )


def _made(read: Callable[[], bytes], pipe: int) -> None:
    """The copy's life."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nothing, stream)  # the other one complains
        with os.fdopen(pipe, "wb") as file:
            file.write(read())
        code = 0
    finally:
        os._exit(code)
