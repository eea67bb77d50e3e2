"""`python -m limpet`."""

import sys

from limpet.cli import entry

sys.exit(entry())
