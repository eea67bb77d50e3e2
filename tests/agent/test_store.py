"""Handlers' records on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.agent.parts import LAYOUT, LIBRARY, NAME, folder, handler, settings, store

from limpet.agent.layout import handler_of_folder
from limpet.host.fake import FakeMachine
from limpet.model.errors import Code, HandlerError
from limpet.model.extensions import Wanted
from limpet.model.manifest import HandlerState
from limpet.model.status import HandlerStatus, Message

READY = HandlerStatus(name=NAME, version="1.0.0", status="Ready", message=Message(message="Plugin enabled"))
MANIFEST = b'[{"handlerManifest": {"enableCommand": "bin/enable"}}]'


def here(fake: FakeMachine, version: str = "1.0.0", state: HandlerState = HandlerState.ENABLED) -> None:
    """A handler version that is installed."""
    records = store(fake)
    fake.files.make_folder(folder(version).path)
    fake.files.replace(folder(version).manifest_file, MANIFEST)
    records.set_state(folder(version), state)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Contoso.Sample-1.0.0", ("Contoso.Sample", "1.0.0")),
        ("Contoso.A-B-1.2", ("Contoso.A-B", "1.2")),
        ("x-1", ("x", "1")),
        ("WALinuxAgent-2.9.1", None),
        ("custom-script", None),
        ("Contoso.Sample-", None),
        ("-1.0", None),
        ("Contoso.Sample-1.0-rc1", None),
        ("backup-20240101123000", None),
        ("deep-1.2.3.4.5.6.7.8.9", None),
        ("x-\u0661.\u0662", None),
        (".Contoso.Sample-1.0.0.unpacking", None),
        ("Contoso.Sample__1.0.0.zip", None),
        ("a/b-1.0", None),
    ],
)
def test_a_handlers_folder_is_known_by_its_name(name: str, found: tuple[str, str] | None) -> None:
    assert handler_of_folder(name) == found


@pytest.mark.parametrize("state", HandlerState)
def test_a_state_is_read_as_it_was_written(state: HandlerState) -> None:
    fake = FakeMachine()
    here(fake, state=state)
    assert store(fake).state(folder()) is state
    assert fake.files.read(folder().state_file, at_most=100) == state.value.encode()


@pytest.mark.parametrize("content", [b"", b"Enabled?", b"\xff", b"enabled"])
def test_a_state_that_is_no_word_of_ours_counts_as_not_installed(content: bytes) -> None:
    fake = FakeMachine()
    here(fake)
    fake.files.replace(folder().state_file, content)
    assert store(fake).state(folder()) is HandlerState.NOT_INSTALLED


def test_a_state_of_another_writer_may_end_in_a_newline() -> None:
    fake = FakeMachine()
    here(fake)
    fake.files.replace(folder().state_file, b"Installed\n")
    assert store(fake).state(folder()) is HandlerState.INSTALLED


def test_a_state_without_a_package_counts_as_not_installed() -> None:
    fake = FakeMachine()
    here(fake)
    fake.files.remove(folder().manifest_file)
    assert store(fake).state(folder()) is HandlerState.NOT_INSTALLED


def test_a_handlers_status_is_read_as_it_was_written() -> None:
    fake = FakeMachine()
    records = store(fake)
    assert records.handler_status(folder()) is None
    records.set_handler_status(folder(), READY)
    assert records.handler_status(folder()) == READY
    fake.files.replace(folder().handler_status_file, b"{")
    assert records.handler_status(folder()) is None


@pytest.mark.parametrize(
    ("wanted", "version", "speaks"),
    [
        (Wanted.ENABLED, "1.0.0", "1.0.0"),
        (Wanted.ENABLED, "2.1", "2.1.19"),
        (Wanted.ENABLED, "2", "2.1.19"),
        (Wanted.ENABLED, "3.0", "3.0"),  # is not here yet
        (Wanted.UNINSTALL, "3.0", "2.1.19"),
        (Wanted.DISABLED, "1.0", "1.0.0"),
    ],
)
def test_the_folder_that_speaks_for_a_handler_is_the_newest_that_is_meant(
    wanted: Wanted, version: str, speaks: str
) -> None:
    fake = FakeMachine()
    for each in ("1.0.0", "2.1.0", "2.1.19"):
        here(fake, each)
    assert store(fake).folder_of(handler(wanted=wanted, version=version)).version == speaks


def test_a_missing_and_a_broken_manifest_have_their_codes() -> None:
    fake = FakeMachine()
    records = store(fake)
    with pytest.raises(HandlerError, match="cannot be read") as missing:
        records.manifest(folder())
    fake.files.make_folder(folder().path)
    fake.files.replace(folder().manifest_file, b"[")
    with pytest.raises(HandlerError, match="not JSON") as broken:
        records.manifest(folder())
    assert (missing.value.code, broken.value.code) == (Code.HANDLER_MANIFEST_NOT_FOUND, Code.HANDLER_MANIFEST_INVALID)  # fmt: skip


def test_preparing_again_writes_only_what_differs() -> None:
    fake = FakeMachine()
    records = store(fake)
    fake.files.make_folder(folder().path)
    records.prepare(folder())
    before = fake.files.info(folder().environment_file)
    records.prepare(folder())
    assert fake.files.info(folder().environment_file) == before
    fake.files.replace(folder().environment_file, b"another agent's")
    records.prepare(folder())
    assert b"eventsFolder" in fake.files.read(folder().environment_file, at_most=10_000)


def test_one_handler_that_cannot_be_prepared_does_not_keep_the_others_from_it() -> None:
    fake = FakeMachine()
    here(fake, "1.0.0")
    here(fake, "2.0.0")
    fake.files.broken[folder("1.0.0").status] = "Input/output error"
    store(fake).prepare_all()
    assert fake.files.info(folder("2.0.0").environment_file) is not None
    assert len(fake.log.of("handler.unprepared")) == 1


def test_the_spool_in_which_handlers_leave_telemetry_is_there_from_the_start() -> None:
    fake = FakeMachine()
    store(fake).prepare_all()
    spool = fake.files.info(LAYOUT.spool)
    assert spool is not None
    assert spool.mode == 0o700
    fake.files.remove(LAYOUT.spool)
    fake.files.replace(LAYOUT.spool, b"")
    store(fake).prepare_all()
    assert len(fake.log.of("telemetry.no_spool")) == 1


def test_settings_have_the_contracts_names() -> None:
    fake = FakeMachine()
    records = store(fake)
    records.write_settings(folder(), settings(3), None)
    records.write_settings(folder(), settings(4), "first")
    records.write_settings(folder(), None, None)
    assert fake.files.names(folder().config) == ["0.settings", "3.settings", "first.4.settings"]
    assert fake.files.read(folder().config / "0.settings", at_most=10) == b""


def test_the_newest_settings_are_the_last_written_not_the_highest() -> None:
    fake = FakeMachine()
    records = store(fake)
    for number in (9, 2):
        fake.clock.sleep(10)
        records.write_settings(folder(), settings(number), None)
    records.write_settings(folder(), None, None)  # empty: a handler without settings
    fake.files.replace(folder().config / "CoreState.json", b"{}")
    fake.files.replace(folder().config / "x.7.settings", b"{}")
    assert records.newest_settings(folder()) == {None: 2}
    records.set_extension_enabled(folder(), "x")
    assert records.newest_settings(folder()) == {"x": 7}


def test_forgetting_an_extension_takes_its_files_and_no_others() -> None:
    fake = FakeMachine()
    records = store(fake)
    for name in ("a", "a.b", "ab"):
        records.write_settings(folder(), settings(1), name)
        records.set_extension_enabled(folder(), name)
        fake.files.make_folder(folder().status)
        fake.files.replace(folder().status / f"{name}.1.status", b"[]")
    records.forget_extension(folder(), "a")
    assert [name for name in fake.files.names(folder().config) if name.startswith("a.")] == ["a.b.1.settings", "a.b.HandlerState"]  # fmt: skip
    assert fake.files.names(folder().status) == ["a.b.1.status", "ab.1.status"]
    assert records.enabled_extensions(folder()) == ("a.b", "ab")


def test_what_is_carried_over_keeps_its_times_and_leaves_folders_behind() -> None:
    fake = FakeMachine()
    old, new = folder("1.0.0"), folder("2.0.0")
    for each in (old, new):
        fake.files.make_folder(each.status)
    fake.files.replace(old.status / "1.status", b"[]", mode=0o600)
    fake.files.make_folder(old.status / "more")
    fake.files.replace(old.most_recent_sequence_file, b"1")
    written = fake.files.info(old.status / "1.status")
    fake.clock.sleep(100)
    store(fake).carry_over(old, new)
    copied = fake.files.info(new.status / "1.status")
    assert written is not None
    assert copied is not None
    assert (copied.modified, copied.mode) == (written.modified, written.mode)
    assert fake.files.names(new.status) == ["1.status"]
    assert fake.files.read(new.most_recent_sequence_file, at_most=10) == b"1"


def test_only_what_was_unpacked_or_reported_of_here_vanishes() -> None:
    fake = FakeMachine()
    here(fake)
    store(fake).set_handler_status(folder("9.0.0", "Contoso.Failed"), READY)
    fake.files.make_folder(LIBRARY / "data-1.0" / "x")
    fake.files.replace(LAYOUT.archive(NAME, "1.0.0"), b"zip")
    assert store(fake).remove_vanished(["Contoso.Kept"]) == ("Contoso.Failed-9.0.0", "Contoso.Sample-1.0.0")
    assert fake.files.names(LIBRARY) == ["data-1.0"]


def test_one_handler_that_cannot_be_removed_does_not_keep_the_others() -> None:
    fake = FakeMachine()
    here(fake, "1.0.0")
    here(fake, "2.0.0")
    fake.files.broken[folder("1.0.0").path] = "Read-only file system"
    assert store(fake).remove_vanished([]) == ("Contoso.Sample-2.0.0",)
    assert len(fake.log.of("handler.irremovable")) == 1


def test_every_path_of_a_handler_is_below_the_two_roots() -> None:
    it = folder()
    paths = [
        it.config,
        it.status,
        it.state_file,
        it.manifest_file,
        it.heartbeat_file,
        it.settings_file(settings(5), "e"),
    ]
    assert all(path.is_relative_to(LIBRARY / "Contoso.Sample-1.0.0") for path in paths)
    assert it.command_log("e") == Path("/var/log/azure/Contoso.Sample/CommandExecution_e.log")
