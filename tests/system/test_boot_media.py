"""The boot stage reads provisioning discs on a machine whose kernel may know no disc file system."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from limpet.lab.machine import IDLE
from limpet.lab.provisioning.hardware import Hardware, fit, insert
from limpet.lab.provisioning.media import disc

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.lab.room import Room

pytestmark = pytest.mark.system

DRIVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from limpet.boot.media import Machine, find_media
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.files import RealFiles
from limpet.model.errors import MalformedDocument
class Log:
    def info(self, event, **fields): print(event, fields, file=sys.stderr)
    warning = error = info
machine = Machine(files=RealFiles(), devices=RealDevices(), commands=RealCommands(), clock=RealClock(), log=Log(),
    mount_point=Path("/mnt/cdrom/secure"))
try:
    media = find_media(machine, patience=2.0)
    wish = media and media.environment
    answer = {"where": media and media.where, "user": wish and wish.user_name, "scvmm": bool(media and media.scvmm)}
except MalformedDocument as error:
    answer = {"problem": str(error)}
json.dump(answer | {"mounted": "cdrom" in Path("/proc/self/mountinfo").read_text()}, sys.stdout)
"""


def found(room: Room, layers: list[Path], *options: str) -> dict[str, Any]:
    machine, _ = room.machine(layers)
    fit(machine, Hardware())
    machine.boot(IDLE)
    with disc(room.workspace.folder / "dvd.iso", *options) as device:
        try:
            insert(machine, device)
            said = machine.run(["python3", "-IB", "-c", DRIVER, "/opt/limpet/lib"]).checked()
        finally:
            machine.kill()
    answer: dict[str, Any] = json.loads(said)
    return answer


@pytest.mark.parametrize(
    "variant", [None, "iso9660-only", "udf-only", "two-documents", "byte-order-mark", "trailing-nuls"]
)
def test_a_disc_is_read_and_nothing_is_mounted(
    variant: str | None, empty_room: Room, layers: list[Path]
) -> None:
    more = () if variant is None else ("--broken", variant)
    answer = found(empty_room, layers, "--user-name", "ada", *more)
    assert answer == {"where": "/dev/sr0", "user": "ada", "scvmm": False, "mounted": False}


def test_scvmm_media_is_told_apart(empty_room: Room, layers: list[Path]) -> None:
    assert found(empty_room, layers, "--broken", "scvmm")["scvmm"] is True


@pytest.mark.parametrize(
    "variant", ["wrong-namespace", "two-provisioning-sections", "huge-document", "cut-image"]
)
def test_a_disc_that_cannot_be_used_is_a_reason(variant: str, empty_room: Room, layers: list[Path]) -> None:
    answer = found(empty_room, layers, "--broken", variant)
    assert answer["problem"]
    assert answer["mounted"] is False
