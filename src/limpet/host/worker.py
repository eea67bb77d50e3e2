"""How this package starts another interpreter that loads one module and nothing else.

Short-lived workers keep what is heavy (TLS, zip files, openssl) out of the resident processes. What is started so is as optimised
as this process, and never finds modules in the folder it is started from.
"""

from __future__ import annotations

import sys

PACKED = "/usr/local/lib/limpet/start.packed"
"""What the boot stage loads, and the supervisor of an appliance, and what it starts on the host, in one file (`limpet.packed`)."""

# The isolated start skips what looks for installed packages (-S), so the paths found by this process are handed down, behind the
# last "--": there may be others among the arguments.
_START = (
    "import sys; cut = len(sys.argv) - 1 - sys.argv[::-1].index('--'); sys.path[:] = sys.argv[cut + 1:]; del sys.argv[cut:]; "
    "{packed}from {module} import main; {end}"
)
_END = "sys.exit(main(sys.argv[1:]))"
# What is left then, the kernel takes back; to take it apart first is a fifth of such a process.
_END_AT_ONCE = "import os; code = main(sys.argv[1:]); sys.stdout.flush(); sys.stderr.flush(); os._exit(code)"
_PACKED = f"from limpet.packed import begin; begin({PACKED!r}); "


def worker_command(module: str, *arguments: str) -> list[str]:
    """The command line of a short-lived worker: ``limpet.host.<module>.main(arguments)`` in a process of its own.

    Anyone can read it while the worker runs: secrets go through its standard input.
    """
    return interpreter_command(f"limpet.host.{module}", *arguments)


def interpreter_command(module: str, *arguments: str, packed: bool = False) -> list[str]:
    """The command line of ``module.main(arguments)`` in an interpreter of its own, as optimised as this one.

    packed: whether it takes its modules from `PACKED`, if that is there and good, and ends at once when `main` does.
    """
    paths = [path for path in sys.path if path]
    optimised = [f"-{'O' * sys.flags.optimize}"] if sys.flags.optimize else []
    begin, end = (_PACKED, _END_AT_ONCE) if packed else ("", _END)
    start = _START.format(module=module, packed=begin, end=end)
    return [sys.executable, "-I", "-S", *optimised, "-c", start, *arguments, "--", *paths]
