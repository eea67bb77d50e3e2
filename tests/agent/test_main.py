"""What the agent does of its configuration before it becomes resident."""

from __future__ import annotations

import os
from pathlib import Path

from limpet.agent.main import environment, write_pid
from limpet.config.settings import Config
from limpet.host.fake import FakeMachine

PID_FILE = Path("/run/waagent.pid")


def test_the_process_id_is_written_where_the_configuration_asks_for_it() -> None:
    machine = FakeMachine()
    machine.files.make_folder(PID_FILE.parent)
    write_pid(Config(pid_file=PID_FILE), machine.files, machine.log)
    assert machine.files.read(PID_FILE, at_most=100) == str(os.getpid()).encode()


def test_without_being_asked_no_process_id_is_written() -> None:
    machine = FakeMachine()
    spent = machine.battery.spent
    write_pid(Config(), machine.files, machine.log)
    assert machine.battery.spent == spent


def test_a_process_id_that_cannot_be_written_stops_nobody() -> None:
    machine = FakeMachine()
    write_pid(Config(pid_file=Path("/nowhere/pid")), machine.files, machine.log)
    assert len(machine.log.of("pid_file.unwritable")) == 1


def test_fips_reaches_everything_that_the_agent_starts() -> None:
    given = {"PATH": "/bin"}
    assert environment(given, fips=True)["OPENSSL_FIPS"] == "1"
    assert "OPENSSL_FIPS" not in environment(given, fips=False)
    assert environment(given, fips=False)["PATH"] == "/bin"
