"""Program 3, the full agent: poll, work, report.

Importing it first puts modules of ours in the place of `dataclasses` and `typing`, and brings in three modules of the standard
library without what they import or make for uses that are never made here (decision: docs/decisions/0006-memory.md).
"""

import sys

from limpet.lean import alone, lean_hints, lean_values, plain_numbers

if "dataclasses" not in sys.modules:  # a process that is ours alone
    lean_hints()
    lean_values()
    plain_numbers("socket")
alone("pathlib", "urllib.parse", "quote_from_bytes")  # for file: URLs
alone("subprocess", "locale")  # to decode text; our pipes carry bytes
