"""Program 3, the full agent: poll, work, report.

Importing it first brings in three modules of the standard library without what they import for functions that are never
called here, and that would keep 1.5 MB resident (decision: docs/decisions/0006-memory.md).
"""

from limpet.lean import alone

alone("dataclasses", "inspect", "signature")  # to word the docstrings of classes that have none
alone("pathlib", "urllib.parse", "quote_from_bytes")  # for file: URLs
alone("subprocess", "locale")  # to decode text; our pipes carry bytes
