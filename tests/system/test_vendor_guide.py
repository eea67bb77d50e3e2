"""docs/vendors.md is followed to the letter, from an empty folder on, by a reader who cannot think for himself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.system.guide import Typed, Written, as_seen, steps

from limpet.lab.appliance.room import Wish, appliance
from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from limpet.lab.appliance.room import Appliance, Parts

ROOT = Path(__file__).parents[2]
GUIDE = steps((ROOT / "docs" / "vendors.md").read_text(encoding="utf-8"))

pytestmark = pytest.mark.system


def follow(made: Appliance) -> None:
    for step in GUIDE:
        if isinstance(step, Written):
            made.machine.write(step.path, step.text)
        else:
            done = made.run(["sh", "-c", f"exec 2>&1; {step.command}"], timeout=120)
            assert as_seen(step.seen, done.stdout), f"# {step.command}\n{done.stdout}"


def test_the_guide_leads_from_an_empty_folder_to_a_handover(appliance_parts: Parts) -> None:
    with appliance(appliance_parts, Wish(nics=2)) as made:
        made.boot()
        follow(made)
        made.reboot()
        wait_for(lambda: made.run(["limpet", "show"]).stdout.startswith("steady"), "a handover", timeout=180)
        assert made.leaked() == 0


def test_the_guide_has_files_and_commands() -> None:
    assert len([step for step in GUIDE if isinstance(step, Written)]) >= 12
    assert any(
        "limpet check-hooks /opt/acme/hooks" in step.command for step in GUIDE if isinstance(step, Typed)
    )
