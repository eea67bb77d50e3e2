"""FRRouting as network OS: daemons that die one by one, and custom data as its configuration."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from tests.appliance.networkos.rigs import FrrRig, frr, site_for

from limpet.appliance.networkos.contract import Health, Pulse
from limpet.appliance.networkos.frr.day_zero import lines_of
from limpet.appliance.networkos.frr.driver import NAMESPACE, PROGRAMS, FrrNetworkOs, daemons_wanted
from limpet.guest.translation import NOTE, DayZero
from limpet.host.fake_network import MAIN
from limpet.model.errors import HostError
from limpet.model.provisioning import OvfEnvironment
from limpet.model.secret import Secret

CONFIGURATION = Path("/etc/frr/limpet-nos/frr.conf")
VM = "6C8E1F0A-0000-4000-8000-000000000001"


@pytest.fixture
def rig() -> FrrRig:
    made = frr(site_for(2))
    made.driver = FrrNetworkOs(daemons=partial(daemons_wanted, made.machine.files, NAMESPACE))
    made.machine.files.make_folder(Path("/var/log"))
    return made


def installed(rig: FrrRig, *names: str) -> None:
    for name in names:
        rig.machine.files.make_folder(PROGRAMS)
        rig.machine.files.replace(PROGRAMS / name, b"")


def pulse(rig: FrrRig, *, deep: bool = False) -> Pulse:
    return rig.driver.health(rig.site, rig.machine.files, rig.machine.commands, deep=deep)


def running(rig: FrrRig) -> dict[str, int]:
    return {daemon: pid for (_, daemon), pid in rig.frr.running.items()}


def day_zero(text: str | None, *, made_for: str | None = None) -> DayZero:
    custom_data = None if text is None else Secret(text)
    return DayZero(
        vm_id=VM, environment=OvfEnvironment(host_name="router", custom_data=custom_data), made_for=made_for
    )


@pytest.mark.parametrize("dead", [("zebra",), ("staticd",), ("zebra", "staticd")])
def test_daemons_that_end_are_noticed_without_a_process_and_only_they_are_started(
    rig: FrrRig, dead: tuple[str, ...]
) -> None:
    rig.hand_over()
    before = running(rig)
    for each in dead:
        rig.frr.kill(NAMESPACE, each)
    ran = len(rig.machine.commands.ran)
    found = pulse(rig)
    assert len(rig.machine.commands.ran) == ran
    assert (found.health, found.cause) == (Health.WOUNDED, " ".join(dead))
    routes = list(rig.network.namespaces[NAMESPACE].routes)
    rig.apply(rig.driver.revive(rig.site, rig.seen(), found))
    assert pulse(rig, deep=True).health is Health.HEALTHY
    after = running(rig)
    assert after.keys() == before.keys()
    assert all((after[each] == before[each]) != (each in dead) for each in after)
    assert rig.network.namespaces[NAMESPACE].routes == routes


def test_zebra_keeps_the_routes_that_it_finds(rig: FrrRig) -> None:
    rig.start()
    started = [call.argv for call in rig.machine.commands.ran if "/usr/lib/frr/zebra" in call.argv]
    assert started
    assert all(argv[-2:] == ("-K", "60") for argv in started)


def test_what_an_operator_writes_goes_into_the_one_file_that_a_start_reads(rig: FrrRig) -> None:
    rig.start()
    settings = rig.machine.files.read(Path("/etc/frr", NAMESPACE, "vtysh.conf"), at_most=1024)
    assert settings == b"service integrated-vtysh-config\n"


def test_a_process_number_that_is_somebody_elses_by_now_is_no_daemon(rig: FrrRig) -> None:
    rig.hand_over()
    pid = running(rig)["zebra"]
    rig.frr.kill(NAMESPACE, "zebra")
    rig.machine.files.make_folder(Path("/proc", str(pid)))
    rig.machine.files.replace(Path("/proc", str(pid), "cmdline"), b"/usr/lib/frr/zebra\0-N\0other\0")
    assert pulse(rig).cause == "zebra"


def test_a_daemon_that_hangs_is_found_by_asking_and_made_anew(rig: FrrRig) -> None:
    rig.hand_over()
    rig.frr.hung.add("staticd")
    assert pulse(rig).health is Health.HEALTHY
    found = pulse(rig, deep=True)
    assert (found.health, found.cause) == (Health.WOUNDED, "!staticd")
    before = running(rig)
    rig.apply(rig.driver.revive(rig.site, rig.seen(), found))
    assert pulse(rig, deep=True).health is Health.HEALTHY
    assert running(rig)["zebra"] == before["zebra"]


def test_a_fault_of_the_data_plane_beside_a_dead_daemon_is_put_right_too(rig: FrrRig) -> None:
    rig.hand_over()
    rig.frr.kill(NAMESPACE, "zebra")
    rig.network.namespaces[NAMESPACE].settings["net.ipv4.ip_forward"] = "0"
    found = pulse(rig, deep=True)
    assert found.cause == "zebra forwarding"
    rig.apply(rig.driver.revive(rig.site, rig.seen(), found))
    assert pulse(rig, deep=True).health is Health.HEALTHY


@pytest.mark.parametrize("way", ["revive", "release"])
def test_daemons_that_keep_a_nameless_namespace_are_ended_so_that_its_nics_return(
    rig: FrrRig, way: str
) -> None:
    rig.hand_over()
    rig.network.delete_namespace(NAMESPACE)
    assert pulse(rig).health is Health.GONE
    assert not rig.linux(), "the NICs are in a namespace that nobody can name"
    if way == "revive":
        rig.apply(rig.driver.revive(rig.site, rig.seen(), pulse(rig)))
    else:
        rig.release(rig.site.primary)
    assert {name for name, _, _ in rig.linux()} == {"eth0", "eth1"}
    rig.take_back()
    assert all(up for _, _, up in rig.linux())
    rig.hand_over()
    assert all(rig.holds(nic) for nic in rig.site.nics)


def test_a_leases_default_route_is_worse_than_any_that_an_operator_configures(rig: FrrRig) -> None:
    rig.hand_over()
    default = [
        each.metric
        for each in rig.network.namespaces[NAMESPACE].routes
        if each.destination.prefixlen == 0 and each.table == MAIN
    ]
    assert [metric >> 24 for metric in default] == [254]


def test_custom_data_becomes_frrs_configuration_once(rig: FrrRig) -> None:
    installed(rig, "bgpd")
    rig.apply(rig.driver.day_zero(day_zero("ip route 10.9.0.0/16 10.0.0.1\nrouter bgp 65000\n")))
    files = rig.machine.files
    assert files.read(CONFIGURATION, at_most=1000) == b"ip route 10.9.0.0/16 10.0.0.1\nrouter bgp 65000\n"
    assert files.read(NOTE, at_most=100).decode().strip() == VM
    assert rig.driver.day_zero(day_zero("anything", made_for=VM.lower())) == ()
    rig.start()
    assert set(running(rig)) == {"zebra", "staticd", "bgpd"}
    assert "router bgp 65000" in rig.frr.configured[NAMESPACE]


def test_custom_data_that_frr_does_not_understand_changes_nothing_and_is_tried_again(rig: FrrRig) -> None:
    tasks = rig.driver.day_zero(day_zero("hostname secret-word\nnonsense\n"))
    assert "secret-word" not in " ".join(step.describe() for task in tasks for step in task.steps)
    outcome = rig.machine.interpreter.apply(tasks)[0]
    assert outcome.failed
    assert "nonsense" not in outcome.describe(), "what FRR says goes to a file for root alone"
    assert rig.machine.files.info(CONFIGURATION) is None
    assert rig.machine.files.info(NOTE) is None
    rig.start()
    assert set(running(rig)) == {"zebra", "staticd"}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", None),
        (b"   \r\n", None),
        (b"#!/bin/sh\nhostname x\n", None),
        (b"#cloud-config\nhostname: x\n", None),
        (b"Content-Type: multipart/mixed\n", None),
        (b"MIME-Version: 1.0\n", None),
        (b'{"a": 1}', None),
        (b"hostname x\0", None),
        (b"hostname x\r\nip route 1.0.0.0/8 Null0", b"hostname x\nip route 1.0.0.0/8 Null0\n"),
        (b"! a comment\nhostname x", b"! a comment\nhostname x\n"),
        (b"Section: FRR configuration\nhostname x\n\nsection: Scripts\nhttp://a/b\n", b"hostname x\n"),
        (
            b"section: scripts\nhttp://a/b\nSECTION: frr\nhostname x\nhostname y\n",
            b"hostname x\nhostname y\n",
        ),
        (b"Section: IOS configuration\nhostname x\n", None),
    ],
)
def test_what_of_custom_data_is_configuration(text: bytes, lines: bytes | None) -> None:
    assert lines_of(text) == lines


def test_daemons_are_those_that_the_configuration_or_an_operator_asks_for(rig: FrrRig) -> None:
    files = rig.machine.files
    installed(rig, "bgpd", "pimd", "ripd", "ospfd", "ospf6d", "bfdd", "evil", "ripngd")
    files.make_folder(CONFIGURATION.parent)
    files.replace(
        CONFIGURATION,
        b"router ospf6\n interface eth0\nexit\nbfdx\n!router rip\nrouter ripng\r\ninterface eth1\n ip pim\n",
    )
    files.replace(
        CONFIGURATION.with_name("daemons"), b"# bgpd=yes\npimd=yes\nripd=no\nevil=yes\nvtysh_enable=yes\n"
    )
    assert daemons_wanted(files, NAMESPACE) == ("zebra", "staticd", "ospf6d", "ripngd", "pimd")


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        (b"bgpd=yes", True),
        (b"bgpd = yes\r", True),
        (b'bgpd="yes"', True),
        (b"bgpd=YES # for the spokes", True),
        (b"bgpd=no # not yes", False),
        (b"bgpd=", False),
        (b"bgpd_options=yes", False),
        (b"\xff\xfe", False),
    ],
)
def test_an_operators_daemons_file_is_read_as_it_is_written(rig: FrrRig, line: bytes, taken: bool) -> None:
    installed(rig, "bgpd")
    rig.machine.files.make_folder(CONFIGURATION.parent)
    rig.machine.files.replace(CONFIGURATION.with_name("daemons"), line + b"\n")
    assert ("bgpd" in daemons_wanted(rig.machine.files, NAMESPACE)) is taken


def test_a_daemon_that_is_not_installed_does_not_keep_the_nics_from_the_network_os(rig: FrrRig) -> None:
    rig.machine.files.make_folder(CONFIGURATION.parent)
    rig.machine.files.replace(CONFIGURATION, b"router eigrp 1\n")
    assert daemons_wanted(rig.machine.files, NAMESPACE) == ("zebra", "staticd")


def test_a_command_goes_to_vtysh_in_parts() -> None:
    assert FrrNetworkOs().command("configure terminal ; hostname x").argv == (
        "vtysh", "-N", "limpet-nos", "-c", "configure terminal", "-c", "hostname x",
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["", " ; ", "show version\nstart-shell", "start-shell bash", "show x ; start-shell", "log file /etc/x"],
)
def test_commands_that_lead_out_of_the_network_os_are_refused(line: str) -> None:
    with pytest.raises(HostError):
        FrrNetworkOs().command(line)
