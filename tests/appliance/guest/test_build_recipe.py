"""What a build of the guest shell's image does, as a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from limpet.appliance.guest.build_recipe import (
    ALIASES,
    DOHOST_TEXT,
    FORGOTTEN,
    MASKED,
    OWN_MOUNTS,
    PACKAGES,
    UNIT,
    UNIT_TEXT,
    Recipe,
    kind_problem,
    plan_build,
)
from limpet.guest.steps import Remove, Run, Write

PLACE = Path("/tmp/place")
RECIPE = Recipe(
    packages=("tcpdump", "curl"),
    mirrors=("deb http://mirror.example/debian bookworm main",),
    limpet={"limpet": Path("/usr/lib/python3/limpet"), "urllib3": Path("/usr/lib/python3/urllib3")},
)


def steps(output: str, recipe: Recipe = RECIPE) -> list[Run | Write | Remove]:
    """All that would be done, in order."""
    tasks = plan_build(recipe, Path(output), PLACE, 1_700_000_000)
    return [step for task in tasks for step in task.steps if isinstance(step, Run | Write | Remove)]


def test_packages_are_asked_for_once_and_in_an_order_that_does_not_depend_on_the_caller() -> None:
    assert RECIPE.wanted == tuple(sorted({*PACKAGES, "tcpdump"}))
    turned = Recipe(packages=tuple(reversed(RECIPE.packages)))
    assert turned.wanted == RECIPE.wanted


def test_mirrors_come_last_as_mmdebstrap_wants_them_and_a_date_is_handed_on() -> None:
    first = next(step for step in steps("/x.squashfs") if isinstance(step, Run))
    assert first.argv[-1] == RECIPE.mirrors[0]
    assert first.argv[-2] == "/tmp/place/tree"
    dated = next(step for step in steps("/x.squashfs", Recipe(epoch=7)) if isinstance(step, Run))
    assert dated.argv[:7] == (*OWN_MOUNTS, "env", "SOURCE_DATE_EPOCH=7", "mmdebstrap")


@pytest.mark.parametrize(
    ("output", "program"), [("/x.squashfs", "mksquashfs"), ("/x.tar.zst", "--sort=name"), ("/x", None)]
)
def test_what_is_made_follows_from_the_name(output: str, program: str | None) -> None:
    last = steps(output)[-1]
    assert isinstance(last, Run)
    if program is None:
        assert str(last.argv[4]) == output  # the dates are the last thing; the tree is where it shall be
    else:
        assert program in last.argv[2]


def test_identities_logs_and_caches_are_taken_out_before_the_dates_are_set() -> None:
    done = steps("/x.squashfs")
    removed = [step.path.relative_to(PLACE / "tree") for step in done if isinstance(step, Remove)]
    assert {str(path) for path in removed} == set(FORGOTTEN)
    assert {"etc/machine-id", "var/log", "var/lib/systemd/random-seed"} <= set(FORGOTTEN)
    dates = next(i for i, step in enumerate(done) if isinstance(step, Run) and "newermt" in step.argv[2])
    assert dates > max(i for i, step in enumerate(done) if isinstance(step, Remove | Write))


def test_the_agent_is_started_by_a_unit_and_what_is_the_machines_is_masked() -> None:
    links = {
        step.argv[-1]: step.argv[-2] for step in steps("/x") if isinstance(step, Run) and step.argv[0] == "ln"
    }
    units = "/x/etc/systemd/system"
    assert links[f"{units}/multi-user.target.wants/{UNIT}"] == f"/etc/systemd/system/{UNIT}"
    assert {links[f"{units}/{alias}"] for alias in ALIASES} == {f"/etc/systemd/system/{UNIT}"}
    assert {links[f"{units}/{name}"] for name in MASKED} == {"/dev/null"}
    assert "Restart=always" in UNIT_TEXT
    assert "ExecStart=/usr/bin/limpet agent" in UNIT_TEXT


def test_the_network_oss_commands_are_in_reach_as_scripts_know_it() -> None:
    written = {str(step.path): step for step in steps("/x") if isinstance(step, Write)}
    script = written["/x/usr/bin/dohost"]
    assert script.mode == 0o755
    assert script.content == DOHOST_TEXT.encode()
    assert 'exec limpet nos -- "$@"' in DOHOST_TEXT


def test_programs_that_have_no_place_in_a_guest_shell_stay_out() -> None:
    copying = [step.argv for step in steps("/x") if isinstance(step, Run) and "--create" in step.argv[2]]
    assert [argv[-2] for argv in copying] == ["limpet", "urllib3"]
    assert "--exclude=limpet/lab" in copying[0][2]
    assert "--exclude=limpet/emulator" in copying[0][2]
    assert "--exclude=limpet" not in copying[1][2]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("a.squashfs", True),
        ("a.tar.gz", True),
        ("a.tgz", True),
        ("a", True),
        ("a.zip", False),
        ("a.gz", False),
    ],
)
def test_a_name_that_says_of_no_image_what_it_is_is_refused_before_anything_is_built(
    name: str, taken: bool
) -> None:
    problem = kind_problem(Path("/srv", name))
    assert (problem is None) is taken
    assert problem is None or ".squashfs, .tar" in problem
