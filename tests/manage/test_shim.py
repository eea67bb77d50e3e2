"""How the command waagent is put in place, and that nobody else's is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.manage.machines import exists, machine_with, text_of
from tests.plans.cases import picture

from limpet import __version__
from limpet.host.fake import PowerCut
from limpet.host.fake_programs.installing import OWNERS
from limpet.manage.shim.command import parser, run

if TYPE_CHECKING:
    from limpet.host.fake import FakeMachine

SHIM = "/usr/sbin/waagent"
THEIRS = "#!/bin/sh\necho theirs\n"


def machine(*, content: str | None = None, packaged: bool = False) -> FakeMachine:
    files: dict[str, bytes | str | None] = {
        "/usr/bin/limpet": "",
        "/usr/sbin": None,
        "/var/lib/dpkg/info/x.list": "",
    }
    if content is not None:
        files[SHIM] = content
    if packaged:
        files[str(OWNERS / "%usr%sbin%waagent")] = "waagent"
    return machine_with(files, "installing")


def shim(machine: FakeMachine, *arguments: str) -> int:
    return run(parser().parse_args(["--command", "/usr/bin/limpet", *arguments]), machine.interpreter)


def test_it_is_a_program_with_the_commands_path_and_version_in_it() -> None:
    made = machine()
    assert shim(made) == 0
    text = text_of(made, SHIM)
    assert text.startswith("#!/usr/bin/python3\n# Installed by limpet")
    assert 'LIMPET = "/usr/bin/limpet"' in text
    assert f'GuestAgentVersion = "{__version__}"' in text
    assert "@" not in {line[:1] for line in text.splitlines()}
    compile(text, SHIM, "exec")
    info = made.files.info(Path(SHIM))
    assert info is not None
    assert info.mode == 0o755


def test_installing_again_gives_no_steps(capsys: pytest.CaptureFixture[str]) -> None:
    made = machine()
    shim(made)
    capsys.readouterr()
    assert shim(made, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"outcomes": []}


@pytest.mark.parametrize(
    ("packaged", "whose"), [(True, "belongs to the package waagent"), (False, "limpet has not put it there")]
)
def test_another_waagent_is_refused_without_force(
    packaged: bool, whose: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = machine(content=THEIRS, packaged=packaged)
    assert shim(made) == 1
    assert text_of(made, SHIM) == THEIRS
    said = capsys.readouterr().out
    assert whose in said
    assert "With --force" in said


@pytest.mark.parametrize("packaged", [True, False])
def test_by_force_the_other_one_is_kept_and_comes_back(packaged: bool) -> None:
    made = machine(content=THEIRS, packaged=packaged)
    before = picture(made)
    assert shim(made, "--force") == 0
    kept = f"{SHIM}.distrib" if packaged else f"{SHIM}.before-limpet"
    assert text_of(made, kept) == THEIRS
    assert shim(made, "--force", "--json") == 0
    assert shim(made, "--uninstall") == 0
    assert picture(made) == before


def test_taking_away_what_is_not_there_or_not_ours_does_nothing() -> None:
    assert shim(machine(), "--uninstall") == 0
    made = machine(content=THEIRS)
    assert shim(made, "--uninstall") == 0
    assert text_of(made, SHIM) == THEIRS


def test_a_link_is_not_written_through(capsys: pytest.CaptureFixture[str]) -> None:
    made = machine()
    made.files.link(Path(SHIM), Path("/usr/bin/limpet"))
    assert shim(made, "--force") == 1
    assert "is a link to /usr/bin/limpet" in capsys.readouterr().out


@pytest.mark.parametrize("packaged", [True, False])
@pytest.mark.parametrize("back", [True, False])
def test_a_power_cut_before_any_change_is_made_good_by_doing_it_again(packaged: bool, back: bool) -> None:
    arguments = ["--uninstall"] if back else ["--force"]

    def begun() -> FakeMachine:
        made = machine(content=THEIRS, packaged=packaged)
        if back:
            shim(made, "--force")
        return made

    whole = begun()
    start = whole.battery.spent
    shim(whole, *arguments)
    for cut in range(whole.battery.spent - start):
        made = begun()
        made.battery.left = cut
        with pytest.raises(PowerCut):
            shim(made, *arguments)
        made.battery.left = None
        shim(made, *arguments)
        assert picture(made) == picture(whole)


def test_a_dry_run_changes_nothing() -> None:
    made = machine(content=THEIRS)
    before = picture(made)
    assert shim(made, "--force", "--dry-run") == 0
    assert picture(made) == before
    assert not exists(made, f"{SHIM}.before-limpet")
