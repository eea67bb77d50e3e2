"""update-grub, grub-mkconfig and grub2-mkconfig: they copy GRUB's defaults into its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.fake_commands import Said

if TYPE_CHECKING:
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

_DEFAULTS, _DROP_INS = Path("/etc/default/grub"), Path("/etc/default/grub.d")


def _make(files: FakeFiles, path: Path) -> Said:
    texts = [_DEFAULTS, *(_DROP_INS / name for name in files.names(_DROP_INS) if name.endswith(".cfg"))]
    content = b"".join(files.read(each, at_most=1 << 20) for each in texts)
    files.replace(path, b"menuentry made of\n" + content)
    return Said(stderr="Generating grub configuration file ...\ndone\n")


def _update_grub(files: FakeFiles, _call: Call) -> Said:
    return _make(files, Path("/boot/grub/grub.cfg"))


def _mkconfig(files: FakeFiles, call: Call) -> Said:
    if call.argv[1:2] != ("-o",):
        return Said(stderr="grub-mkconfig: not understood", exit_code=1)
    return _make(files, Path(call.argv[2]))


PROGRAMS = {"update-grub": _update_grub, "grub-mkconfig": _mkconfig, "grub2-mkconfig": _mkconfig}
