"""`limpet plan` on files: what it prints, and that it leaves everything as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from limpet.agent.plan_command import main
from limpet.model.errors import ConfigurationError, MalformedDocument
from limpet.model.extensions import (
    Channel,
    ExtensionSettings,
    ExtensionsGoalState,
    Handler,
    Source,
    StatusUpload,
    Wanted,
)
from limpet.model.ids import SequenceNumber, Thumbprint, Url
from limpet.model.secret import Secret
from limpet.wire.extensionsconfig import render_extensions_config
from limpet.wire.vmsettings_render import render_vm_settings

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
THUMBPRINT = Thumbprint("A" * 40)
TICKS = 638_000_000_000_000_000

HANDLERS = (
    Handler(
        name="Example.Script",
        version="1.1.0",
        wanted=Wanted.ENABLED,
        manifest_uris=(Url("https://storage.example/script.xml?sv=1&sig=token"),),
        settings=(
            ExtensionSettings(
                name="Example.Script",
                sequence_number=SequenceNumber(3),
                public={"commandToExecute": "true"},
                protected=Secret("c2VjcmV0"),
                thumbprint=THUMBPRINT,
            ),
        ),
    ),
    Handler(
        name="Example.Monitor",
        version="2.0.0",
        wanted=Wanted.UNINSTALL,
        manifest_uris=(Url("https://storage.example/monitor.xml"),),
    ),
)
GOAL_STATE = ExtensionsGoalState(
    id="incarnation_1",
    channel=Channel.WIRE_SERVER,
    source=Source.FABRIC,
    status_upload=StatusUpload(url=Secret(Url("https://storage.example/status?sv=1&sig=token"))),
    handlers=HANDLERS,
)


class Machine:
    """A library folder with handlers, and a configuration that points there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.toml = root / "limpet.toml"
        self.toml.write_text(
            f'[agent]\nlibrary = "{root}/lib"\nlog_dir = "{root}/log"\nwaagent_conf = "{root}/waagent.conf"\n',
            encoding="utf-8",
        )

    def install(self, name: str, version: str, state: str) -> None:
        folder = self.root / "lib" / f"{name}-{version}"
        (folder / "config").mkdir(parents=True)
        (folder / "HandlerManifest.json").write_text("[{}]", encoding="utf-8")
        (folder / "config" / "HandlerState").write_text(state, encoding="utf-8")

    def goal_state(self, name: str, body: bytes) -> Path:
        (self.root / name).write_bytes(body)
        return self.root / name

    def plan(self, *arguments: str | Path) -> int:
        return main(["--config", str(self.toml), *map(str, arguments)])

    def tree(self) -> list[tuple[str, float]]:
        return sorted((str(path), path.lstat().st_mtime) for path in self.root.rglob("*"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.install("Example.Script", "1.0.0", "Enabled")
    machine.install("Example.Monitor", "1.9.0", "Enabled")
    machine.install("Example.Forgotten", "0.1", "Enabled")
    return machine


DOCUMENTS = {
    "ExtensionsConfig.xml": render_extensions_config(GOAL_STATE, TICKS),
    "vmSettings.json": render_vm_settings(GOAL_STATE, TICKS),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_plan_says_what_is_done_in_order_and_why(
    name: str, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    file = machine.goal_state(name, DOCUMENTS[name])
    assert machine.plan(file) == 0
    blocks = capsys.readouterr().out.split("\n\n")
    heading, removal, update, vanished, remark = blocks
    assert str(file) in heading
    assert removal.splitlines() == [
        "1. Example.Monitor 1.9.0: wanted uninstalled; here it is enabled",
        "    run disable for every enabled extension  at most 900 s",
        "    run uninstall                            at most 300 s",
        "    remove the package",
    ]
    assert update.startswith("2. Example.Script 1.1.0: wanted enabled; 1.0.0 is installed: upgrade\n")
    assert f"sequence number 3, protected by certificate {THUMBPRINT}" in update
    assert vanished.endswith("names them:\n    Example.Forgotten 0.1")
    assert remark.startswith("Versions are as requested")


def test_programs_get_the_plan_as_json(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    file = machine.goal_state("gs.xml", DOCUMENTS["ExtensionsConfig.xml"])
    assert machine.plan(file, "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    monitor, script = plan["work"]
    assert (monitor["wanted"], monitor["version"], monitor["dependency_level"]) == (
        "uninstall",
        "1.9.0",
        None,
    )
    assert (script["version"], script["installed_version"]) == ("1.1.0", "1.0.0")
    assert [step["step"] for step in monitor["steps"]] == ["disable_every", "uninstall", "remove"]
    assert plan["vanished"] == [{"handler": "Example.Forgotten", "version": "0.1"}]
    assert plan["refusal"] is None


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_planning_changes_nothing_and_shows_no_secret(
    form: tuple[str, ...], machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    file = machine.goal_state("gs.xml", DOCUMENTS["ExtensionsConfig.xml"])
    before = machine.tree()
    machine.plan(file, *form)
    assert machine.tree() == before
    out, err = capsys.readouterr()
    assert "token" not in out + err
    assert "c2VjcmV0" not in out + err


def test_extensions_that_are_disabled_here_are_refused_and_the_rest_is_said(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    file = machine.goal_state("gs.xml", DOCUMENTS["ExtensionsConfig.xml"])
    assert machine.plan(file, "--set", "extensions.enabled=false") == 0
    out = capsys.readouterr().out
    assert out.count(": refused\n    extensions are disabled by the configuration of this machine") == 2


def test_what_a_terminal_would_obey_is_not_printed(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = replace(GOAL_STATE, handlers=(replace(HANDLERS[0], version="\x9b31m1.0"),))
    assert machine.plan(machine.goal_state("gs.xml", render_extensions_config(odd, TICKS))) == 0
    out = capsys.readouterr().out
    assert "31m1.0" in out
    assert "\x9b" not in out


def test_a_vm_on_hold_is_left_alone_unless_that_is_not_honoured_here(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    held = replace(GOAL_STATE, on_hold=True, channel=Channel.HOST_PLUGIN, source=Source.FAST_TRACK)
    file = machine.goal_state("vmSettings.json", render_vm_settings(held, TICKS))
    assert machine.plan(file) == 0
    assert (
        capsys.readouterr().out.splitlines()[1]
        == "It would not be processed: the fabric has put this VM on hold."
    )
    assert machine.plan(file, "--set", "over_provisioning.honoured=false") == 0
    assert "run enable" in capsys.readouterr().out


def test_a_goal_state_without_handlers_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(tmp_path)
    empty = ExtensionsGoalState(id="incarnation_1", channel=Channel.WIRE_SERVER, source=Source.FABRIC)
    assert machine.plan(machine.goal_state("gs.xml", render_extensions_config(empty, TICKS))) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["There is nothing to do."]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "ExtensionsConfig"),
        (b"<html/>", "ExtensionsConfig"),
        (b'{"hostGAPluginVersion": 3}', "vmSettings"),
        (b'{"a": ', "vmSettings"),
        (DOCUMENTS["ExtensionsConfig.xml"][:200], "ExtensionsConfig"),
        (b"<!DOCTYPE x><Extensions/>", "ExtensionsConfig"),
    ],
)
def test_a_file_that_is_no_goal_state_is_refused_by_name(
    body: bytes, problem: str, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MalformedDocument, match=f"^{problem}"):
        machine.plan(machine.goal_state("gs", body))
    assert capsys.readouterr().out == ""


def test_a_file_that_is_not_there_is_said(machine: Machine) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        machine.plan(machine.root / "none.xml")


@pytest.mark.skipif(not CORPUS.exists(), reason="the captured documents are not on this machine")
@pytest.mark.parametrize(
    "document",
    [*(CORPUS / "wire").glob("ext_conf*.xml"), *(CORPUS / "hostgaplugin").glob("vm_settings*.json")],
    ids=lambda path: path.name,
)
def test_captured_goal_states_are_planned(
    document: Path, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert machine.plan(document) == 0
    except MalformedDocument:
        pytest.skip("a capture that is not a whole document")
    assert capsys.readouterr().out.startswith(f"Goal state of {document}, made ")
