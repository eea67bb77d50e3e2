"""The settings: one table, which is also the value that programs receive.

`config.goal_state_period` is a float, seconds, `config.origin("goal_state.period")` says where it came from. The reference
page docs/settings.md is made from this table.
"""

# ruff: noqa: RUF009 - the defaults are values that cannot change, paths too

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from limpet import __version__
from limpet.agent.kinds import ADDRESS, AUTHORITY, DISCOVERY, PATH, PORT, SWITCH, TEXT, Kind, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

DEFAULT_ORIGIN = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One row of the table. attribute: its name in `Config`. waagent: its key in waagent.conf, if that has one."""

    name: str
    attribute: str
    kind: Kind[Any]
    default: Any
    help: str
    waagent: str | None


def setting(name: str, kind: Kind[T], default: T, purpose: str, waagent: str | None = None) -> T:
    """A field of `Config` that is a setting."""
    return field(default=default, metadata={"name": name, "kind": kind, "help": purpose, "waagent": waagent})


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Every setting, with where its value came from.

    origins: by setting's name, those that are not defaults. notes: what is wrong in waagent.conf.
    unused: keys of waagent.conf that have no effect here, with the reason.
    """

    # fmt: off
    fabric_endpoint: str | None = setting(
        "fabric.endpoint", ADDRESS, None,
        "The wire server's address. When it is set no other is tried.")
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
    proxy_host: str | None = setting(
        "proxy.host", ADDRESS, None,
        "The proxy for downloads; never used for the fabric.",
        "HttpProxy.Host")
    proxy_port: int = setting(
        "proxy.port", PORT, 80,
        "The proxy's port.",
        "HttpProxy.Port")
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
    waagent_conf: Path = setting(
        "agent.waagent_conf", PATH, Path("/etc/waagent.conf"),
        "The other agent's configuration, honoured where it exists.")
    # fmt: on
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def proxy(self) -> str | None:
        """The proxy for downloads as a URL."""
        return None if self.proxy_host is None else f"http://{self.proxy_host}:{self.proxy_port}"

    @property
    def user_agent(self) -> str:
        """How the agent names itself to the fabric's services."""
        return f"limpet/{__version__}"

    def origin(self, name: str) -> str:
        """Where the value of the setting `name` came from."""
        return self.origins.get(name, DEFAULT_ORIGIN)


SETTINGS: Mapping[str, Setting] = {
    member.metadata["name"]: Setting(attribute=member.name, default=member.default, **member.metadata)
    for member in fields(Config)
    if member.metadata
}


def shown(value: object) -> str:
    """A setting's value as people write it."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
