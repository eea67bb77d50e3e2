"""How this package starts another interpreter that loads one module and nothing else.

Short-lived workers keep what is heavy (TLS, zip files, openssl) out of the resident processes. What is started so is as optimised
as this process, and never finds modules in the folder it is started from.
"""

from __future__ import annotations

import sys

PACKED_BOOT = "/usr/local/lib/limpet/start.packed"
"""What the boot stage loads, in one file (`limpet.packed`)."""
PACKED_APPLIANCE = "/usr/local/lib/limpet/appliance.packed"
"""What the supervisor of an appliance loads, and what it starts on the host besides."""

# The isolated start skips what looks for installed packages (-S), so the paths found by this process are handed down, behind the
# last "--": there may be others among the arguments.
_START = (
    "import sys; cut = len(sys.argv) - 1 - sys.argv[::-1].index('--'); sys.path[:] = sys.argv[cut + 1:]; del sys.argv[cut:]; "
    "{packed}from {module} import main; sys.exit(main(sys.argv[1:]))"
)
_PACKED = "from limpet.packed import begin; begin({file!r}); "


def worker_command(module: str, *arguments: str) -> list[str]:
    """The command line of a short-lived worker: ``limpet.host.<module>.main(arguments)`` in a process of its own.

    Anyone can read it while the worker runs: secrets go through its standard input.
    """
    return interpreter_command(f"limpet.host.{module}", *arguments)


def interpreter_command(module: str, *arguments: str, packed: str | None = None) -> list[str]:
    """The command line of ``module.main(arguments)`` in an interpreter of its own, as optimised as this one.

    packed: the file from which it takes its modules, if that is there and good.
    """
    paths = [path for path in sys.path if path]
    optimised = [f"-{'O' * sys.flags.optimize}"] if sys.flags.optimize else []
    start = _START.format(module=module, packed="" if packed is None else _PACKED.format(file=packed))
    return [sys.executable, "-I", "-S", *optimised, "-c", start, *arguments, "--", *paths]


def packed_for(module: str) -> str:
    """The file that has what a program of the host loads."""
    return PACKED_BOOT if module.startswith("limpet.boot.") else PACKED_APPLIANCE
