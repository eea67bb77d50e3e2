"""The settings of an appliance: the handover to a network OS, and the guest shell behind it."""

# ruff: noqa: RUF009 - the defaults are values that cannot change, paths too

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from limpet.config.duty_settings import DutySettings
from limpet.config.kinds import (
    ADDRESSES,
    NAMES,
    PATH,
    PORT_ADDRESS,
    SWITCH,
    choice,
    seconds,
    whole,
    whole_or_none,
)
from limpet.config.setting import setting


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplianceSettings(DutySettings):
    """What `limpet appliance` and `limpet guestshell` go by."""

    # fmt: off
    network_os: str = setting(
        "appliance.network_os", choice("kernel", "frr", "hooks", "iosxe"), "kernel",
        "Which network OS gets the NICs.")
    programs: Path | None = setting(
        "appliance.programs", PATH, None,
        "The folder with a vendor's own programs, for the network OS hooks (docs/vendors.md).")
    left_nics: tuple[str, ...] = setting(
        "appliance.left_nics", NAMES, (),
        "NICs that stay with Linux, by name.")
    ready: str = setting(
        "appliance.ready", choice("early", "late"), "early",
        "When the fabric is told that the VM is ready: before the handover, or by the guest shell after it.")
    ready_deadline: float = setting(
        "appliance.ready_deadline", seconds(10, 2400), 900.0,
        "With appliance.ready = late: how long after the start the VM is reported as not ready, with the reason.")
    overdue: str = setting(
        "appliance.overdue", choice("not-ready", "degraded"), "not-ready",
        "What the fabric is told of the VM then: that its provisioning failed, or that it is ready, with a status that is not.")
    confirm_timeout: float = setting(
        "appliance.confirm_timeout", seconds(1, 600), 15.0,
        "How long the guest shell may take to reach the fabric through the network OS before all is rolled back.")
    attempts: int = setting(
        "appliance.attempts", whole(1, 100), 5,
        "How often a handover is tried before Linux keeps the NICs.")
    retry_pause: float = setting(
        "appliance.retry_pause", seconds(1, 3600), 30.0,
        "Time until a failed handover or provisioning is tried again; it doubles with every further one, up to ten minutes.")
    lease_period: float = setting(
        "appliance.dhcp_period", seconds(10, 86400), 300.0,
        "Time between two looks at what DHCP says, in the network OS.")
    runtime: str = setting(
        "guest_shell.runtime", choice("lxc", "nspawn"), "lxc",
        "What runs the guest shell's container.")
    guest_agent: str = setting(
        "guest_shell.agent", choice("limpet", "other"), "limpet",
        "Which agent is in the guest shell's image; of another one only its container is watched.")
    guest_gateway: str = setting(
        "guest_shell.gateway", PORT_ADDRESS, "192.168.35.1/24",
        "The network OS's address on the guest port.")
    guest_address: str = setting(
        "guest_shell.address", PORT_ADDRESS, "192.168.35.2/24",
        "The guest shell's address on the guest port.")
    guest_dns: str | None = setting(
        "guest_shell.dns", ADDRESSES, None,
        "The guest shell's name servers, separated by commas; unset: those of the lease, else 168.63.129.16.")
    bootflash: Path = setting(
        "guest_shell.bootflash", PATH, Path("/bootflash"),
        "The appliance's flash; its folder guest-share is shared with the guest shell.")
    guest_share: int | None = setting(
        "guest_shell.share", whole_or_none(16 * 1024 * 1024, "MiB"), 1024,
        "What that folder may hold, in a file system of its own; 0 leaves it without a bound.")
    guest_network_admin: bool = setting(
        "guest_shell.network_admin", SWITCH, False,
        "Let root in the guest shell change the addresses, routes and rules of its own network (CAP_NET_ADMIN).")
    guest_cpu: int = setting(
        "guest_shell.cpu", whole(1, 10000, "percent"), 100,
        "CPU that the guest shell may use, in percent of one processor.")
    guest_memory: int = setting(
        "guest_shell.memory", whole(64, 1024 * 1024, "MiB"), 512,
        "Memory that it may use.")
    guest_disk: int = setting(
        "guest_shell.disk", whole(64, 16 * 1024 * 1024, "MiB"), 2048,
        "Storage that it may fill.")
    guest_pids: int = setting(
        "guest_shell.pids", whole(32, 1000000, "processes"), 512,
        "Processes that it may have.")
    guest_log: int = setting(
        "guest_shell.log", whole(1, 65536, "MiB"), 64,
        "Logs that it may keep.")
    guest_failures: int = setting(
        "guest_shell.failures", whole(1, 100), 5,
        "How often it is started again, within an hour, before a status-only agent takes its place.")
    # fmt: on
