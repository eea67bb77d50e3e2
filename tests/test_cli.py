"""The command: what it can do, how it ends, and what it does not import."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet import __version__, cli
from limpet.cli import VERBS, Verb
from limpet.model.errors import (
    AlreadyRunning,
    ConfigurationError,
    FabricUnreachable,
    HostError,
    LimpetError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = __name__


def echo(arguments: Sequence[str]) -> int:
    sys.stdout.write(" ".join(["echo", *arguments, "\n"]))
    return 7


def fail(arguments: Sequence[str]) -> int:
    raise ConfigurationError("limpet.toml,\x1b line 3:\nhttps://a.example/b?sv=1&sig=abc cannot be used")


def break_down(arguments: Sequence[str]) -> int:
    raise RuntimeError("a defect of ours")


def import_late(arguments: Sequence[str]) -> int:
    return int(importlib.import_module("a_package_that_nobody_has").main(arguments))


TABLE = {
    "lazy": Verb(HERE, "import_late", "Need more, in a command.", "lab"),
    "echo": Verb(HERE, "echo", "Say it again."),
    "fail": Verb(HERE, "fail", "Fail on purpose."),
    "break": Verb(HERE, "break_down", "Have a defect."),
    "heavy": Verb("a_package_that_nobody_has", "main", "Need more.", "emulator"),
}


def limpet(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "limpet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_verb_gets_its_arguments_and_decides_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["echo", "a", "--b"], TABLE) == 7
    assert capsys.readouterr().out == "echo a --b \n"


def test_help_for_a_verb_is_asked_of_the_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["help", "echo"], TABLE) == 7
    assert capsys.readouterr().out == "echo --help \n"


@pytest.mark.parametrize("word", ["help", "--help", "-h"])
def test_help_lists_every_verb(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([word]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed and verb.help in printed for name, verb in VERBS.items())


def test_no_verb_is_a_usage_error_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("usage: limpet VERB")


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("ehco", "Did you mean 'echo'?"),
        ("zzzzz", "limpet help lists them."),
        ("--echo", "Did you mean 'echo'?"),
    ],
)
def test_an_unknown_verb_is_refused_with_the_nearest_one(
    word: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([word], TABLE) == 2
    assert capsys.readouterr().err == f"limpet: there is no verb {word!r}. {answer}\n"


def test_an_error_raised_on_purpose_is_one_line_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fail"], TABLE) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err == "limpet fail: limpet.toml, line 3: https://a.example/b?<redacted> cannot be used\n"


@pytest.mark.parametrize(
    ("problem", "user", "told"),
    [
        ("cannot open /run/x.lock: Permission denied", 1000, ": only root may"),
        ("nft: Operation not permitted", 1000, ": only root may"),
        ("cannot open /run/x.lock: Permission denied", 0, ""),
        ("only root can do this", 1000, ""),
    ],
)
def test_who_is_not_root_hears_that_it_is_for_root(problem: str, user: int, told: str) -> None:
    assert cli.who_may(problem, user) == told


def test_a_program_that_asked_for_json_gets_json_when_it_fails_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["fail", "--json"], TABLE) == 2
    out, err = capsys.readouterr()
    assert json.loads(out) == {"problem": err.strip()}
    assert "<redacted>" in out


def test_a_program_that_asked_for_json_wrongly_gets_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["deprovision", "--json", "--bogus"])
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert "unrecognized arguments: --bogus" in err
    assert json.loads(out) == {"problem": "limpet deprovision: wrong usage, as is said on standard error"}


def test_what_belongs_to_a_command_that_is_run_asks_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fail", "--", "ip", "--json"], TABLE) == 2
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [(FabricUnreachable("away"), 1), (HostError("full"), 1), (ConfigurationError("typo"), 2), (AlreadyRunning("there"), 3)],
    ids=repr,
)  # fmt: skip
def test_the_exit_code_tells_a_service_manager_whether_another_try_helps(
    error: LimpetError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(arguments: Sequence[str]) -> int:
        raise error

    program = types.ModuleType("a_program_that_fails")
    program.main = fails  # type: ignore[attr-defined]
    sys.modules[program.__name__] = program
    try:
        assert cli.main(["failing"], {"failing": Verb(program.__name__, "main", "")}) == code
    finally:
        del sys.modules[program.__name__]
    assert capsys.readouterr().err == f"limpet failing: {error}\n"


def test_a_defect_of_ours_is_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="a defect of ours"):
        cli.main(["break"], TABLE)


def test_a_verb_whose_extra_is_not_installed_says_how_to_install_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["heavy"], TABLE) == 1
    assert capsys.readouterr().err == (
        "limpet heavy: a_package_that_nobody_has is not installed. "
        "Install it with: pip install 'limpet[emulator]'\n"
    )


def test_a_command_whose_extra_is_not_installed_says_so_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lazy"], TABLE) == 1
    assert capsys.readouterr().err.startswith("limpet lazy: a_package_that_nobody_has is not installed.")


@pytest.mark.parametrize("name", sorted(VERBS))
def test_every_verb_has_a_program(name: str) -> None:
    verb = VERBS[name]
    assert callable(verb.load())
    assert re.fullmatch(r"[A-Z].{10,60}\.", verb.help)


@pytest.mark.parametrize("name", sorted(VERBS))
def test_every_verb_gives_its_parser_for_the_manual_page(name: str) -> None:
    parser = VERBS[name].parser()
    assert parser.prog == f"limpet {name}"
    assert "example" in (parser.epilog or "")
    assert "exit codes" in (parser.epilog or "")
    assert parser.description


def test_the_version_is_told_by_the_installed_command() -> None:
    done = limpet("--version")
    assert (done.returncode, done.stdout) == (0, f"limpet {__version__}\n")


def test_the_command_itself_imports_no_argument_parser_and_no_program() -> None:
    code = "import sys\nfrom limpet.cli import main\nmain(['help'])\nprint(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    loaded = set(done.stderr.split())
    assert not loaded & {"argparse", "dataclasses", "inspect", "json", "socket", "subprocess", "difflib"}
    assert {name for name in loaded if name.startswith("limpet")} == {"limpet", "limpet.cli"}


@pytest.mark.parametrize(
    ("error", "code"),
    [("KeyboardInterrupt", 130), ("BrokenPipeError", 141)],
)
def test_an_interruption_is_an_exit_code_and_no_traceback(error: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(f"def main(arguments):\n    raise {error}\n", encoding="utf-8")
    script = (
        "import sys\nfrom limpet import cli\n"
        "cli.VERBS['program'] = cli.Verb('program', 'main', '')\n"
        "sys.argv = ['limpet', 'program']\nsys.exit(cli.entry())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (code, "")


def test_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "limpet", "help"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"limpet: cannot write the answer: No space left on device\n"


@pytest.mark.parametrize("words", [["nonsense"], ["config", "--nonsense"], ["config", "show", "nonsense"]])
def test_a_complaint_that_cannot_be_written_leaves_its_exit_code(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "limpet", *words],
            capture_output=False,
            stderr=full,
            timeout=120,
            check=False,
        )
    assert done.returncode == 2


@pytest.mark.parametrize("words", [["help"], ["show", "--help"]])
def test_output_that_nobody_reads_is_no_traceback(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "limpet", *words],
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.returncode in {
        0,
        141,
    }  # argparse itself hides that its help was not taken, where nothing is buffered
    assert not done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verbs_help_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        VERBS[verb].load()(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "example" in said


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_traceback(closed: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m limpet help nothing {closed}; echo "ended with $?"', sys.executable],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "ended with 2" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["help"], ["help", "deprovision"], ["config", "show"]])
def test_a_locale_without_the_letters_is_no_traceback(words: list[str]) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "TERM": "dumb", "LC_ALL": "xx_XX.nothing"}
    done = subprocess.run(
        [sys.executable, "-m", "limpet", *words],
        capture_output=True,
        timeout=120,
        check=False,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_everything_is_known_where_there_is_no_source_tree(tmp_path: Path) -> None:
    shutil.copytree(
        Path(cli.__file__).parent, tmp_path / "limpet", ignore=shutil.ignore_patterns("__pycache__")
    )
    done = subprocess.run(
        [sys.executable, "-m", "limpet", "man"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "limpet guestshell" in done.stdout
