"""The guest shell's image as the lab makes it in two seconds: a Debian tree from the cache with limpet's agent as a service on top.

The product's own, reproducible way is `limpet guestshell build`; tests/system/test_guest_shell.py holds the two units together.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from limpet.lab.commands import run
from limpet.lab.install import LAUNCHER, limpet_layer
from limpet.lab.mounts import unmount
from limpet.lab.roots import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from limpet.lab.workspace import Workspace

UNIT = "limpet-agent.service"
UNIT_TEXT = f"""\
[Unit]
Description=Azure VM agent in the guest shell (limpet)
StartLimitIntervalSec=0
ConditionPathExists=/var/lib/limpet/appliance/shell.json

[Service]
Type=exec
ExecStart={LAUNCHER} agent
Restart=always
RestartSec=1
KillMode=process
TimeoutStopSec=30
Slice=azure.slice
"""
_WANTED = "etc/systemd/system/multi-user.target.wants"


@contextmanager
def guest_image(tree: Path, workspace: Workspace, *, agent: bool = True) -> Iterator[Path]:
    """The image's root, read-only, until the end. agent: whether limpet's agent is started in it. Raises: LabError."""
    layer = limpet_layer(tree, workspace)
    if agent:
        write(layer, f"/etc/systemd/system/{UNIT}", UNIT_TEXT)
        wanted = layer / _WANTED
        wanted.mkdir(parents=True, exist_ok=True)
        (wanted / UNIT).symlink_to(f"../{UNIT}")
    image = workspace.folder / "image"
    image.mkdir()
    run(["mount", "-t", "overlay", "-o", f"ro,lowerdir={layer}:{tree}", "overlay", str(image)]).checked()
    try:
        yield image
    finally:
        unmount(image)
