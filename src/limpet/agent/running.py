"""What the resident agent is told by the program that started it: the settings it uses, and where the fabric is.

It is JSON in a file in memory, so the table of settings and the reader of TOML need not be loaded by what stays.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from limpet.config.load import Config

GUEST_SHELL = "guest-shell"
"""The stage in which the machine is somebody else's."""
HEAPS = "MALLOC_ARENA_MAX"
"""The C library's variable for the number of heaps. It is for the agent alone, not for handlers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """Settings by the names they have in the table (docs/settings.md), and the fabric's two services.

    Times are seconds. proxy: a URL. shell: what the status begins with in a guest shell, None elsewhere.
    owes_ready: whether the fabric has yet to hear that the VM is ready, from us.
    """

    wire_server: str
    host_plugin: str
    shell: str | None
    owes_ready: bool
    metadata_endpoint: str
    library: Path
    log_dir: Path
    log_file: Path
    openssl: Path
    proxy: str | None
    family: str
    user_agent: str
    goal_state_period: float
    goal_state_initial_period: float
    status_heartbeat: float
    telemetry_collection_period: float
    cloud_init_timeout: float
    fast_track: bool
    over_provisioning: bool
    extensions_enabled: bool
    allowed_extensions: tuple[str, ...]
    refused_extensions: tuple[str, ...]
    bridged_extensions: tuple[str, ...]
    only_allowed_extensions: bool
    obey_policy: bool
    policy_file: Path
    wait_for_cloud_init: bool
    telemetry: bool
    log_verbose: bool
    stage: str
    firewall: bool
    firewall_period: float
    dhcp_period: float
    monitor_host_name: bool
    host_name_period: float
    scsi_timeout: int | None
    scsi_timeout_period: float
    remove_persistent_rules: bool
    persistent_rules_period: float
    jit_users: bool
    home_dir: Path
    sudoers_dir: Path
    password_crypt_id: str
    password_salt_length: int
    collect_logs: bool
    collect_logs_period: float
    collect_logs_delay: float
    limits: bool
    agent_cpu_quota: int
    agent_memory_quota: int
    limits_period: float

    @classmethod
    def of(
        cls,
        config: Config,
        *,
        wire_server: str,
        host_plugin: str,
        shell: str | None = None,
        owes_ready: bool = False,
    ) -> Self:
        """What `config` says, at an endpoint that answered, or that the supervisor names."""
        given = {"wire_server", "host_plugin", "shell", "owes_ready"}
        members: dict[str, Any] = {name: getattr(config, name) for name in cls.__slots__ if name not in given}
        if shell is not None:
            members["stage"] = GUEST_SHELL
        return cls(
            wire_server=wire_server, host_plugin=host_plugin, shell=shell, owes_ready=owes_ready, **members
        )

    def render(self) -> bytes:
        """The bytes that `parse` reads."""
        return json.dumps(asdict(self), default=str).encode()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read what `render` gave."""
        members = json.loads(content)
        for name in ("library", "log_dir", "log_file", "openssl", "home_dir", "sudoers_dir", "policy_file"):
            members[name] = Path(members[name])
        for name in ("allowed_extensions", "refused_extensions", "bridged_extensions"):
            members[name] = tuple(members[name])
        return cls(**members)
