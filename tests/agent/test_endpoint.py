"""Where the fabric is looked for, in which order, and what counts as having found it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from limpet.agent.endpoint import PATIENCE, SAVED_LEASE, WELL_KNOWN, candidates, find_endpoint
from limpet.agent.settings import Config
from limpet.model.errors import FabricUnreachable, HostError
from limpet.model.goalstate import PROTOCOL_VERSION, Versions
from limpet.wire.goalstate import render_versions
from limpet.wire.http import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.host.ports import Files, Log

NOW = 1_700_000_000.0
WIRE_SERVER = Response(
    status=200,
    body=render_versions(Versions(preferred="2015-04-05", supported=("2015-04-05", PROTOCOL_VERSION))),
)
DHCLIENT = 'lease {{ interface "eth0"; option unknown-245 {option}; expire {expire}; }}\n'


class Network:
    """Hosts by authority: an answer, or the reason why there is none."""

    def __init__(self, hosts: Mapping[str, Response | str]) -> None:
        self.hosts = dict(hosts)
        self.asked: list[str] = []

    def exchange(self, request: Request) -> Response:
        authority = request.url.removeprefix("http://").partition("/")[0]
        assert request == Request(
            method="GET", url=f"http://{authority}/?comp=versions", timeout=5.0, limit=65536
        )
        self.asked.append(authority)
        answer = self.hosts.get(authority, "nobody answers")
        if isinstance(answer, str):
            raise FabricUnreachable(answer)
        return answer


class Time:
    """A clock on which only sleeping passes time; on_sleep is told the moment."""

    def __init__(self, on_sleep: Callable[[float], None] | None = None) -> None:
        self.passed = 0.0
        self.on_sleep = on_sleep

    def monotonic(self) -> float:
        return 1000 + self.passed

    def now(self) -> float:
        return NOW + self.passed

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.passed += seconds
        if self.on_sleep is not None:
            self.on_sleep(self.passed)


class Disk:
    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.files = {
            Path(name): text.encode() if isinstance(text, str) else text for name, text in files.items()
        }

    def read(self, path: Path, *, at_most: int) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(str(path))
        if len(self.files[path]) > at_most:
            raise HostError(f"{path} is too large")
        return self.files[path]

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in self.files if path.parent == folder)


class Quiet:
    def __init__(self) -> None:
        self.events: list[str] = []

    def info(self, event: str, **fields: object) -> None:
        self.events.append(event)

    warning = error = info


def disk(files: Mapping[str, str | bytes] | None = None) -> Files:
    return cast("Files", Disk(files or {}))


def log() -> Log:
    return cast("Log", Quiet())


def order(config: Config, files: Mapping[str, str | bytes]) -> list[tuple[str, str]]:
    return [(found.address, found.origin) for found in candidates(config, disk(files), NOW)]


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


def test_the_first_that_speaks_the_protocol_is_taken() -> None:
    network = Network({"10.0.0.2": WIRE_SERVER, WELL_KNOWN: WIRE_SERVER})
    found = find_endpoint(Config(), network, disk(EVERYTHING), Time(), log())
    assert (found.address, found.origin) == ("10.0.0.2", "/run/systemd/netif/leases/2")
    assert (found.wire_server, found.host_plugin) == ("10.0.0.2", "10.0.0.2:32526")
    assert network.asked == ["10.0.0.1", "10.0.0.2"]


def test_ports_can_be_configured() -> None:
    config = Config(fabric_endpoint="127.0.0.1", fabric_wire_port=8080, fabric_host_plugin_port=8081)
    found = find_endpoint(config, Network({"127.0.0.1:8080": WIRE_SERVER}), disk(), Time(), log())
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
    network = Network({"10.0.0.1": answer, WELL_KNOWN: WIRE_SERVER})
    lease = {str(SAVED_LEASE): '{"wire_server": "10.0.0.1"}'}
    assert find_endpoint(Config(), network, disk(lease), Time(), log()).address == WELL_KNOWN
    network.hosts[WELL_KNOWN] = "no route"
    with pytest.raises(FabricUnreachable) as caught:
        find_endpoint(Config(), network, disk(lease), Time(), log(), patience=0)
    message = str(caught.value)
    assert message.startswith(f"no wire server was found; tried 10.0.0.1 ({SAVED_LEASE}): {reason}")
    assert message.endswith(f"{WELL_KNOWN} (the well-known address): no route")


def test_a_fabric_that_comes_up_later_is_found() -> None:
    network = Network({})
    clock = Time(
        lambda passed: network.hosts.update({WELL_KNOWN: WIRE_SERVER}) if passed >= PATIENCE / 2 else None
    )
    assert find_endpoint(Config(), network, disk(), clock, log()).address == WELL_KNOWN


def test_the_search_ends_when_patience_does() -> None:
    network, clock = Network({}), Time()
    with pytest.raises(FabricUnreachable, match="no wire server was found"):
        find_endpoint(Config(), network, disk(), clock, log())
    assert PATIENCE - 10 <= clock.passed <= PATIENCE
    assert len(network.asked) < PATIENCE


def test_leases_are_read_again_at_every_try() -> None:
    files = Disk({})
    network = Network({"10.0.0.1": WIRE_SERVER})
    clock = Time(lambda _: files.files.update({SAVED_LEASE: b'{"wire_server": "10.0.0.1"}'}))
    found = find_endpoint(Config(), network, cast("Files", files), clock, log())
    assert found.address == "10.0.0.1"
