"""How this package starts a short-lived worker: a second interpreter that loads one module and nothing else."""

from __future__ import annotations

import sys

# The isolated start skips what looks for installed packages (-S), so the paths found by this process are handed down.
_START = (
    "import sys; cut = sys.argv.index('--'); sys.path[:] = sys.argv[cut + 1:]; del sys.argv[cut:]; "
    "from limpet.host.{module} import main; sys.exit(main(sys.argv[1:]))"
)


def worker_command(module: str, *arguments: str) -> list[str]:
    """The command line of a worker: ``limpet.host.<module>.main(arguments)`` in a process of its own.

    Anyone can read it while the worker runs: secrets go through its standard input.
    """
    paths = [path for path in sys.path if path]
    return [sys.executable, "-I", "-S", "-c", _START.format(module=module), *arguments, "--", *paths]
