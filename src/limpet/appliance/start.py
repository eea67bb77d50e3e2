"""How `limpet appliance` is started: the supervisor stays in memory, so less comes with what it imports.

Decision: docs/decisions/0006-memory.md. Not done for the package, whose smallest process has none of this.
"""

import gc
import sys

from limpet.lean import alone, lean_hints, lean_patterns, lean_values, plain_numbers

if "dataclasses" not in sys.modules:  # a process that is ours alone
    gc.disable()  # what is loaded is no garbage; main has it collected again when the supervisor begins
    lean_hints()
    lean_patterns()
    lean_values(slots=False)
    plain_numbers("signal", "socket")
alone("pathlib", "urllib.parse", "quote_from_bytes")  # for file: URLs
alone("subprocess", "locale")  # to decode text; our pipes carry bytes

from limpet.appliance.main import main, parser  # noqa: E402 - after what makes it small

__all__ = ["main", "parser"]
