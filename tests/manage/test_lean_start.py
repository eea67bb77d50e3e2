"""The launcher of the services, and what the boot stage loads packed beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.manage.machines import exists, machine_with, text_of

from limpet.cli import VERBS
from limpet.host.commands import RealCommands
from limpet.host.fake_commands import Said
from limpet.manage.install.command import install, parser, uninstall, uninstall_parser
from limpet.manage.install.lean_start import LAUNCHER, PACKED, folders, launcher, lean_start
from limpet.model.errors import HostError
from limpet.packed import MARK

if TYPE_CHECKING:
    from limpet.host.fake import FakeMachine
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

VERB = {"config": VERBS["config"]}
UNIT = "/etc/systemd/system/limpet-boot.service"
PYTHON = Path(sys.executable).name


def emptied(files: FakeFiles, call: Call) -> Said:
    """rmdir(1), which leaves a folder that has something in it."""
    if not files.names(folder := Path(call.argv[-1])):
        files.remove(folder)
    return Said()


def machine(answer: Said | None = None, **files: str) -> FakeMachine:
    """A machine with limpet's command, whose interpreter answers so when it is to pack."""
    made = machine_with({"/usr/bin/limpet": "", **files}, "installing")
    made.commands.programs["rmdir"] = emptied
    if answer is not None:
        made.commands.programs[PYTHON] = lambda files, call: answer
    return made


def installed(machine: FakeMachine, *arguments: str) -> int:
    return install(parser().parse_args(arguments), machine.interpreter, VERB)


def test_services_are_started_by_a_launcher_with_a_packed_start_beside_it() -> None:
    made = machine(Said(MARK + b"..."))
    assert installed(made) == 0
    assert f"ExecStart=/{LAUNCHER} boot\n" in text_of(made, UNIT)
    info = made.files.info(Path("/", LAUNCHER))
    assert info is not None
    assert info.mode == 0o755
    assert f"begin('/{PACKED}')" in text_of(made, f"/{LAUNCHER}")
    assert text_of(made, f"/{PACKED}") == MARK.decode() + "..."


def test_what_is_packed_already_is_not_written_again(capsys: pytest.CaptureFixture[str]) -> None:
    made = machine(Said(MARK + b"..."))
    installed(made)
    capsys.readouterr()
    assert installed(made, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"outcomes": []}
    made.commands.programs[PYTHON] = lambda files, call: Said(MARK + b"newer")
    assert installed(made, "--json") == 0
    assert [each["task"] for each in json.loads(capsys.readouterr().out)["outcomes"]] == [PACKED]


@pytest.mark.parametrize("answer", [None, Said(MARK, exit_code=1), Said(b"")])
def test_without_a_packed_start_the_launcher_still_starts_the_services(answer: Said | None) -> None:
    made = machine(answer)
    assert installed(made) == 0
    assert f"ExecStart=/{LAUNCHER} boot\n" in text_of(made, UNIT)
    assert not exists(made, f"/{PACKED}")


@pytest.mark.parametrize("arguments", [("--root", "/image"), ("--command", "/usr/bin/limpet")])
def test_where_nobody_knows_the_interpreter_the_command_itself_is_started(arguments: tuple[str, ...]) -> None:
    made = machine(Said(MARK), **{"/image/etc/passwd": "", "/image/usr/bin/limpet": ""})
    assert installed(made, *arguments) == 0
    root = "/image" if arguments[0] == "--root" else ""
    assert "ExecStart=/usr/bin/limpet boot\n" in text_of(made, f"{root}{UNIT}")
    assert not exists(made, f"{root}/{LAUNCHER}")
    assert PYTHON not in [call.argv[0].rpartition("/")[2] for call in made.commands.ran]


def test_a_launcher_is_taken_out_again_and_one_that_is_not_ours_stays() -> None:
    made = machine(Said(MARK + b"..."))
    installed(made)
    assert uninstall(uninstall_parser().parse_args([]), made.interpreter, VERB) == 0
    assert not exists(made, f"/{LAUNCHER}")
    assert not exists(made, f"/{PACKED}")
    assert not exists(made, str(Path("/", LAUNCHER).parent))
    other = machine(Said(MARK), **{f"/{LAUNCHER}": "#!/bin/sh\n"})
    assert installed(other) == 1
    uninstall(uninstall_parser().parse_args([]), other.interpreter, VERB)
    assert text_of(other, f"/{LAUNCHER}") == "#!/bin/sh\n"


