"""The settings of the agent itself: the fabric, goal states, extensions, downloads, and where it keeps its things."""

# ruff: noqa: RUF009 - the defaults are values that cannot change, paths too

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from limpet.config.kinds import (
    ADDRESS,
    AUTHORITY,
    DISCOVERY,
    HOST,
    PATH,
    PATTERNS,
    PORT,
    SWITCH,
    TEXT,
    choice,
    seconds,
)
from limpet.config.setting import setting


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSettings:
    """What `limpet agent` goes by."""

    # fmt: off
    fabric_endpoint: str | None = setting(
        "fabric.endpoint", ADDRESS, None,
        "The wire server's address. When it is set no other is tried, and an appliance's rules and routes are made for it.")
    fabric_use_leases: bool = setting(
        "fabric.use_leases", DISCOVERY, True,
        "Look for the wire server's address in DHCP leases before the well-known one is tried.",
        "Protocol.EndpointDiscovery")
    fabric_wire_port: int = setting(
        "fabric.wire_port", PORT, 80,
        "The wire server's port.")
    fabric_host_plugin_port: int = setting(
        "fabric.host_plugin_port", PORT, 32526,
        "The host plugin's port, at the wire server's address.")
    metadata_endpoint: str = setting(
        "metadata.endpoint", AUTHORITY, "169.254.169.254",
        "The instance metadata service's address.")
    goal_state_period: float = setting(
        "goal_state.period", seconds(0.1, 3600), 6.0,
        "The longest time a new goal state may stay unseen.",
        "Extensions.GoalStatePeriod")
    goal_state_initial_period: float = setting(
        "goal_state.initial_period", seconds(0.1, 3600), 1.0,
        "Time between two polls until the first goal state is there.",
        "Extensions.InitialGoalStatePeriod")
    fast_track: bool = setting(
        "fast_track.enabled", SWITCH, True,
        "Take goal states from the host plugin too.",
        "Debug.EnableFastTrack")
    over_provisioning: bool = setting(
        "over_provisioning.honoured", SWITCH, True,
        "Leave extensions alone while the fabric puts an over-provisioned instance on hold.",
        "EnableOverProvisioning")
    extensions_enabled: bool = setting(
        "extensions.enabled", SWITCH, True,
        "Process extensions. When false each is reported as refused.",
        "Extensions.Enabled")
    allowed_extensions: tuple[str, ...] = setting(
        "extensions.allowed", PATTERNS, (),
        "Handlers (publisher.type) that are run even where a guest shell would refuse them.")
    refused_extensions: tuple[str, ...] = setting(
        "extensions.refused", PATTERNS, (),
        "Handlers that are never run: each is reported as failed at once.")
    bridged_extensions: tuple[str, ...] = setting(
        "extensions.bridged", PATTERNS, (),
        "Handlers that a guest shell does not run but hands to the network OS, as a line of its command language.")
    only_allowed_extensions: bool = setting(
        "extensions.only_allowed", SWITCH, False,
        "Run nothing but what extensions.allowed names.")
    obey_policy: bool = setting(
        "extensions.obey_policy", SWITCH, False,
        "Run and remove only what the policy file lets, when it is there.",
        "Debug.EnableExtensionPolicy")
    policy_file: Path = setting(
        "extensions.policy_file", PATH, Path("/etc/waagent_policy.json"),
        "The policy file, in WALinuxAgent's format. It is read anew for every goal state.",
        "Policy.PolicyFilePath")
    wait_for_cloud_init: bool = setting(
        "extensions.wait_for_cloud_init", SWITCH, False,
        "Let cloud-init finish before the first extension.",
        "Extensions.WaitForCloudInit")
    cloud_init_timeout: float = setting(
        "extensions.wait_for_cloud_init_timeout", seconds(1, 86400), 3600.0,
        "The longest time to wait for cloud-init.",
        "Extensions.WaitForCloudInitTimeout")
    status_heartbeat: float = setting(
        "status.heartbeat", seconds(1, 3600), 60.0,
        "Time between two reports when nothing changes; a change is reported at once.")
    telemetry: bool = setting(
        "telemetry.enabled", SWITCH, True,
        "Send the agent's and the handlers' events to the fabric.")
    telemetry_collection_period: float = setting(
        "telemetry.collection_period", seconds(1, 86400), 300.0,
        "Time between two collections of handlers' events.",
        "Debug.EtpCollectionPeriod")
    openssl: Path = setting(
        "certificates.openssl", PATH, Path("/usr/bin/openssl"),
        "The openssl program.",
        "OS.OpensslPath")
    fips: bool = setting(
        "certificates.fips", SWITCH, False,
        "Set OPENSSL_FIPS=1 for openssl, and for everything else that the agent starts.",
        "OS.EnableFIPS")
    proxy_host: str | None = setting(
        "proxy.host", HOST, None,
        "The proxy for downloads; never used for the fabric.",
        "HttpProxy.Host")
    proxy_port: int = setting(
        "proxy.port", PORT, 80,
        "The proxy's port.",
        "HttpProxy.Port")
    stage: str = setting(
        "agent.stage", choice("auto", "plain", "guest-shell"), "auto",
        "Whose machine it is. plain: the agent's, and it looks after host name, routes, disks and firewall. guest-shell: a"
        " network OS's, in whose guest shell the agent leaves all of that alone. auto: what the supervisor's marker says; the"
        " other two only make sure, for the agent does not start where the marker says otherwise.")
    family: str = setting(
        "agent.family", TEXT, "Prod",
        "The family of agent versions that this VM follows.",
        "AutoUpdate.GAFamily")
    library: Path = setting(
        "agent.library", PATH, Path("/var/lib/waagent"),
        "Handlers, certificates and the agent's state. Many handlers have the default hard-coded.",
        "Lib.Dir")
    log_dir: Path = setting(
        "agent.log_dir", PATH, Path("/var/log/azure"),
        "Parent of the handlers' log folders.",
        "Extension.LogDir")
    log_file: Path = setting(
        "agent.log_file", PATH, Path("/var/log/waagent.log"),
        "The agent's log where there is no journal.")
    lock: Path = setting(
        "agent.lock", PATH, Path("/run/limpet-agent.lock"),
        "Held open by the one agent that runs.")
    pid_file: Path | None = setting(
        "agent.pid_file", PATH, None,
        "Where the agent writes its process id, for scripts that want it; nothing in limpet reads it.",
        "Pid.File")
    waagent_conf: Path = setting(
        "agent.waagent_conf", PATH, Path("/etc/waagent.conf"),
        "The other agent's configuration, honoured where it exists.")
    # fmt: on
