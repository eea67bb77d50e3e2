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
    from collections.abc import Callable


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


class _Number(int):
    """Stands where an enumeration would: whatever is called one of its members stays what it is, also what is none."""

    def __new__(cls, value: object) -> object:  # type: ignore[misc] # nothing of this class is ever made
        return value


class _Numbers(type):
    """Whatever is asked of such a class, in order to make an enumeration of a module's constants, leaves them alone."""

    def __getattr__(cls, _asked: str) -> Callable[..., type]:
        def keep(name: str, module: str, *_: object, **__: object) -> type:
            sys.modules[module].__dict__[name] = _Number
            return _Number

        return keep


def plain_numbers(*modules: str) -> None:
    """Import modules of the standard library without enumerations of the system's constants, which stay the numbers that they are.

    One that makes them in another way than by asking `enum.IntEnum` or `enum.IntFlag` for it is imported as ever.
    """
    real = import_module("enum")
    numbers = _Numbers("Numbers", (int,), {"__init_subclass__": _refuse})
    stand_in = ModuleType("enum")
    stand_in.__dict__.update(IntEnum=numbers, IntFlag=numbers)
    for module in modules:
        before = set(sys.modules)
        sys.modules["enum"] = stand_in
        try:
            import_module(module)
            others = set(sys.modules) - before - {module}
            served = not any(
                each in (stand_in, numbers) for name in others for each in vars(sys.modules[name]).values()
            )
        except Exception:  # noqa: BLE001 - another interpreter may do it in any way
            served = False
        finally:
            sys.modules["enum"] = real
        if not served:
            for name in set(sys.modules) - before:
                del sys.modules[name]
            import_module(module)


def _refuse(**_: object) -> None:
    raise TypeError("this is no base class")


def lean_hints() -> None:
    """Let what only type checkers read be names with nothing behind them."""
    if "typing" not in sys.modules:
        sys.modules["typing"] = import_module("limpet.hints")
