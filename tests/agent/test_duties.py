"""What the running agent does for its machine, over whole stretches of its life."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.agent.duties_parts import RECORD, ROUTER, ROUTES, WIRE, Watched, lease

from limpet.agent.chores import Chore, Chores
from limpet.agent.duties.duties import DUTIES, SOON
from limpet.agent.duties.firewall import UNHEARD
from limpet.agent.duties.watch import PATIENCE, WORKER
from limpet.agent.duties.worker import carry_out
from limpet.guest.lease import SAVED_LEASE, render_lease
from limpet.host.fake_programs.firewall import BROKEN, CHAIN, TABLES
from limpet.host.ports import Completed

TABLE = TABLES / "limpet"
HOUR = 3600.0
GENERATOR = Path("/lib/udev/rules.d/75-persistent-net-generator.rules")


def test_a_machine_at_rest_is_left_alone_and_no_process_is_started() -> None:
    watched = Watched()
    watched.pass_time(120)
    settled, ran = watched.workers, len(watched.machine.commands.ran)
    watched.pass_time(10 * HOUR)
    assert settled <= 3
    assert watched.workers == settled
    assert len(watched.machine.commands.ran) == ran
    assert watched.machine.log.of("duty.failed") == []


def test_a_defect_in_one_duty_keeps_none_of_the_others_from_being_done() -> None:
    watched = Watched()
    order = {
        "firewall": {"module": "firewall", "wish": {}, "memory": {}},  # what it wants is missing
        "no-such": {"module": "no_such_module", "wish": {}, "memory": {}},
        "scsi-timeout": {"module": "scsi_timeout", "wish": {"timeout": "300"}, "memory": {}},
    }
    answers = carry_out(order, watched.hands)
    assert answers["firewall"]["problem"] == "an unexpected KeyError, an error of limpet itself"
    assert answers["no-such"]["problem"] == "an unexpected ModuleNotFoundError, an error of limpet itself"
    assert answers["scsi-timeout"]["problem"] is None


def test_nothing_at_all_is_done_in_a_guest_shell() -> None:
    watched = Watched(settings={"stage": "guest-shell"})
    watched.machine.kernel.name = "changed"
    watched.lose_routes()
    watched.write("/sys/block/sda/device/timeout", b"30\n")
    watched.write(GENERATOR, b"rules")
    before = dict(watched.machine.files.nodes)
    watched.pass_time(HOUR)
    assert watched.workers == 0
    assert watched.machine.files.nodes == before


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"firewall": False}, "firewall"),
        ({"monitor_host_name": False}, "host-name"),
        ({"scsi_timeout": None}, "scsi-timeout"),
        ({"remove_persistent_rules": False}, "persistent-names"),
    ],
)
def test_a_duty_can_be_switched_off(settings: dict[str, object], missing: str) -> None:
    watched = Watched(settings=settings)
    assert [duty.name for duty, _, _ in watched.wishes] == [
        duty.name for duty in DUTIES if duty.name != missing
    ]
    watched.pass_time(HOUR)
    assert watched.events("duty.done", missing) == []


def test_the_firewall_is_set_soon_and_again_within_a_period_after_somebody_has_removed_it() -> None:
    watched = Watched()
    watched.pass_time(10)
    assert WIRE in (watched.text(TABLE) or "")
    watched.pass_time(HOUR)
    watched.machine.files.remove(TABLE)
    watched.pass_time(35)
    assert WIRE in (watched.text(TABLE) or "")
    assert len(watched.events("duty.done", "firewall")) == 2


def test_changes_of_other_tables_start_nothing() -> None:
    watched = Watched()
    watched.pass_time(120)
    settled = watched.workers
    for number in range(20):
        watched.write(TABLES / "docker", b"%d" % number)
        watched.pass_time(60)
    assert watched.workers == settled


def test_rules_of_iptables_whose_loss_the_kernel_does_not_tell_are_looked_at_now_and_then() -> None:
    watched = Watched()
    watched.machine.lookout.deaf = True
    watched.write(BROKEN / "nft", b"netlink: Error: cache initialization failed: Protocol not supported\n")
    watched.pass_time(120)
    assert (watched.text(CHAIN) or "").count(WIRE) == 3
    watched.machine.files.remove(CHAIN)
    watched.pass_time(UNHEARD + 60)
    assert (watched.text(CHAIN) or "").count(WIRE) == 3
    before = watched.workers
    watched.pass_time(10 * UNHEARD)
    assert watched.workers - before <= 11


def test_iptables_takes_over_when_nft_lists_but_cannot_set() -> None:
    watched = Watched()
    programs = watched.machine.commands.programs
    real = programs["nft"]
    programs["nft"] = lambda files, call: type(real(files, call))(
        exit_code=1, stderr="Error: No such file or directory"
    )
    watched.pass_time(60)
    assert (watched.text(CHAIN) or "").count(WIRE) == 3
    assert watched.events("duty.failed", "firewall") == []


def test_a_duty_that_fails_is_said_three_times_and_then_twice_a_day_and_tried_ever_less_often() -> None:
    watched = Watched()
    watched.write(BROKEN / "nft", b"no nft\n")
    watched.write(BROKEN / "iptables", b"no iptables\n")
    watched.pass_time(24 * HOUR)
    told = watched.events("duty.failed", "firewall")
    assert 3 + 1 <= len(told) <= 3 + 2
    assert "no nft" in told[0]
    assert "no iptables" in told[0]
    assert watched.workers <= 24 * 6 + 10
    watched.machine.files.remove(BROKEN)
    watched.pass_time(0.2 * HOUR)
    assert WIRE in (watched.text(TABLE) or "")


def test_a_duty_that_fails_keeps_the_others_from_nothing() -> None:
    watched = Watched()
    watched.write(BROKEN / "nft", b"no nft\n")
    watched.write(BROKEN / "iptables", b"no iptables\n")
    watched.write("/sys/block/sdb/device/timeout", b"30\n")
    watched.pass_time(60)
    assert watched.text("/sys/block/sdb/device/timeout") == "300"


def test_a_new_disk_gets_the_timeout_and_others_are_not_written_to() -> None:
    watched = Watched(settings={"scsi_timeout": 120})
    watched.write("/sys/block/sda/device/timeout", b"120\n")
    watched.write("/sys/block/vda/device/timeout", b"30\n")
    watched.pass_time(HOUR)
    watched.write("/sys/block/sdq/device/timeout", b"30\n")
    watched.pass_time(35)
    assert watched.text("/sys/block/sdq/device/timeout") == "120"
    assert [str(path) for path, _ in watched.machine.files.pokes] == ["/sys/block/sdq/device/timeout"]


def test_a_disk_that_goes_back_to_its_own_timeout_is_set_again() -> None:
    watched = Watched()
    for _ in range(2):
        watched.write("/sys/block/sda/device/timeout", b"30\n")
        watched.pass_time(65)
        assert watched.text("/sys/block/sda/device/timeout") == "300"


def test_persistent_names_go_whenever_they_come_back() -> None:
    watched = Watched()
    for content in (b"one", b"two"):
        watched.write(GENERATOR, content)
        watched.pass_time(35)
        assert watched.text(GENERATOR) is None
        assert watched.text(f"/var/lib/waagent/{GENERATOR.name}") == content.decode()


def test_a_changed_host_name_is_published_by_dhcp_and_recorded_and_nothing_is_bounced() -> None:
    watched = Watched()
    watched.write("/etc/dhcp/dhclient.conf", b'send host-name "vm1";\n')
    watched.pass_time(HOUR)
    watched.machine.kernel.name = "vm2"
    watched.pass_time(35)
    assert watched.dhcp.names == ["vm2"]
    assert watched.text(RECORD) == "vm2"
    assert watched.text("/etc/dhcp/dhclient.conf") == 'send host-name "vm2";\n'
    assert watched.machine.links.brought == []
    assert watched.machine.links.open == 0
    watched.pass_time(HOUR)
    assert watched.dhcp.names == ["vm2"]


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "localhost.localdomain",
        "LOCALHOST4",
        "localhost6.localdomain6",
        "(none)",
        "",
        "a b",
        "-x",
    ],
)
def test_a_name_that_is_no_machines_is_never_published(name: str) -> None:
    watched = Watched()
    watched.pass_time(60)
    watched.machine.kernel.name = name
    watched.pass_time(HOUR)
    assert watched.dhcp.names == []
    assert watched.text(RECORD) == "vm1"
    assert watched.machine.log.of("duty.failed") == []
    assert len(watched.events("duty.done", "host-name")) == 1


def test_a_name_that_nobody_has_recorded_counts_as_published_unless_cloud_init_gave_another() -> None:
    watched = Watched()
    watched.machine.files.remove(RECORD)
    watched.pass_time(60)
    assert (watched.text(RECORD), watched.dhcp.names) == ("vm1", [])
    other = Watched()
    other.machine.files.remove(RECORD)
    other.write("/var/lib/cloud/data/set-hostname", b'{"hostname": "given", "fqdn": "given.x"}')
    other.pass_time(60)
    assert (other.text(RECORD), other.dhcp.names) == ("vm1", ["vm1"])


def test_a_name_that_could_not_be_published_is_not_recorded_and_tried_again() -> None:
    watched = Watched()
    watched.dhcp.quiet = True
    watched.machine.kernel.name = "vm2"
    watched.pass_time(120)
    assert watched.text(RECORD) == "vm1"
    assert watched.events("duty.failed", "host-name")
    watched.dhcp.quiet = False
    watched.pass_time(700)
    assert (watched.text(RECORD), watched.dhcp.names) == ("vm2", ["vm2"])


def test_routes_that_a_restarted_client_lost_come_back_from_the_saved_lease() -> None:
    watched = Watched()
    watched.client(500)
    watched.pass_time(120)
    watched.ends(500)
    watched.lose_routes()
    watched.client(600)
    watched.pass_time(35)
    assert watched.machine.lookout.source_for(WIRE) is not None
    assert watched.machine.lookout.source_for("192.0.2.1") is not None
    assert len(watched.events("duty.done", "dhcp")) == 1
    routes = watched.text(ROUTES)
    watched.pass_time(HOUR)
    assert watched.text(ROUTES) == routes


def test_routes_that_a_running_client_has_removed_are_its_own_business() -> None:
    watched = Watched()
    watched.client(500)
    watched.pass_time(120)
    watched.lose_routes()
    routes = watched.text(ROUTES)
    watched.pass_time(HOUR)
    assert watched.text(ROUTES) == routes
    assert len(watched.events("duty.done", "dhcp")) == 1


def test_a_client_that_was_restarted_and_kept_the_routes_changes_nothing() -> None:
    watched = Watched()
    watched.client(500)
    watched.pass_time(120)
    routes = watched.text(ROUTES)
    watched.ends(500)
    watched.client(600)
    watched.pass_time(HOUR)
    assert watched.text(ROUTES) == routes
    watched.ends(600)
    watched.lose_routes()
    watched.pass_time(35)
    assert watched.machine.lookout.source_for(WIRE) is not None


def test_the_gateway_of_the_clients_own_lease_wins_over_a_frozen_one() -> None:
    watched = Watched()
    watched.client(500)
    watched.pass_time(120)
    watched.ends(500)
    watched.lose_routes()
    watched.client(600)
    watched.write(
        "/var/lib/dhcp/dhclient.eth0.leases",
        b'lease {\n  interface "eth0";\n  fixed-address 10.0.0.4;\n  option routers 10.0.0.254;\n  expire never;\n}\n',
    )
    watched.pass_time(35)
    gateways = {line.split("\t")[2] for line in (watched.text(ROUTES) or "").splitlines()[1:]}
    assert gateways == {"00000000", "FE00000A"}


@pytest.mark.parametrize("change", ["no lease", "broken lease", "another address"])
def test_without_a_lease_that_fits_no_route_is_invented(change: str) -> None:
    watched = Watched()
    match change:
        case "no lease":
            watched.machine.files.remove(SAVED_LEASE)
        case "broken lease":
            watched.write(SAVED_LEASE, render_lease(lease())[:-30])
        case _:
            watched.write(SAVED_LEASE, render_lease(lease(address=ROUTER)))
    watched.pass_time(60)
    watched.lose_routes()
    routes = watched.text(ROUTES)
    watched.pass_time(HOUR)
    assert watched.text(ROUTES) == routes
    assert len(watched.events("duty.done", "dhcp")) == 1
    assert watched.events("duty.failed", "dhcp") == []


def test_other_chores_go_on_while_a_worker_works() -> None:
    watched = Watched()
    watched.machine.workers.takes = 20.0
    ticks: list[float] = []
    clock = watched.machine.clock
    watched.chores = Chores(
        [
            Chore(do=watched.watch.do, period=watched.watch.period, first=SOON),
            Chore(do=lambda: ticks.append(clock.monotonic()), period=1.0, first=1.0),
        ],
        clock,
        watched.machine.log,
    )
    watched.wait = 1.0
    watched.pass_time(60)
    assert len(ticks) >= 58
    assert WIRE in (watched.text(TABLE) or "")


def test_a_worker_that_does_not_end_is_killed_and_its_duties_are_tried_again() -> None:
    watched = Watched()
    watched.machine.workers.takes = 10 * PATIENCE
    watched.pass_time(PATIENCE + 30)
    assert "no end" in watched.events("duty.failed", "firewall")[0]
    watched.machine.workers.takes = 0.0
    watched.machine.files.remove(TABLE)
    watched.pass_time(PATIENCE + 300)
    assert watched.events("duty.done", "firewall")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"[]",
        b'{"firewall": {}}',
        b'{"firewall": {"did": 5, "problem": null, "memory": {}}}',
        Completed(exit_code=-9, stdout=b"", stderr=b"Traceback\nMemoryError: no", seconds=1),
    ],
)
def test_a_worker_that_says_nothing_of_use_has_failed(said: bytes | Completed) -> None:
    watched = Watched()
    real = watched.machine.workers.programs[WORKER]
    watched.machine.workers.programs[WORKER] = lambda _: said
    watched.pass_time(30)
    assert len(watched.events("duty.failed", "firewall")) == 1
    watched.machine.workers.programs[WORKER] = real
    watched.pass_time(300)
    assert watched.events("duty.done", "firewall")


def test_an_agent_that_cannot_start_a_worker_goes_on() -> None:
    watched = Watched()
    del watched.machine.workers.programs[WORKER]
    watched.pass_time(HOUR)
    assert 3 <= len(watched.events("duty.failed", "firewall")) <= 4
