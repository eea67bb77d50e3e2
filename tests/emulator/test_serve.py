"""``limpet emulator serve``: a process that begins with a world, says so, and ends in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest
from tests.emulator.processes import COMMAND, HELLO, ON_LOOPBACK, Process, emulator
from tests.emulator.small_agent import SmallAgent


def test_serving_begins_with_a_line_that_programs_can_read(fresh: Process) -> None:
    ready = fresh.ready
    assert ready["kind"] == "ready"
    assert ready["vms"] == {"vm1": "127.0.0.1"}
    assert ready["services"]["imds"] == []
    assert ready["endpoint"] == fresh.wire
    assert ready["storage"] == f"http://{fresh.wire}/storage"
    assert ready["auto"] is False
    assert fresh.tells()["kind"] == "vm"
    SmallAgent(fresh.wire).goal_state()
    told = fresh.tells()
    assert (told["kind"], told["vm"], told["data"]["endpoint"]) == ("request", "vm1", "goal-state")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(fresh: Process, tmp_path: Path, number: int) -> None:
    assert fresh.ended(number) == (0, "")
    assert not (tmp_path / "admin.sock").exists()


def test_a_signal_ends_it_even_while_somebody_watches(fresh: Process) -> None:
    with fresh.client() as api, api._http.stream("GET", "/v1/events") as stream:
        next(stream.iter_lines())
        assert fresh.ended() == (0, "")


def test_without_json_it_speaks_to_people(tmp_path: Path) -> None:
    admin = f"unix:{tmp_path}/admin.sock"
    process = subprocess.Popen([*COMMAND, *ON_LOOPBACK, "--admin", admin], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    shown = [process.stdout.readline() for _ in range(8)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert shown[0] == "The fabric is ready.\n"
    assert f"  admin        {admin}\n" in shown
    assert "  imds         none\n" in shown
    assert "  VMs          whoever asks\n" in shown


def test_a_second_one_at_the_same_addresses_is_told_so(fresh: Process, tmp_path: Path) -> None:
    for arguments, problem in (
        (
            ("--admin", fresh.admin),
            f"limpet emulator: --admin {fresh.admin}: another emulator listens there\n",
        ),
        (
            ("--wire", fresh.wire, "--admin", f"unix:{tmp_path}/b"),
            (
                f"limpet emulator: cannot listen on {fresh.wire} for wire-server: something listens there already, "
                "perhaps another emulator\n"
            ),
        ),
    ):
        done = subprocess.run(
            [*COMMAND, "serve", *ON_LOOPBACK, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (2, "", problem)


@pytest.mark.parametrize(("arguments", "status"), [((), 200), (("--strict",), 400)])
def test_a_strict_one_refuses_what_a_lenient_one_only_remarks_on(
    tmp_path: Path, arguments: tuple[str, ...], status: int
) -> None:
    with emulator(tmp_path, "--vm", "vm1=127.0.0.1", *arguments) as found, found.client() as api:
        answer = httpx.get(f"http://{found.wire}/machine?comp=goalstate", trust_env=False, timeout=120)
        assert answer.status_code == status
        remarks = api.requests("vm1")["requests"][0]["remarks"]
        assert "x-ms-version should be 2012-11-30" in remarks


def test_a_socket_that_a_killed_one_left_is_taken_over(tmp_path: Path) -> None:
    with emulator(tmp_path) as first:
        first.process.kill()
        first.process.wait(60)
    assert (tmp_path / "admin.sock").is_socket()
    with emulator(tmp_path) as second, second.client() as api:
        assert api.vms() == []


def test_a_scenario_is_the_world_before_anybody_asks(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        f"""
        packages = [{json.dumps(os.path.relpath(HELLO, tmp_path))}]
        [fabric]
        fastTrack = false
        [[vms]]
        name = "web"
        address = "127.0.0.1"
        [[vms.goalStates]]
        changes = [{{ handler = "Limpet.Sample.Hello", public = {{ greeting = "hi" }}, protected = {{ a = "b" }} }}]
        [[faults]]
        endpoint = "host-plugin-*"
        status = 500
        """,
        encoding="utf-8",
    )
    with emulator(tmp_path, "--scenario", f"{tmp_path}/s.toml") as found, found.client() as api:
        assert found.ready["packages"] == ["Limpet.Sample.Hello 1.0.0"]
        assert (found.ready["auto"], found.ready["fastTrack"]) == (False, False)
        (handler,) = SmallAgent(found.wire).extensions().handlers
        assert handler.settings[0].public == {"greeting": "hi"}
        assert [rule["endpoint"] for rule in api.faults()] == ["host-plugin-*"]


IMPOSSIBLE = {
    "a handler without package": (
        '[[vms]]\nname = "a"\naddress = "10.0.0.4"\n[[vms.goalStates]]\nchanges = [{ handler = "No.Such" }]',
        "line 5: vms[0].goalStates[0].changes: No.Such has no package here",
    ),
    "a version that is none": (
        (
            '[[vms]]\nname = "a"\naddress = "10.0.0.4"\n[[vms.goalStates]]\n[[vms.goalStates.changes]]\n'
            'handler = "A.B"\nversion = "new"'
        ),
        "line 7: vms[0].goalStates[0].changes[0].version: 'new' is not a dotted version",
    ),
    "an address that is none": (
        '[[vms]]\nname = "a"\naddress = "here"',
        "line 3: vms[0].address: 'here' is not an address",
    ),
    "FastTrack without it": (
        '[fabric]\nfastTrack = false\n[[vms]]\nname = "a"\naddress = "10.0.0.4"\n[[vms.goalStates]]\nchannel = "fast-track"',
        "line 7: vms[0].goalStates[0].channel: the host plugin does not support vmSettings",
    ),
    "a rule for nothing": (
        '[[faults]]\nendpoint = "x"\nstatus = 500',
        "line 2: faults[0].endpoint: no endpoint is called 'x'",
    ),
    "a package that is not there": ('\npackages = ["nowhere"]', "line 2: packages[0]: "),
}


@pytest.mark.parametrize(("text", "problem"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_an_impossible_world_ends_before_it_begins(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "s.toml"
    file.write_text(text, encoding="utf-8")
    arguments = [*ON_LOOPBACK, "--admin", f"unix:{tmp_path}/admin.sock", "--scenario", str(file)]
    done = subprocess.run(
        [*COMMAND, "serve", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"limpet emulator: {file}, {problem}")
    assert done.stderr.count("\n") == 1


def test_a_vm_of_the_command_line_is_refused_in_its_words(tmp_path: Path) -> None:
    arguments = [
        *ON_LOOPBACK,
        "--admin",
        f"unix:{tmp_path}/admin.sock",
        "--vm",
        "a=10.0.0.4",
        "--vm",
        "a=10.0.0.5",
    ]
    done = subprocess.run(
        [*COMMAND, "serve", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert "the command line: --vm a=10.0.0.5: there is a VM 'a' already, at 10.0.0.4" in done.stderr


def test_the_example_scenario_is_a_world(tmp_path: Path) -> None:
    scenario = Path(HELLO).parent / "scenario.toml"
    with emulator(tmp_path, "--scenario", str(scenario)) as found, found.client() as api:
        assert found.ready["vms"] == {"vm1": "127.0.0.1"}
        assert [rule["endpoint"] for rule in api.faults()] == ["goal-state", "blob-download"]
        levels = [
            extension["sequenceNumber"]
            for each in api.vm("vm1")["goalState"]["handlers"]
            for extension in each["extensions"]
        ]
        assert levels == [0, 0]
