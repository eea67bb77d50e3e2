"""As much of `re` as a process needs that must start at once: patterns are compiled when they are first used.

It stands in for the standard module (`limpet.lean`). Most patterns of a start are never used, and those that are need not be
compiled either where `READY` has them: what `compile` of the standard module once gave the interpreter for them, made by this
very interpreter (`limpet.packed`). Whoever asks for anything else gets that from the standard module, which is loaded then.
"""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]
import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

IGNORECASE, MULTILINE, DOTALL, VERBOSE, ASCII = 2, 8, 16, 64, 256


class Match:
    """What stands in annotations."""

    def __class_getitem__(cls, _key: object) -> type:
        return cls


READY: dict[tuple[str | bytes, int], tuple[Any, ...]] = {}
"""By pattern and flags: the arguments of ``_sre.compile``."""
ASKED: list[tuple[Any, int]] | None = None
"""What was asked for, while somebody keeps it."""
_LOADED: dict[str, Any] = {}


class LazyPattern:
    """A regular expression that is compiled when somebody asks something of it."""

    def __init__(self, pattern: Any, flags: int) -> None:
        self.asked = (pattern, flags)
        self._compiled: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._compiled is None:
            made = READY.get(self.asked)
            self._compiled = _standard().compile(*self.asked) if made is None else _sre.compile(*made)
        found = self.__dict__[name] = getattr(self._compiled, name)  # it never changes
        return found


def compile(pattern: Any, flags: int = 0) -> Any:  # noqa: A001 - the standard library's name
    """Put it off. A wrong pattern is noticed late."""
    if ASKED is not None:
        ASKED.append((pattern, int(flags)))
    return LazyPattern(pattern, int(flags))


def compiled(every: Iterable[tuple[Any, int]]) -> Iterator[tuple[tuple[Any, int], tuple[Any, ...]]]:
    """What `READY` is to have; of each pattern whether its copy is what the standard module makes. That one is loaded for it."""
    standard = _standard()
    for asked in every:
        try:
            ready = _made(*asked)
            same: bool = _sre.compile(*ready) == standard.compile(*asked)
        except (AttributeError, TypeError, ValueError, standard.error):
            continue  # an interpreter that does it otherwise, or a pattern that is wrong: met where it is used
        if same:
            yield asked, ready


def _made(pattern: Any, flags: int) -> tuple[Any, ...]:
    """What the standard module gives the interpreter. It has no public way to it."""
    parsed = import_module("re._parser").parse(pattern, flags)
    code = [int(each) for each in import_module("re._compiler")._code(parsed, flags)]  # noqa: SLF001
    names = parsed.state.groupdict
    numbered: list[str | None] = [None] * parsed.state.groups
    for name, number in names.items():
        numbered[number] = name
    return (
        pattern,
        int(flags | parsed.state.flags),
        code,
        parsed.state.groups - 1,
        dict(names),
        tuple(numbered),
    )


def _standard() -> Any:
    """The standard module. Who imports it from now on gets this one still, for its patterns can wait as well."""
    ours = sys.modules[__name__]
    if sys.modules.get("re") is not ours:
        return import_module("re")
    real = _LOADED.get("re")
    if real is None:
        del sys.modules["re"]
        try:
            real = _LOADED["re"] = import_module("re")
        finally:
            sys.modules["re"] = ours
    return real


def __getattr__(name: str) -> Any:
    if name.startswith("__"):  # the import system asks for these
        raise AttributeError(name)
    return getattr(_standard(), name)
