"""What handlers import from /usr/sbin/waagent, and what they may expect of it. Source: extensions.md §12.1."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet.manage.shim.plan import text
from limpet.wire.tld import parse_event_file

if TYPE_CHECKING:
    from types import ModuleType

NAMES = [
    "LibDir",
    "LoggerInit",
    "Log",
    "LogToConsole",
    "LogToFile",
    "LogIfVerbose",
    "LogWithPrefix",
    "LogWithPrefixIfVerbose",
    "Error",
    "ErrorWithPrefix",
    "Warn",
    "NoLog",
    "ThrottleLog",
    "Run",
    "RunGetOutput",
    "RunSendStdin",
    "GetFileContents",
    "SetFileContents",
    "AppendFileContents",
    "ReplaceFileContentsAtomic",
    "GetLineStartingWith",
    "ReplaceStringInFile",
    "GetHome",
    "ChangeOwner",
    "CreateDir",
    "AddExtensionEvent",
    "WALAEventOperation",
    "ConfigurationProvider",
    "Config",
    "MyDistro",
    "GetMyDistro",
    "DistInfo",
    "HttpProxyConfigString",
    "GuestAgentVersion",
]
STAMP = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d "


@pytest.fixture
def waagent(tmp_path: Path) -> ModuleType:
    """As handlers load it: a file without a suffix, executed as source under the name waagent."""
    program = tmp_path / "waagent"
    program.write_bytes(text("/usr/bin/limpet"))
    loader = importlib.machinery.SourceFileLoader("waagent", str(program))
    spec = importlib.util.spec_from_loader("waagent", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    module.LibDir = str(tmp_path)  # type: ignore[attr-defined]
    return module


def test_every_name_that_handlers_use_is_there(waagent: ModuleType) -> None:
    assert [name for name in NAMES if not hasattr(waagent, name)] == []


def test_lines_of_the_log_have_their_time_and_their_kind(waagent: ModuleType, tmp_path: Path) -> None:
    log, console = tmp_path / "log", tmp_path / "console"
    waagent.LoggerInit(str(log), str(console))
    waagent.Log("one\ntwo")
    waagent.Error("bad")
    waagent.Warn("hm")
    waagent.LogWithPrefix("[x] ", "three")
    waagent.LogIfVerbose("not this")
    waagent.LogToFile("file only")
    waagent.LogToConsole("console only")
    expected = [
        f"{STAMP}one",
        f"{STAMP}two",
        f"{STAMP}ERROR:bad",
        f"{STAMP}WARNING:hm",
        rf"{STAMP}\[x\] three",
    ]
    for path, last in ((log, "file only"), (console, "console only")):
        lines = path.read_text(encoding="utf-8").splitlines()
        patterns = [*expected, STAMP + last]
        assert len(lines) == len(patterns)
        assert all(re.fullmatch(pattern, line) for pattern, line in zip(patterns, lines, strict=True))


def test_a_log_that_cannot_be_written_stops_nobody(waagent: ModuleType) -> None:
    waagent.LoggerInit("/nowhere/log", "/nowhere/console", True)
    waagent.Log("\u20ac")
    waagent.LoggerInit(None, None)
    waagent.Error("nobody hears it")


def test_commands_give_their_code_and_what_they_said(waagent: ModuleType) -> None:
    assert waagent.Run("exit 3") == 3
    assert waagent.RunGetOutput("echo out; echo err >&2; exit 4") == (4, "out\nerr\n")
    assert waagent.RunSendStdin("cat", b"\xff\x00") == (0, "\xff\x00")
    assert waagent.RunSendStdin("cat", "text") == (0, "text")
    assert waagent.RunSendStdin(["no-such-program"], b"")[0] != 0


def test_files_are_read_and_written(waagent: ModuleType, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    assert waagent.GetFileContents(path) is None
    assert waagent.SetFileContents(path, "a=1\n") == 0
    assert waagent.AppendFileContents(path, b"b=2\n") == 0
    assert waagent.GetFileContents(path) == "a=1\nb=2\n"
    assert waagent.GetFileContents(path, asbin=True) == b"a=1\nb=2\n"
    assert waagent.GetLineStartingWith("b", path) == "b=2"
    assert waagent.GetLineStartingWith("c", path) is None
    Path(path).chmod(0o640)
    waagent.ReplaceStringInFile(path, r"a=\d", "a=9")
    assert waagent.ReplaceFileContentsAtomic(path, waagent.GetFileContents(path) + "c\n") == 0
    assert Path(path).read_text(encoding="utf-8") == "a=9\nb=2\nc\n"
    assert Path(path).stat().st_mode & 0o777 == 0o640
    assert waagent.SetFileContents("/nowhere/file", "x") is None
    assert waagent.ReplaceFileContentsAtomic("/nowhere/file", "x") is None
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "waagent"]


def test_an_event_is_one_that_the_agent_collects(waagent: ModuleType, tmp_path: Path) -> None:
    waagent.AddExtensionEvent(
        "Contoso.Hello", waagent.WALAEventOperation.UnIsntall, True, 12, "1.0.0", "it went well"
    )
    [path] = (tmp_path / "events").iterdir()
    assert path.suffix == ".tld"
    event = dict(parse_event_file(path.read_bytes()).parameters)
    assert event["Name"] == "Contoso.Hello"
    assert event["Operation"] == "UnInstall"
    assert (event["OperationSuccess"], event["Duration"], event["Message"]) == (True, 12, "it went well")
    assert json.loads(path.read_bytes())["eventId"] == 1


def test_the_configuration_is_read_as_waagent_reads_it(waagent: ModuleType, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.write_text('# A=0\nA="x" # y\nB=None\nA=last\nnothing\n', encoding="utf-8")
    found = waagent.ConfigurationProvider(str(conf))
    assert (found.get("A"), found.get("B"), found.get("C")) == ("last", None, None)
    with pytest.raises(Exception, match="Missing configuration"):
        waagent.ConfigurationProvider(str(tmp_path / "none"))


def test_the_distribution_answers(waagent: ModuleType) -> None:
    name, version, code_name = waagent.DistInfo()
    assert name == name.lower()
    assert isinstance(version, str)
    assert isinstance(code_name, str)
    assert waagent.GetMyDistro().ssh_config_file == "/etc/ssh/sshd_config"
    assert "cannot contain" in waagent.MyDistro.changePass("alice", "a\nroot:b")


def test_fewer_and_fewer_lines_of_one_kind_are_written(waagent: ModuleType) -> None:
    assert [number for number in range(2000) if waagent.ThrottleLog(number)] == [*range(11), 100, 1000]
