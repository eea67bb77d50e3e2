"""Imports that bring less. Decision: docs/decisions/0006-memory.md (the agent) and 0013-lean-start.md (boot).

`alone` imports a module of the standard library without what it imports for functions that are never called here.
The others put a module of ours in the place of one of the standard library, for a process that has not loaded that yet:
`lean_values` `limpet.values` for `dataclasses`, `lean_patterns` `limpet.patterns` for `re`, `lean_hints` `limpet.hints` for `typing`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False  # as typing has it, which this module is to be imported before
if TYPE_CHECKING:
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


def lean_patterns() -> None:
    """Let regular expressions be compiled when they are first used. For a process of our own modules: a wrong one is noticed late."""
    if "re" not in sys.modules:
        sys.modules["re"] = import_module("limpet.patterns")


def plain_numbers(*modules: str) -> None:
    """Import modules of the standard library without enumerations of the system's constants, which stay the numbers that they are."""
    kind: Any = import_module("enum").EnumType
    convert = getattr(kind, "_convert_", None)  # how they make them; another interpreter may do it otherwise

    def keep(_cls: object, name: str, module: str, *_: object, **__: object) -> type:
        sys.modules[module].__dict__[name] = int
        return int

    try:
        if convert is not None:
            kind._convert_ = keep
        for module in modules:
            import_module(module)
    finally:
        if convert is not None:
            kind._convert_ = convert


def lean_hints() -> None:
    """Let what only type checkers read be names with nothing behind them."""
    if "typing" not in sys.modules:
        sys.modules["typing"] = import_module("limpet.hints")
