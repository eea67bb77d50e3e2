"""Program 1, the boot stage: provisions the VM once, before its network belongs to anybody. Standard library only.

Importing it first makes the imports that follow cheap (decision: docs/decisions/0013-lean-start.md).
"""

import sys

from limpet.lean import alone, lazy_patterns, lean_values

if "dataclasses" not in sys.modules:  # a process that is ours alone
    lean_values()
    lazy_patterns()
alone("pathlib", "urllib.parse", "quote_from_bytes")  # for file: URLs
alone("subprocess", "locale")  # to decode text; our pipes carry bytes
