"""Says what the network OS forgets when this machine becomes an image, and does none of it: `limpet deprovision` asks, and does it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from limpet.appliance.networkos.drivers import network_os
from limpet.config.load import load_config
from limpet.config.options import add_options
from limpet.guest.forgetting import render_forgetting
from limpet.host.files import RealFiles
from limpet.model.errors import LimpetError
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

_FAILED = 1


def main(arguments: Sequence[str]) -> int:
    """Say it on standard output; arguments: ``--config FILE`` and ``--set NAME=VALUE``. What is wrong is on standard error."""
    made = argparse.ArgumentParser(prog="forget")
    add_options(made)
    options = made.parse_args(arguments)
    files = RealFiles()
    try:
        config = load_config(files, path=options.config, options=options.set)
        plan = render_forgetting(network_os(config, files).forget(files))
    except LimpetError as error:
        sys.stderr.write(redacted(f"{error}\n"))
        return _FAILED
    sys.stdout.buffer.write(plan)
    return 0
