"""The driver ``hooks`` with real scripts: what they read, how they are ended, what becomes of what they leave running."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.appliance.networkos.vendor import LEASE, PRIMARY, SECOND, SITE, seen
from tests.processes import ended

from limpet.appliance.networkos.contract import Health
from limpet.appliance.networkos.hooks.driver import HooksNetworkOs, programs_in
from limpet.appliance.networkos.hooks.verbs import TIMEOUTS, Verb
from limpet.guest.steps import Run
from limpet.host.apply import Interpreter
from limpet.host.clock import Deadline
from limpet.host.commands import RealCommands
from limpet.host.facts.vendor_programs import VendorPrograms
from limpet.host.fake import FakeClock, FakeMachine
from limpet.host.files import RealFiles
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

CLAIMED = """echo '{"version": 1, "owner": "network OS"}'"""


@dataclass
class Scripts:
    """A vendor's folder of real scripts, as if it were root's."""

    folder: Path

    def write(self, verb: Verb, script: str) -> None:
        place = self.folder / verb.value
        place.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        place.chmod(0o755)

    def driver(self, **limits: float) -> HooksNetworkOs:
        found = frozenset(path.name for path in self.folder.iterdir())
        timeouts = {**TIMEOUTS, **{Verb(name): seconds for name, seconds in limits.items()}}
        return HooksNetworkOs(programs=VendorPrograms(folder=self.folder, found=found), timeouts=timeouts)

    def claim(self, **limits: float) -> None:
        (step,) = self.driver(**limits).claim(SECOND, SITE, seen(SECOND, PRIMARY)).forward
        self.do(step)

    def do(self, step: object) -> None:
        assert isinstance(step, Run)
        machine = FakeMachine()
        interpreter = Interpreter(
            files=machine.files,
            commands=RealCommands(),
            devices=machine.devices,
            kernel=machine.kernel,
            clock=FakeClock(),
        )
        interpreter.do(step)


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


def test_a_script_finds_what_it_needs_on_its_input_one_member_a_line(
    scripts: Scripts, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    scripts.write(Verb.CLAIM, f"""sed -n 's/^  "mac": "\\(.*\\)",/\\1/p' > {note}; {CLAIMED}""")
    scripts.claim()
    assert note.read_text().strip() == SECOND.mac


def test_a_script_has_its_verb_as_its_only_argument_and_a_fixed_environment(
    scripts: Scripts, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    scripts.write(Verb.CLAIM, f'echo "$* $# $PWD $LC_ALL ${{USER:-nobody}}" > {note}; {CLAIMED}')
    scripts.claim()
    assert note.read_text() == "claim 1 / C.UTF-8 nobody\n"


def test_a_script_that_hangs_is_ended_with_all_that_it_started(scripts: Scripts, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    scripts.write(Verb.CLAIM, f"sleep 300 & echo $! > {note}.new; mv {note}.new {note}; wait")
    for limit in (0.5, 5.0, 50.0):  # on a busy machine the first may be over before the script has begun
        with pytest.raises(HostError, match=rf"it did not end in {limit:g} s"):
            scripts.claim(claim=limit)
        if note.exists():
            break
    assert _ends(int(note.read_text()))


def _ends(pid: int) -> bool:
    deadline = Deadline(60.0)
    while not deadline.over:
        if ended(pid):
            return True
    os.kill(pid, 9)
    return False


def test_a_script_that_never_reads_what_it_is_told_is_fine(scripts: Scripts) -> None:
    scripts.write(Verb.CLAIM, f"exec <&-; {CLAIMED}")
    scripts.claim()


def test_a_script_that_never_stops_talking_is_ended(scripts: Scripts) -> None:
    scripts.write(Verb.CLAIM, "exec yes")
    with pytest.raises(HostError, match=r"it did not end in 0\.5 s"):
        scripts.claim(claim=0.5)


def test_a_script_that_says_too_much_has_failed(scripts: Scripts) -> None:
    scripts.write(Verb.CLAIM, "head -c 3000000 /dev/zero")
    with pytest.raises(HostError, match="more than the 65536 that are accepted"):
        scripts.claim()


def test_what_a_script_starts_for_good_may_stay(scripts: Scripts, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    scripts.write(Verb.CLAIM, f"setsid sleep 300 >/dev/null 2>&1 </dev/null & echo $! > {note}; {CLAIMED}")
    scripts.claim()
    os.kill(int(note.read_text()), 9)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo 'no such NIC' >&2; exit 1", "^no such NIC$"),
        ("exit 2", "^it does not understand what it is told$"),
        ("kill -9 $$", "^it ended with -9$"),
        ("echo hello", "member|not JSON"),
    ],
)
def test_a_script_that_fails_says_why(scripts: Scripts, script: str, problem: str) -> None:
    scripts.write(Verb.CLAIM, script)
    with pytest.raises(HostError, match=problem):
        scripts.claim()


def test_a_script_without_its_interpreter_cannot_be_started(scripts: Scripts) -> None:
    scripts.write(Verb.CLAIM, "")
    (scripts.folder / "claim").write_text("#!/nowhere/sh\n", encoding="utf-8")
    with pytest.raises(HostError, match="interpreter of its first line"):
        scripts.claim()


def test_a_health_that_hangs_wounds_and_keeps_nobody_waiting(scripts: Scripts, tmp_path: Path) -> None:
    for verb in ("claim", "release", "start", "stop"):
        scripts.write(Verb(verb), "exit 0")
    scripts.write(Verb.HEALTH, "sleep 300")
    driver = scripts.driver(health=0.5)
    pulse = driver.asked(SITE, RealFiles(), RealCommands())
    assert pulse.health is Health.WOUNDED
    looked = programs_in(tmp_path, RealFiles())
    expected = "did not end in 0.5 s" if looked.problem is None else looked.problem
    assert expected in (pulse.problem or "")


def test_a_lease_reaches_a_script(scripts: Scripts, tmp_path: Path) -> None:
    note = tmp_path / "note"
    scripts.write(Verb.DRESS, f"grep '\"address\"' > {note}")
    (step,) = scripts.driver().dress(PRIMARY, LEASE, SITE, seen())
    scripts.do(step)
    assert note.read_text() == '  "address": "10.0.4.5/24",\n'
