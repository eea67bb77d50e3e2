"""Where the fabric is looked for, in which order, and what counts as having found it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet.agent.endpoint import PATIENCE, WELL_KNOWN, Endpoint, candidates, find_endpoint
from limpet.config.settings import Config
from limpet.guest.lease import SAVED_LEASE
from limpet.host.fake import FakeMachine
from limpet.model.errors import FabricUnreachable
from limpet.model.goalstate import PROTOCOL_VERSION, Versions
from limpet.wire.goalstate import render_versions
from limpet.wire.http import Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

WIRE_SERVER = Response(
    status=200,
    body=render_versions(Versions(preferred="2015-04-05", supported=("2015-04-05", PROTOCOL_VERSION))),
)
DHCLIENT = 'lease {{ interface "eth0"; option unknown-245 {option}; expire {expire}; }}\n'


def machine(
    hosts: Mapping[str, Response | str] | None = None, files: Mapping[str, str | bytes] | None = None
) -> FakeMachine:
    """hosts: by authority, an answer or the reason why there is none. A host added later answers from then on."""

    def answer(request: Request) -> Response:
        answered = hosts.get(authority(request), "nobody answers") if hosts is not None else "no network"
        if isinstance(answered, str):
            raise FabricUnreachable(answered)
        return answered

    made = FakeMachine(fabric=answer)
    for name, content in (files or {}).items():
        put(made, name, content)
    return made


def put(machine: FakeMachine, name: str, content: str | bytes) -> None:
    machine.files.make_folder(Path(name).parent)
    machine.files.replace(Path(name), content.encode() if isinstance(content, str) else content)


def authority(request: Request) -> str:
    return request.url.removeprefix("http://").partition("/")[0]


def find(machine: FakeMachine, config: Config, **patience: float) -> Endpoint:
    return find_endpoint(config, machine.http, machine.files, machine.clock, machine.log, **patience)


def order(config: Config, files: Mapping[str, str | bytes]) -> list[tuple[str, str]]:
    here = machine(files=files)
    return [(found.address, found.origin) for found in candidates(config, here.files, here.clock.now())]


EVERYTHING = {
    str(SAVED_LEASE): '{"wire_server": "10.0.0.1"}',
    "/run/systemd/netif/leases/2": "ADDRESS=10.1.0.4\nOPTION_245=0a000002\n",
    "/var/lib/dhcp/dhclient.eth0.leases": DHCLIENT.format(option="a:0:0:3", expire="never"),
    "/var/lib/dhclient/dhclient-eth0.lease": DHCLIENT.format(option="a:0:0:4", expire="never"),
    "/var/lib/NetworkManager/dhclient-x-eth0.lease": DHCLIENT.format(option="a:0:0:5", expire="never"),
}


def test_the_saved_lease_comes_first_then_lease_files_then_the_well_known_address() -> None:
    assert order(Config(), EVERYTHING) == [
        ("10.0.0.1", "/var/lib/limpet/lease.json"),
        ("10.0.0.2", "/run/systemd/netif/leases/2"),
        ("10.0.0.3", "/var/lib/dhcp/dhclient.eth0.leases"),
        ("10.0.0.4", "/var/lib/dhclient/dhclient-eth0.lease"),
        ("10.0.0.5", "/var/lib/NetworkManager/dhclient-x-eth0.lease"),
        (WELL_KNOWN, "the well-known address"),
    ]


def test_a_configured_address_is_the_only_candidate() -> None:
    config = Config(fabric_endpoint="10.9.9.9", origins={"fabric.endpoint": "/etc/limpet.toml, line 3"})
    assert order(config, EVERYTHING) == [("10.9.9.9", "configured: /etc/limpet.toml, line 3")]


def test_leases_of_dhcp_clients_can_be_left_out() -> None:
    config = Config(fabric_use_leases=False)
    assert [address for address, _ in order(config, EVERYTHING)] == ["10.0.0.1", WELL_KNOWN]


def test_an_address_found_twice_is_tried_once() -> None:
    files = {str(SAVED_LEASE): json.dumps({"wire_server": WELL_KNOWN})}
    assert order(Config(), files) == [(WELL_KNOWN, str(SAVED_LEASE))]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {str(SAVED_LEASE): ""},
        {str(SAVED_LEASE): '{"wire_server": "10.0'},
        {str(SAVED_LEASE): '{"wire_server": "fabric.example"}'},
        {str(SAVED_LEASE): '{"wire_server": 167772161}'},
        {str(SAVED_LEASE): '["10.0.0.1"]'},
        {str(SAVED_LEASE): "[" * 100_000},
        {str(SAVED_LEASE): b"\xff\xfe"},
        {str(SAVED_LEASE): "x" * 2_000_000},
        {"/var/lib/dhcp/dhclient.eth0.leases": DHCLIENT.format(option="a:0:0:3", expire="4 2015/06/16 16:58:54")},
        {"/var/lib/dhcp/dhclient.eth0.leases": "lease {"},
        {"/var/lib/dhcp/dhclient.eth0.leases": "x" * 2_000_000},
        {"/var/lib/dhcp/other.leases": DHCLIENT.format(option="a:0:0:3", expire="never")},
        {"/run/systemd/netif/leases/2": "ADDRESS=10.1.0.4\n"},
        {"/run/systemd/netif/leases/.tmp": "OPTION_245=0a000002\n"},
    ],
)  # fmt: skip
def test_leases_that_say_nothing_usable_leave_the_well_known_address(files: dict[str, str | bytes]) -> None:
    assert order(Config(), files) == [(WELL_KNOWN, "the well-known address")]


def test_a_folder_of_leases_that_cannot_be_read_is_passed_over() -> None:
    here = machine({}, EVERYTHING)
    here.files.broken = {Path("/var/lib/dhcp"): "Input/output error", SAVED_LEASE: "Input/output error"}
    found = [one.address for one in candidates(Config(), here.files, here.clock.now())]
    assert found == ["10.0.0.2", "10.0.0.4", "10.0.0.5", WELL_KNOWN]


def test_the_first_that_speaks_the_protocol_is_taken() -> None:
    here = machine({"10.0.0.2": WIRE_SERVER, WELL_KNOWN: WIRE_SERVER}, EVERYTHING)
    found = find(here, Config())
    assert (found.address, found.origin) == ("10.0.0.2", "/run/systemd/netif/leases/2")
    assert (found.wire_server, found.host_plugin) == ("10.0.0.2", "10.0.0.2:32526")
    assert here.http.requests == [
        Request(method="GET", url=f"http://{address}/?comp=versions", timeout=5.0, limit=65536)
        for address in ("10.0.0.1", "10.0.0.2")
    ]


def test_ports_can_be_configured() -> None:
    config = Config(fabric_endpoint="127.0.0.1", fabric_wire_port=8080, fabric_host_plugin_port=8081)
    found = find(machine({"127.0.0.1:8080": WIRE_SERVER}), config)
    assert (found.wire_server, found.host_plugin) == ("127.0.0.1:8080", "127.0.0.1:8081")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("connection refused", "connection refused"),
        (Response(status=404, body=b"not here"), "versions: the fabric answered 404: not here"),
        (Response(status=302, headers={"location": "http://login.example/"}), "versions: the fabric answered 302"),
        (Response(status=200, body=b"<html><body>router</body></html>"), "Versions: "),
        (Response(status=200), "Versions: "),
        (
            Response(status=200, body=render_versions(Versions(preferred="2030-01-01", supported=("2030-01-01",)))),
            f"it speaks 2030-01-01, not {PROTOCOL_VERSION}",
        ),
    ],
)  # fmt: skip
def test_a_host_that_is_no_wire_server_is_passed_over_and_said(answer: Response | str, reason: str) -> None:
    hosts: dict[str, Response | str] = {"10.0.0.1": answer, WELL_KNOWN: WIRE_SERVER}
    lease = {str(SAVED_LEASE): '{"wire_server": "10.0.0.1"}'}
    assert find(machine(hosts, lease), Config()).address == WELL_KNOWN
    hosts[WELL_KNOWN] = "no route"
    with pytest.raises(FabricUnreachable) as caught:
        find(machine(hosts, lease), Config(), patience=0)
    message = str(caught.value)
    assert message.startswith(f"no wire server was found; tried 10.0.0.1 ({SAVED_LEASE}): {reason}")
    assert message.endswith(f"{WELL_KNOWN} (the well-known address): no route")


def test_a_fabric_that_comes_up_later_is_found() -> None:
    hosts: dict[str, Response | str] = {}
    here = machine(hosts)
    here.clock.after(PATIENCE / 2, lambda: hosts.update({WELL_KNOWN: WIRE_SERVER}))
    assert find(here, Config()).address == WELL_KNOWN
    assert (
        here.log.of("endpoint.not_found")[0]["tried"]
        == f"{WELL_KNOWN} (the well-known address): nobody answers"
    )


def test_the_search_ends_when_patience_does() -> None:
    here = machine({})
    start = here.clock.monotonic()
    with pytest.raises(FabricUnreachable, match="no wire server was found"):
        find(here, Config())
    assert PATIENCE - 10 <= here.clock.monotonic() - start <= PATIENCE
    assert len(here.http.requests) < PATIENCE


def test_leases_are_read_again_at_every_try() -> None:
    here = machine({"10.0.0.1": WIRE_SERVER})
    here.clock.after(5, lambda: put(here, str(SAVED_LEASE), '{"wire_server": "10.0.0.1"}'))
    assert find(here, Config()).address == "10.0.0.1"
