"""Imports that bring less. Decision: docs/decisions/0006-memory.md (the agent) and 0013-lean-start.md (boot).

`alone` imports a module of the standard library without what it imports for functions that are never called here.
`lazy_patterns` lets regular expressions be compiled when they are first used: most of those of a start never are.
`lean_values` puts `limpet.values` in the place of `dataclasses` for a process that has not loaded that yet.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False  # as typing has it, which this module is to be imported before
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def alone(module: str, unneeded: str, *names: str) -> None:
    """Import `module` with a stand-in for `unneeded`, of which it wants `names`; everybody else gets the real one."""
    package = unneeded.rpartition(".")[0]
    if module in sys.modules or unneeded in sys.modules or (package and package in sys.modules):
        return
    stand_in = ModuleType(unneeded)
    stand_in.__dict__.update(dict.fromkeys(names, lambda *_: ""))
    stands = {unneeded: stand_in, **({package: ModuleType(package)} if package else {})}
    sys.modules.update(stands)
    try:
        import_module(module)
    finally:
        for name in stands:
            del sys.modules[name]


def lean_values(*, slots: bool = True) -> None:
    """Let classes of values be made without generated code, which takes half a millisecond each and more to import.

    slots: False for a process that makes few values and ends soon.
    """
    if "dataclasses" not in sys.modules:
        sys.modules["dataclasses"] = values = import_module("limpet.values")
        values.SLOTS[0] = slots


class _LazyPattern:
    """A regular expression that is compiled when somebody asks something of it."""

    __slots__ = ("_compile", "_compiled")

    def __init__(self, compile_now: Callable[[], Any]) -> None:
        self._compile = compile_now
        self._compiled: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._compiled is None:
            self._compiled = self._compile()
        return getattr(self._compiled, name)


def lazy_patterns() -> None:
    """From now on `re.compile` puts the work off. For a process of our own modules: a wrong pattern is noticed late."""
    import re  # noqa: PLC0415 - this module brings nothing by itself

    at_once = re.compile

    def later(pattern: Any, flags: Any = 0) -> Any:
        return _LazyPattern(lambda: at_once(pattern, flags))

    re.compile = later
