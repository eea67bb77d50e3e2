"""Program 3, the full agent: poll, work, report.

Importing it first brings in three modules of the standard library without what they import for functions that are never
called here, and that would keep 1.5 MB resident (decision: docs/decisions/0006-memory.md).
"""

import sys
from importlib import import_module
from types import ModuleType


def _alone(module: str, unneeded: str, *names: str) -> None:
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


_alone("dataclasses", "inspect", "signature")  # to word the docstrings of classes that have none
_alone("pathlib", "urllib.parse", "quote_from_bytes")  # for file: URLs
_alone("subprocess", "locale")  # to decode text; our pipes carry bytes