def test_an_appliances_supervisor_is_started_by_the_launcher_with_the_packed_start_too() -> None:
    made = machine(Said(MARK + b"..."))
    assert installed(made, "--appliance") == 0
    unit = text_of(made, "/etc/systemd/system/limpet-appliance.service")
    assert f"ExecStart=/{LAUNCHER} appliance run\n" in unit
    assert 'if sys.argv[1:2] == ["appliance"]:\n    from limpet.packed import begin' in text_of(
        made, f"/{LAUNCHER}"
    )


def test_where_the_launcher_cannot_be_written_nothing_is_installed_that_would_start_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = machine(Said(MARK), **{"/etc/systemd/system/walinuxagent.service": "[Unit]\n"})
    read_only = Path("/usr/local")
    replace, make_folder = made.files.replace, made.files.make_folder

    def guarded(path: Path) -> None:
        if read_only in path.parents:
            raise HostError(f"cannot write {path}: Read-only file system")

    class ReadOnly(type(made.files)):  # type: ignore[misc] # of this machine
        def replace(self, path: Path, *content: object, **how: object) -> None:
            guarded(path)
            replace(path, *content, **how)  # type: ignore[arg-type]

        def make_folder(self, path: Path, **how: object) -> None:
            guarded(path)
            make_folder(path, **how)  # type: ignore[arg-type]

    made.files.__class__ = ReadOnly
    assert installed(made) == 1
    said = capsys.readouterr()
    assert (
        "Read-only file system. Where /usr cannot be written, run limpet install --command"
        in said.out + said.err
    )
    assert not exists(made, UNIT)
    assert not [
        call
        for call in made.commands.ran
        if call.argv[0] in {"ln", "systemctl"} and call.argv[1:2] != ("is-active",)
    ]


@pytest.mark.parametrize("python", ["", "python3", "/opt/my apps/python3", f"/{'long' * 40}/python3"])
def test_an_interpreter_that_a_scripts_first_line_cannot_name_has_no_launcher(python: str) -> None:
    assert launcher(python, ["/opt"]) is None


def test_the_launcher_runs_the_command_without_a_packed_start(tmp_path: Path) -> None:
    text = launcher(sys.executable, folders())
    assert text is not None
    place = tmp_path / "limpet"
    place.write_bytes(text)
    place.chmod(0o755)
    for arguments in (["--version"], ["boot", "--help"]):
        done = subprocess.run([place, *arguments], capture_output=True, text=True, timeout=120, check=True)
        assert done.stderr == ""
        assert "limpet" in done.stdout
    refused = subprocess.run(
        [place, "boot", "--config", "/nonexistent"], check=False, capture_output=True, text=True, timeout=120
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "/nonexistent" in refused.stderr


MODULES = (
    "limpet.boot.main, limpet.boot.stage",
    "limpet.appliance.start, limpet.appliance.supervisor, limpet.appliance.networkos.frr.driver, limpet.appliance.guest.lxc",
)


@pytest.fixture(scope="module")
def packed_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("packed") / "file"
    file.write_bytes(lean_start(RealCommands())[PACKED])
    return file


@pytest.mark.parametrize("modules", MODULES)
def test_a_start_that_is_packed_here_is_used_whole(packed_here: Path, modules: str) -> None:
    """No module of it is looked for elsewhere, and no pattern of its imports is compiled by the standard library."""
    code = (
        f"import sys; sys.path.extend({folders()!r}); from limpet.packed import begin; print(begin({str(packed_here)!r})); "
        f"import {modules}, limpet.cli, limpet.patterns; "
        "print(*[name for name, module in sys.modules.items() if type(getattr(module.__spec__, 'loader', None)).__name__ "
        "== 'SourceFileLoader' and not name.startswith('encodings')]); "
        "print('re._compiler' in sys.modules, len(limpet.patterns.READY) > 50)"
    )
    done = subprocess.run(
        [sys.executable, "-ISOOc", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["True", "limpet limpet.packed", "False True"]
