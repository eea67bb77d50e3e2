"""Program 3, the full agent: poll, work, report.

Importing it first puts `limpet.values` in the place of `dataclasses`, and brings in two modules of the standard library
without what they import for functions that are never called here (decision: docs/decisions/0006-memory.md).
"""

from limpet.lean import alone, lean_values

lean_values()
alone("pathlib", "urllib.parse", "quote_from_bytes")  # for file: URLs
alone("subprocess", "locale")  # to decode text; our pipes carry bytes
