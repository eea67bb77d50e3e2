"""Short-lived processes of the appliance, each for one job: a lease, a probe, day 0.

They stand in a network namespace where the supervisor cannot, or load what shall not stay in its memory.

Importing it first makes the imports that follow cheap (decision: docs/decisions/0013-lean-start.md).
"""

import gc
import sys

from limpet.lean import alone, lean_hints, lean_patterns, lean_values, plain_numbers

if "dataclasses" not in sys.modules:  # a process that is ours alone
    gc.disable()  # what is loaded is no garbage, and it ends soon
    lean_hints()
    lean_patterns()
    lean_values(slots=False)
    plain_numbers("signal", "socket")
alone("pathlib", "urllib.parse", "quote_from_bytes")  # for file: URLs
alone("subprocess", "locale")  # to decode text; our pipes carry bytes
