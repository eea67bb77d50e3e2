"""The manual page and the completions, which are made from the table of verbs."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from limpet.cli import VERBS
from limpet.manage.reference.commands_tree import commands_of
from limpet.manage.reference.completion import SHELLS
from limpet.manage.reference.completion import main as completion
from limpet.manage.reference.man_page import main as man
from limpet.manage.reference.man_page import man_page

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


class Heavy:
    """A verb whose extra is not installed."""

    help = "Needs more."
    extra = "emulator"

    def parser(self) -> argparse.ArgumentParser:
        raise ModuleNotFoundError(name="starlette")


@pytest.fixture(scope="module")
def page() -> str:
    return man_page(commands_of(VERBS))


def test_the_page_names_every_verb_every_command_and_every_option(page: str) -> None:
    for verb in commands_of(VERBS):
        for command in verb.walk():
            section = page.split(f".SS limpet {command.name.replace('-', chr(92) + '-')}\n")
            assert len(section) == 2, command.name
            for option in command.options:
                for flag in option.flags:
                    assert f"\\fB{flag.replace('-', chr(92) + '-')}\\fR" in section[1].split(".SS ")[0]


def test_every_command_below_a_verb_shows_its_own_options(page: str) -> None:
    """The lab's commands are read by parsers of their own, and each has options."""
    [lab] = [verb for verb in commands_of(VERBS) if verb.name == "lab"]
    assert len(lab.commands) > 1
    assert [command.name for command in lab.commands if len(command.options) < 2] == []


def test_the_page_has_examples_and_exit_codes(page: str) -> None:
    assert "\nlimpet\\-" not in page
    assert "  limpet deprovision \\-\\-user \\-\\-dry\\-run" in page
    assert page.count("exit codes:") >= len(VERBS)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_has_nothing_to_say_about_the_page(page: str) -> None:
    command = ["groff", "-man", "-ww", "-Tutf8"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    assert "limpet deprovision" in done.stdout


def test_what_roff_would_obey_is_text() -> None:
    class Hostile(Heavy):
        help = ".so /etc/passwd\n'ds x \\*(y"

    text = man_page(commands_of({"x": Hostile()}))
    lines = text.split(".SS limpet x\n")[1].split(".SH")[0].splitlines()
    assert lines[:3] == [".PP", "\\&.so /etc/passwd", "\\(aqds x \\e*(y"]


def test_a_verb_whose_extra_is_not_installed_says_so() -> None:
    assert "pip install \\(aqlimpet[emulator]\\(aq" in man_page(commands_of({"emulator": Heavy()}))


def test_a_defect_in_a_verb_is_not_hidden() -> None:
    class Broken(Heavy):
        extra = None  # type: ignore[assignment]

    with pytest.raises(ModuleNotFoundError):
        commands_of({"broken": Broken()})


def test_the_commands_print_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert man([], VERBS) == 0
    assert capsys.readouterr().out == man_page(commands_of(VERBS))
    for shell, made in SHELLS.items():
        assert completion([shell], VERBS) == 0
        assert capsys.readouterr().out == made(commands_of(VERBS))


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    script = tmp_path_factory.mktemp("bash") / "limpet"
    script.write_text(SHELLS["bash"](commands_of(VERBS)), encoding="utf-8")
    return script


def offered(bash: Path, *words: str, folder: Path) -> set[str]:
    """What bash offers for the last of the words."""
    script = 'source "$0"; COMP_WORDS=(limpet "$@"); COMP_CWORD=$#; _limpet; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-u", "-c", script, str(bash), *words],
        capture_output=True, text=True, timeout=120, check=True, cwd=folder,
    )  # fmt: skip
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dep"], {"deprovision"}),
        (["install"], {"install", "install-shim"}),
        (["deprovision", "--f"], {"--force"}),
        (["deprovision", "--user", "--d"], {"--dry-run"}),
        (["config", "s"], {"show"}),
        (["config", "show", "--wa"], {"--waagent"}),
        (["config", "check", "--format", ""], {"toml", "waagent"}),
        (["completion", ""], {"bash", "zsh", "fish", "-h", "--help"}),
        (["firewall", "a"], {"apply"}),
        (["config", "show", "--config", ""], {"a-file"}),
        (["config", "check", "a-"], {"a-file"}),
        (["deprovision", "--set", ""], set()),
    ],
)
def test_bash_offers_what_may_follow(
    bash: Path, words: list[str], expected: set[str], tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    assert offered(bash, *words, folder=tmp_path) == expected


def test_bash_offers_every_verb_first(bash: Path, tmp_path: Path) -> None:
    assert offered(bash, "", folder=tmp_path) == {*VERBS, "help", "--help", "--version"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_find_no_mistake(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "completion"
    script.write_text(SHELLS[shell](commands_of(VERBS)), encoding="utf-8")
    done = subprocess.run(
        [shell, "-n", str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", list(SHELLS))
def test_every_verb_and_option_is_known_to_every_shell(shell: str) -> None:
    text = SHELLS[shell](commands_of(VERBS))
    for verb in commands_of(VERBS):
        for command in verb.walk():
            assert command.name.rpartition(" ")[2] in text
            for option in command.options:
                assert all(flag.lstrip("-") in text for flag in option.flags)
