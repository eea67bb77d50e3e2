"""Program 1, the boot stage: provisions the VM once, before its network belongs to anybody. Standard library only.

Importing it first makes the imports that follow cheap (decision: docs/decisions/0013-lean-start.md).
"""

import gc
import sys

from limpet.lean import alone, lean_hints, lean_patterns, lean_values, plain_numbers

if "dataclasses" not in sys.modules:  # a process that is ours alone
    gc.disable()  # what is loaded is no garbage; main has it collected again before it waits for anything
    lean_hints()
    lean_patterns()
    lean_values(slots=False)
    plain_numbers("signal", "socket")
alone("pathlib", "urllib.parse", "quote_from_bytes")  # for file: URLs
alone("subprocess", "locale")  # to decode text; our pipes carry bytes
