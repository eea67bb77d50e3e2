"""The settings of what the running agent does for its machine, where it owns it. Source of the keys: guest-setup.md §G.2."""

from __future__ import annotations

from dataclasses import dataclass

from limpet.config.boot_settings import BootSettings
from limpet.config.kinds import SWITCH, seconds, whole, whole_or_none
from limpet.config.setting import setting


@dataclass(frozen=True, kw_only=True, slots=True)
class DutySettings(BootSettings):
    """Periodic duties. None of them is done inside a guest shell."""

    # fmt: off
    monitor_host_name: bool = setting(
        "host_name.monitor", SWITCH, True,
        "Publish a changed host name to the platform's DNS.",
        "Provisioning.MonitorHostName")
    host_name_period: float = setting(
        "host_name.period", seconds(1, 86400), 30.0,
        "Time between two looks at the host name.",
        "Provisioning.MonitorHostNamePeriod")
    dhcp_period: float = setting(
        "network.dhcp_period", seconds(1, 86400), 30.0,
        "Time between two looks at the DHCP client and the routes.",
        "OS.MonitorDhcpClientRestartPeriod")
    persistent_rules_period: float = setting(
        "network.persistent_rules_period", seconds(1, 86400), 30.0,
        "Time between two looks for udev's persistent names.",
        "OS.RemovePersistentNetRulesPeriod")
    scsi_timeout: int | None = setting(
        "kernel.scsi_timeout", whole_or_none(86400, "seconds"), 300,
        "How long the kernel waits for a SCSI disk; 0 leaves that alone.",
        "OS.RootDeviceScsiTimeout")
    scsi_timeout_period: float = setting(
        "kernel.scsi_timeout_period", seconds(1, 86400), 30.0,
        "Time between two looks for disks that came later.",
        "OS.RootDeviceScsiTimeoutPeriod")
    firewall: bool = setting(
        "firewall.enabled", SWITCH, True,
        "Let only root talk to the wire server; DNS stays open to all.",
        "OS.EnableFirewall")
    firewall_period: float = setting(
        "firewall.period", seconds(1, 86400), 30.0,
        "Time between two looks at the rules.",
        "OS.EnableFirewallPeriod")
    jit_users: bool = setting(
        "accounts.jit_users", SWITCH, True,
        "Make and remove the just-in-time users that the fabric asks for.")
    collect_logs: bool = setting(
        "logs.collect", SWITCH, True,
        "Upload a bundle of logs to the platform.",
        "Logs.Collect")
    collect_logs_period: float = setting(
        "logs.collect_period", seconds(60, 604800), 3600.0,
        "Time between two bundles.",
        "Logs.CollectPeriod")
    collect_logs_delay: float = setting(
        "logs.collect_delay", seconds(0, 604800), 300.0,
        "Time from the agent's start to the first bundle.",
        "Debug.LogCollectorInitialDelay")
    limits: bool = setting(
        "limits.enabled", SWITCH, True,
        "Give the agent and handlers that ask for it limits of CPU and memory, by control groups.",
        "Debug.EnableCgroupV2ResourceLimiting")
    agent_cpu_quota: int = setting(
        "limits.agent_cpu", whole(1, 10000, "percent"), 50,
        "CPU that the agent may use, in percent of one processor.",
        "Debug.AgentCpuQuota")
    agent_memory_quota: int = setting(
        "limits.agent_memory", whole(1, 2**40, "bytes"), 31457280,
        "Memory that the agent may use.",
        "Debug.AgentMemoryQuota")
    limits_period: float = setting(
        "limits.period", seconds(1, 86400), 300.0,
        "Time between two looks at the control groups.",
        "Debug.CgroupCheckPeriod")
    # fmt: on
