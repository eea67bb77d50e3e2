"""`limpet guestshell` on a machine in memory, with and without a supervisor."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.appliance.guest.shells import IMAGE, Shell, machine, squashfs

from limpet.appliance.commands.guestshell import run
from limpet.appliance.commands.guestshell_build import epoch_of
from limpet.appliance.commands.guestshell_deeds import NETWORK, PATIENCE, Deeds, Here
from limpet.appliance.commands.guestshell_parser import parser
from limpet.appliance.guest.wanted import Wanted, noting, wanted
from limpet.appliance.show import SHOWN
from limpet.config.load import load_config
from limpet.guest.fabric_lease import EXCHANGE
from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel
from limpet.model.errors import AlreadyRunning, ConfigurationError, HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from limpet.host.fake import FakeMachine
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

SUPERVISOR = 4711
NAMES = Path("/run/netns")


class Operator:
    """Somebody with a terminal on a machine. supervisor: what a supervisor does when it is woken; None: none runs."""

    def __init__(self, made: FakeMachine, *, supervisor: Callable[[], None] | None = None) -> None:
        self.machine = made
        made.commands.programs["ip"] = _ip
        self.become: list[tuple[str, ...]] = []
        self.locked = 0
        self.here = Here(
            files=made.files,
            commands=made.commands,
            interpreter=made.interpreter,
            clock=made.clock,
            chance=made.chance,
            supervisor=lambda: None if supervisor is None else SUPERVISOR,
            locked=self._lock,
            wake=lambda _process: made.clock.after(1.0, supervisor or (lambda: None)),
        )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.locked += 1
        yield

    def types(self, *words: str) -> int:
        """One command line; gives its exit code."""
        options = parser().parse_args(words)
        config = load_config(self.machine.files, path=None, options=options.set)
        return run(options, config, self.here, self._become)

    def _become(self, argv: Sequence[str]) -> int:
        self.become.append(tuple(argv))
        return 42

    @property
    def deeds(self) -> Deeds:
        """With the settings that a machine has by itself."""
        return Deeds(self.here, load_config(self.machine.files, path=None, options=[]))


def _ip(files: FakeFiles, call: Call) -> Said:
    """It makes a namespace's name."""
    if call.argv[1:3] == ("netns", "add"):
        files.make_folder(NAMES)
        files.replace(NAMES / call.argv[3], b"")
    return Said()


