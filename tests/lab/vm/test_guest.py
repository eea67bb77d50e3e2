"""What a test VM has besides its agent."""

from __future__ import annotations

import subprocess

import pytest

from limpet.lab.vm.guest import FOLDER, GUEST_FILES, GUEST_UNITS, RESOURCE_IDS, VMBUS
from limpet.lab.vm.kernel import INIT

SCRIPTS = {path: text for path, text in GUEST_FILES.items() if text.startswith("#!")} | {"init": INIT}


@pytest.mark.parametrize("path", sorted(SCRIPTS))
def test_every_script_is_a_script_of_sh(path: str) -> None:
    checked = subprocess.run(["sh", "-n"], input=SCRIPTS[path].encode(), capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


@pytest.mark.parametrize("unit", GUEST_UNITS)
def test_every_unit_starts_a_script_that_is_there(unit: str) -> None:
    text = GUEST_FILES[f"/etc/systemd/system/{unit}"]
    [program] = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart=")]
    assert program.startswith(FOLDER)
    assert program in GUEST_FILES


def test_the_resource_disk_has_the_ids_of_both_generations() -> None:
    assert RESOURCE_IDS[1].startswith("00000000-0001-")
    assert all(guid in VMBUS for guid in RESOURCE_IDS.values())
