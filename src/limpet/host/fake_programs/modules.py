"""modprobe: what it loads is then in /sys/module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel

if TYPE_CHECKING:
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles


def _modprobe(files: FakeFiles, call: Call) -> Said:
    with by_the_kernel(files):
        for name in call.argv[1:]:
            if not name.startswith("-"):
                files.make_folder(Path("/sys/module", name))
    return Said()


PROGRAMS = {"modprobe": _modprobe}
