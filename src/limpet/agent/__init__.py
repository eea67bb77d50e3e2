"""Program 3, the full agent: poll, work, report.

Importing it first brings in `dataclasses` without `inspect`, which it loads only to word the docstrings of classes that
have none, and which would keep 1 MB resident for that (decision: docs/decisions/0006-memory.md).
"""

import sys
from types import ModuleType


def _dataclasses_alone() -> None:
    if "dataclasses" in sys.modules or "inspect" in sys.modules:
        return
    stand_in = ModuleType("inspect")
    stand_in.__dict__["signature"] = lambda _: ""
    sys.modules["inspect"] = stand_in
    try:
        import dataclasses  # noqa: F401, PLC0415 - it keeps the stand-in; everybody else gets the real one
    finally:
        del sys.modules["inspect"]


_dataclasses_alone()
