"""How `limpet appliance` is started: the supervisor stays in memory, so less comes with what it imports.

Decision: docs/decisions/0006-memory.md. Not done for the package, whose smallest process has none of this.
"""

from limpet.lean import alone, lean_hints, lean_patterns, lean_values, plain_numbers

lean_hints()
lean_patterns()
lean_values()
plain_numbers("signal", "socket")
alone("pathlib", "urllib.parse", "quote_from_bytes")  # for file: URLs
alone("subprocess", "locale")  # to decode text; our pipes carry bytes

from limpet.appliance.main import main, parser  # noqa: E402 - after what makes it small

__all__ = ["main", "parser"]
