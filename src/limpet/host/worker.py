"""How this package starts another interpreter that loads one module and nothing else."""

from __future__ import annotations

import sys

# The isolated start skips what looks for installed packages (-S), so the paths found by this process are handed down, behind the
# last "--": there may be others among the arguments.
_START = (
    "import sys; cut = len(sys.argv) - 1 - sys.argv[::-1].index('--'); sys.path[:] = sys.argv[cut + 1:]; del sys.argv[cut:]; "
    "from {module} import main; sys.exit(main(sys.argv[1:]))"
)


def worker_command(module: str, *arguments: str) -> list[str]:
    """The command line of a short-lived worker: ``limpet.host.<module>.main(arguments)`` in a process of its own.

    Anyone can read it while the worker runs: secrets go through its standard input.
    """
    return interpreter_command(f"limpet.host.{module}", *arguments)


def interpreter_command(module: str, *arguments: str) -> list[str]:
    """The command line of ``module.main(arguments)`` in an interpreter of its own, as optimised as this one."""
    paths = [path for path in sys.path if path]
    optimised = [f"-{'O' * sys.flags.optimize}"] if sys.flags.optimize else []
    start = _START.format(module=module)
    return [sys.executable, "-I", "-S", *optimised, "-c", start, *arguments, "--", *paths]
