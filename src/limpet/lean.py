"""Imports that bring less. Decision: docs/decisions/0006-memory.md (the agent) and 0013-lean-start.md (boot).

`alone` imports a module of the standard library without what it imports for functions that are never called here.
`lean_values` puts `limpet.values` in the place of `dataclasses` for a process that has not loaded that yet.
"""

import sys
from importlib import import_module
from types import ModuleType


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


def lean_values() -> None:
    """Let classes of values be made without generated code, which takes half a millisecond each and more to import."""
    if "dataclasses" not in sys.modules:
        sys.modules["dataclasses"] = import_module("limpet.values")
