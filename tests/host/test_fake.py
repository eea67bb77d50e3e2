"""The machine in memory as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.host.zips import zipped

from limpet.host.fake import FakeMachine
from limpet.model.errors import FabricUnreachable
from limpet.wire.http import Request, Response

if TYPE_CHECKING:
    from limpet.host.fake_work import Invocation
    from limpet.host.ports import Clock, Fetcher, Files, Http, Log, Processes, Random, Vault

LIBRARY = Path("/var/lib/waagent")


def test_every_port_is_there() -> None:
    machine = FakeMachine()
    ports: tuple[Clock, Random, Http, Files, Processes, Vault, Fetcher, Log] = (
        machine.clock,
        machine.chance,
        machine.http,
        machine.files,
        machine.processes,
        machine.vault,
        machine.fetcher,
        machine.log,
    )
    assert all(ports)


def test_a_handler_can_be_fetched_unpacked_run_and_write_its_status_later() -> None:
    machine = FakeMachine(storage={"http://s/p.zip": zipped()})
    folder = LIBRARY / "A.B-1.0"
    status = folder / "status" / "0.status"

    def enable(run: Invocation) -> None:
        machine.files.make_folder(run.folder / "status")
        machine.clock.sleep(3)
        machine.clock.after(60, lambda: machine.files.replace(status, b"[]"))

    machine.processes.scripts["bin/enable.sh"] = enable
    machine.fetcher.fetch("http://s/p.zip", LIBRARY / "p.zip", headers={}, limit=1 << 20, timeout=1)
    machine.fetcher.unpack(LIBRARY / "p.zip", folder)
    done = machine.processes.run_handler_command(
        f"{folder}/bin/enable.sh", folder=folder, environment={"A": "b"}, timeout=300
    )
    machine.log.info("handler.enabled", seconds=done.seconds)
    assert machine.files.info(status) is None
    machine.clock.sleep(60)
    assert machine.files.read(status, at_most=2) == b"[]"
    assert [run.environment for run in machine.processes.ran] == [{"A": "b"}]
    assert machine.log.of("handler.enabled") == [{"seconds": 3.0}]


def test_a_script_may_end_the_command_that_runs() -> None:
    machine = FakeMachine()
    machine.processes.scripts["x"] = lambda _: machine.processes.stop_current()
    done = machine.processes.run_handler_command("/x", folder=LIBRARY, environment={}, timeout=1)
    assert done.exit_code == -9


def test_where_nothing_was_said_there_is_no_fabric() -> None:
    machine = FakeMachine()
    with pytest.raises(FabricUnreachable, match="refused"):
        machine.http.exchange(Request(method="GET", url="http://168.63.129.16/?comp=versions"))
    with pytest.raises(FabricUnreachable, match="refused"):
        machine.fetcher.exchange(Request(method="GET", url="http://s/"))


def test_a_fabric_is_a_function_and_its_requests_are_kept() -> None:
    machine = FakeMachine(fabric=lambda request: Response(status=200, headers={"ETag": request.url}))
    response = machine.http.exchange(Request(method="GET", url="http://f/a"))
    assert response.headers == {"etag": "http://f/a"}
    assert [request.url for request in machine.http.requests] == ["http://f/a"]