def status(operator: Operator, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """As a program reads it."""
    capsys.readouterr()
    operator.types("status", "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_without_a_supervisor_it_is_started_by_the_command_itself_under_the_supervisors_lock(
    capsys: pytest.CaptureFixture[str],
) -> None:
    operator = Operator(machine())
    with by_the_kernel(operator.machine.files):
        operator.machine.files.remove(NAMES)
    assert operator.types("enable") == 0
    assert operator.locked == 1
    assert operator.machine.files.info(NAMES / NETWORK) is not None
    assert status(operator, capsys)["running"]
    assert operator.types("enable") == 0
    assert "runs already" in capsys.readouterr().out
    assert operator.types("disable") == 0
    found = status(operator, capsys)
    assert not found["running"]
    assert found["wanted"] == "disabled"


def test_where_a_supervisor_runs_it_is_told_and_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    made = machine()
    shell = Shell(made, "lxc")

    def heed() -> None:
        verbs = ("prepare", "start") if wanted(made.files) is Wanted.ENABLED else ("stop",)
        shell.do(*verbs)

    operator = Operator(made, supervisor=heed)
    assert operator.types("enable") == 0
    assert "The supervisor has started" in capsys.readouterr().out
    assert made.files.read(EXCHANGE / "wish", at_most=100) == b"guest\n"
    assert operator.types("disable") == 0
    assert operator.locked == 0


def test_a_supervisor_that_does_nothing_is_not_waited_for_for_ever() -> None:
    operator = Operator(machine(), supervisor=lambda: None)
    before = operator.machine.clock.monotonic()
    with pytest.raises(HostError, match="limpet show"):
        operator.types("enable")
    assert operator.machine.clock.monotonic() - before < 2 * PATIENCE


def test_in_a_rescue_nobody_waits_for_a_guest_shell_that_the_next_handover_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = machine()
    made.files.make_folder(SHOWN.parent)
    made.files.replace(SHOWN, b'{"version": 1, "stage": "rescue", "words": "rolled back"}')
    operator = Operator(made, supervisor=lambda: None)
    before = made.clock.monotonic()
    assert operator.types("enable") == 0
    assert "with the next handover" in capsys.readouterr().out
    assert wanted(made.files) is Wanted.ENABLED
    assert made.clock.monotonic() - before < 5.0


def test_a_command_is_run_in_its_place_with_its_own_exit_code() -> None:
    operator = Operator(machine())
    operator.types("enable")
    assert operator.types("run", "--", "sh", "-c", "exit 42", "--json") == 42
    assert operator.become[0][-4:] == ("sh", "-c", "exit 42", "--json")


def test_nothing_is_run_in_a_guest_shell_that_does_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    operator = Operator(machine())
    assert operator.types("run", "true") == 4
    assert "limpet guestshell enable" in capsys.readouterr().err
    assert operator.become == []
    with pytest.raises(ConfigurationError, match="no command to run"):
        operator.types("run")


@pytest.mark.parametrize(("words", "kept"), [((), True), (("--all",), False)])
def test_destroying_keeps_the_agents_state_unless_everything_is_to_go(
    words: tuple[str, ...], *, kept: bool
) -> None:
    operator = Operator(machine())
    operator.types("enable")
    place = Path("/var/lib/limpet/guest/state/waagent/kept")
    with by_the_kernel(operator.machine.files):
        operator.machine.files.replace(place, b"kept")
    assert operator.types("destroy", *words) == 0
    assert (operator.machine.files.info(place) is not None) is kept
    assert not operator.deeds.look().changed


@pytest.mark.parametrize("verb", ["enable", "disable", "destroy", "upgrade"])
@pytest.mark.parametrize("running", [False, True])
def test_a_dry_run_says_what_would_be_done_and_changes_nothing(
    verb: str, capsys: pytest.CaptureFixture[str], *, running: bool
) -> None:
    operator = Operator(machine())
    squashfs(operator.machine, Path("/mnt/new.squashfs"))
    if running:
        operator.types("enable")
    words = [verb, "--dry-run", "--json", *(["/mnt/new.squashfs"] if verb == "upgrade" else [])]
    nodes = dict(operator.machine.files.nodes)
    ran = len(operator.machine.commands.ran)
    capsys.readouterr()
    assert operator.types(*words) == 0
    planned = json.loads(capsys.readouterr().out)
    assert bool(planned) is not (verb == "enable" and running)
    assert operator.machine.files.nodes == nodes
    assert len(operator.machine.commands.ran) == ran


def test_without_an_image_or_a_runtime_the_error_says_what_to_do() -> None:
    operator = Operator(machine())
    del operator.machine.commands.programs["lxc-start"]
    with pytest.raises(HostError, match="apt-get install lxc"):
        operator.types("enable")
    operator = Operator(machine())
    with by_the_kernel(operator.machine.files):
        operator.machine.files.remove(IMAGE)
    with pytest.raises(HostError, match="limpet guestshell upgrade FILE"):
        operator.types("enable")


def test_one_whose_image_has_gone_is_shown_and_can_be_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    operator = Operator(machine())
    operator.types("enable")
    with by_the_kernel(operator.machine.files):
        operator.machine.files.remove(IMAGE)
    found = status(operator, capsys)
    assert found["running"]
    assert "no image" in found["image"]["problem"]
    operator.types("status")
    assert "no image" in capsys.readouterr().out
    assert operator.types("destroy", "--all") == 0
    assert not status(operator, capsys)["running"]


def test_an_image_is_put_in_place_and_started_next(capsys: pytest.CaptureFixture[str]) -> None:
    operator = Operator(machine())
    squashfs(operator.machine, Path("/mnt/new.squashfs"))
    assert operator.types("upgrade", "/mnt/new.squashfs") == 0
    found = status(operator, capsys)
    assert found["image"]["slot"] == found["image"]["tried"] == "a"
    operator.types("enable")
    assert status(operator, capsys)["running"]


def test_the_status_for_people_names_what_is_and_what_to_know(capsys: pytest.CaptureFixture[str]) -> None:
    operator = Operator(machine())
    assert operator.types("status") == 4
    said = capsys.readouterr().out
    assert "does not run" in said
    assert "no control groups for: cpu, memory, pids" in said
    operator.types("disable")
    capsys.readouterr()
    assert operator.types("status") == 0  # as it is wanted


def test_a_start_that_fails_says_which_step_and_where_to_look() -> None:
    operator = Operator(machine())
    operator.machine.commands.programs["lxc-start"] = lambda _files, _call: Said(exit_code=1, stderr="no way")
    with pytest.raises(HostError, match=r"lxc-start .*no way.*See /run/limpet/guest/guest-shell/log"):
        operator.types("enable")


def test_a_command_that_another_one_locks_out_is_refused() -> None:
    operator = Operator(machine())

    def taken() -> AbstractContextManager[None]:
        raise AlreadyRunning("held by limpet guestshell")

    operator.here = replace(operator.here, locked=taken)
    with pytest.raises(AlreadyRunning):
        operator.types("enable")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"state": "maybe"}', b'{"state": 7}'])
def test_a_note_that_cannot_be_read_leaves_the_guest_shell_enabled(content: bytes) -> None:
    made = machine()
    with by_the_kernel(made.files):
        for step in noting(Wanted.DISABLED):
            made.interpreter.do(step)
        assert wanted(made.files) is Wanted.DISABLED
        made.files.replace(Path("/var/lib/limpet/guest/wanted.json"), content)
    assert wanted(made.files) is Wanted.ENABLED


def test_resolvers_that_are_no_addresses_are_a_wrong_configuration() -> None:
    with pytest.raises(ConfigurationError, match=r"guest_shell\.dns"):
        Operator(machine()).types("status", "--set", "guest_shell.dns=one,two")


def test_the_date_of_a_build_is_a_number_or_a_wrong_usage() -> None:
    assert epoch_of(None) is None
    assert epoch_of("1700000000") == 1700000000
    with pytest.raises(ConfigurationError, match="SOURCE_DATE_EPOCH"):
        epoch_of("yesterday")


@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_an_image_that_is_not_there_is_none_to_put_in_place_or_to_plan_with(how: tuple[str, ...]) -> None:
    by = Operator(machine())
    before = by.machine.battery.spent
    with pytest.raises(HostError, match="there is no /srv/none"):
        by.types("upgrade", "/srv/none.squashfs", *how)
    assert by.machine.battery.spent == before
