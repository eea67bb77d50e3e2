"""Waagent's words, and the verbs of limpet that they become."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.cli import VERBS
from limpet.manage.shim.plan import text
from limpet.manage.shim.program import WrongUsage, command_line, understood

if TYPE_CHECKING:
    from pathlib import Path

# What stands for limpet: it writes down how it was called.
# A shell starts it: a script's first line cannot name an interpreter whose path has a blank.
RECORDER = """\
#!/bin/sh
exec {python} -c 'import json, sys
with open({record}, "a") as record:
    record.write(json.dumps(sys.argv[1:]) + "\\n")
sys.exit(7 if "boot" not in sys.argv else 1)
' "$@"
"""


@pytest.fixture
def waagent(tmp_path: Path) -> Path:
    """The installed program, over a limpet that only takes notes."""
    limpet = tmp_path / "limpet"
    limpet.write_text(
        RECORDER.format(python=shlex.quote(sys.executable), record=json.dumps(str(tmp_path / "record"))),
        encoding="utf-8",
    )
    limpet.chmod(0o755)
    program = tmp_path / "waagent"
    program.write_bytes(text(str(limpet)))
    program.chmod(0o755)
    return program


def call(waagent: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(waagent), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=waagent.parent
    )


def recorded(waagent: Path) -> list[list[str]]:
    record = waagent.parent / "record"
    return (
        [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
        if record.exists()
        else []
    )


@pytest.mark.parametrize(
    ("words", "limpet"),
    [
        ("-deprovision+user", "deprovision --user"),
        ("-force -deprovision+user", "deprovision --user --force"),
        ("-deprovision+user -force", "deprovision --user --force"),
        ("--deprovision --force", "deprovision --force"),
        ("/deprovision", "deprovision"),
        ("deprovision", "deprovision"),
        ("---/-deprovisionX", "deprovision"),
        ("-run-exthandlers", "agent"),
        ("-run-exthandlers -debug", "agent"),
        ("-register-service", "install"),
        ("-install", "install"),
        ("-setup", "install"),
        ("-uninstall", "uninstall"),
        ("-serialconsole", "serial-console"),
        ("-provision", "boot"),
        ("-show-configuration", "config show --waagent"),
        ("-collect-logs", "collect-logs"),
        ("-collect-logs -full", "collect-logs --full"),
        ("-full", ""),
        ("-setup-firewall=168.63.129.16", "firewall apply --endpoint 168.63.129.16"),
        ("-deprovision -show-configuration", "config show --waagent"),
        ("-verbose -run-exthandlers", "agent --set log.verbose=true"),
        ("-verbose -install", "install"),
    ],
)  # fmt: skip
def test_words_become_a_verb(words: str, limpet: str) -> None:
    command, value, options, settings = understood(words.split())
    found = [] if command == "help" else command_line(command, value, options, settings)
    assert found == limpet.split()


def test_every_verb_that_words_become_takes_these_arguments() -> None:
    for words in ("deprovision+user -force", "install", "uninstall", "serialconsole", "collect-logs -full -verbose",
                  "show-configuration -verbose", "setup-firewall=1.2.3.4", "run-exthandlers -verbose", "provision"):  # fmt: skip
        verb, *arguments = command_line(*understood(words.split()))
        VERBS[verb].parser().parse_args(arguments)


@pytest.mark.parametrize("word", ["-nonsense", "-setup-firewall", "-installation", "--", "-x -version"])
def test_a_word_that_is_none_is_wrong_usage(word: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        understood(word.split())
    assert caught.value.exit_code == 2


def test_another_configuration_is_handed_on(tmp_path: Path) -> None:
    conf = tmp_path / "other.conf"
    conf.write_text("", encoding="utf-8")
    settings = ["--set", f"agent.waagent_conf={conf}"]
    for word in (f"-configuration-path:{conf}", f"conf={conf}"):
        command, value, options, found = understood([word, "-run-exthandlers", ""])
        assert command_line(command, value, options, found) == ["agent", *settings]
    with pytest.raises(WrongUsage, match="no such configuration") as caught:
        understood([f"-configuration-path:{tmp_path}/none", "-daemon"])
    assert caught.value.exit_code == 1


def test_the_program_becomes_limpet_and_ends_as_that_does(waagent: Path) -> None:
    assert call(waagent, "-deprovision+user", "-force").returncode == 7
    assert recorded(waagent) == [["deprovision", "--user", "--force"]]


def test_the_daemon_provisions_and_then_serves_even_when_that_failed(waagent: Path) -> None:
    assert call(waagent, "-daemon").returncode == 7
    assert recorded(waagent) == [["boot"], ["agent"]]


def test_start_returns_at_once_and_leaves_the_daemon_with_its_configuration(
    waagent: Path, tmp_path: Path
) -> None:
    conf = tmp_path / "other.conf"
    conf.write_text("", encoding="utf-8")
    fifo = tmp_path / "record"
    os.mkfifo(fifo)
    # Held open for both: what each process writes waits there until it is read.
    with os.fdopen(os.open(fifo, os.O_RDWR), "r", encoding="utf-8") as record:
        assert call(waagent, "-start", f"-configuration-path:{conf}", "-verbose").returncode == 0
        boot, agent = (json.loads(record.readline()) for _ in range(2))
    settings = ["--set", f"agent.waagent_conf={conf}", "--set", "log.verbose=true"]
    assert (boot, agent) == (["boot", *settings], ["agent", *settings])


@pytest.mark.parametrize("words", [["-help"], ["-usage"], ["-?"], []])
def test_usage_is_printed_on_request(waagent: Path, words: list[str]) -> None:
    done = call(waagent, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: waagent")


def test_wrong_usage_is_told_on_stderr(waagent: Path) -> None:
    done = call(waagent, "-nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("waagent: -nonsense: not understood\nusage:")


def test_the_version_has_three_lines(waagent: Path) -> None:
    name, python, agent = call(waagent, "--version").stdout.splitlines()
    assert name.startswith("WALinuxAgent-")
    assert " running on " in name
    assert python == f"Python: {sys.version.split()[0]}"
    assert agent == f"Goal state agent: {name.split(' ')[0].removeprefix('WALinuxAgent-')}"


def test_a_limpet_that_is_gone_is_told(waagent: Path) -> None:
    (waagent.parent / "limpet").unlink()
    done = call(waagent, "-show-configuration")
    assert done.returncode == 1
    assert done.stderr == f"waagent: cannot run {waagent.parent}/limpet: No such file or directory\n"


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\0")), max_size=5))
def test_whatever_is_typed_is_understood_or_wrong_usage(arguments: list[str]) -> None:
    with suppress(WrongUsage):
        understood(arguments)
