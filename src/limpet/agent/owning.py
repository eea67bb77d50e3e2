"""The chores of an agent that owns its machine: just-in-time users, control groups and their limits, logs for support.

In a guest shell the machine is the network OS's, and there are none of them. The duties, which change the machine, are `duties`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.agent.chores import Chore
from limpet.agent.limits import Groups, Meter
from limpet.agent.limits_handlers import Limiter
from limpet.agent.limits_own import OwnLimits, Services
from limpet.agent.log_upload import LogUpload
from limpet.agent.remote_access import LOOK_EVERY, RemoteAccess
from limpet.agent.running import GUEST_SHELL
from limpet.guest.control_groups import handler_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.agent.board import Board
    from limpet.agent.fabric import Fabric
    from limpet.agent.machine import Machine
    from limpet.agent.running import Running
    from limpet.agent.store import Store
    from limpet.agent.telemetry import Telemetry
    from limpet.config.settings import Config

SOON = 1.0
"""When just-in-time users are seen to first, seconds after the start: the first goal state goes before."""
LATER = 10.0
"""When workers get a control group, seconds after the start; a handler's command makes what it needs before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """control: the control groups. limiter: theirs for handlers. ends: what is done when the agent ends."""

    control: Groups
    limiter: Limiter
    ends: list[Callable[[], None]] = field(default_factory=list)

    @classmethod
    def of(cls, config: Config | Running, machine: Machine) -> Owner:
        """Whether the machine is ours the configuration says."""
        control = Groups(machine, wanted=config.limits and config.stage != GUEST_SHELL)
        return cls(control=control, limiter=Limiter(control, Services(machine, control)))

    def chores(
        self,
        config: Config | Running,
        machine: Machine,
        fabric: Fabric,
        board: Board,
        store: Store,
        telemetry: Telemetry,
    ) -> list[Chore]:
        """What is done from time to time."""
        if config.stage == GUEST_SHELL:
            return []
        found = []
        if config.jit_users:
            access = RemoteAccess(fabric, board, machine, settings=_access_settings(config))
            found.append(Chore(do=access.do, period=LOOK_EVERY, first=SOON))
        if config.limits:
            meter = Meter(
                self.control,
                machine,
                installed=lambda: frozenset(handler_group(here.name) for here in store.installed()),
                tell=telemetry.counted,
            )
            own = OwnLimits(
                self.control,
                meter,
                machine,
                cpu=config.agent_cpu_quota,
                memory=config.agent_memory_quota,
                environment=os.environ,
                process=os.getpid(),
            )
            found.append(Chore(do=own.do, period=config.limits_period, first=LATER))
        if config.collect_logs:
            logs = LogUpload(
                fabric,
                machine,
                self.control,
                bundle=config.library / "logcollector" / "logs.zip",
                arguments=_log_arguments(config),
            )
            self.ends.append(logs.close)
            found.append(
                Chore(do=logs.do, period=config.collect_logs_period, first=config.collect_logs_delay)
            )
        return found

    def close(self) -> None:
        """End what runs beside the agent, and leave the control groups."""
        for end in self.ends:
            end()
        self.control.close()


def _access_settings(config: Config | Running) -> dict[str, object]:
    return {
        "library": str(config.library),
        "openssl": str(config.openssl),
        "crypt": config.password_crypt_id,
        "salt": config.password_salt_length,
        "home_dir": str(config.home_dir),
        "sudoers": str(config.sudoers_dir),
    }


def _log_arguments(config: Config | Running) -> list[str]:
    """The places that this agent was configured with, whatever a configuration file says by now."""
    places = {
        "agent.library": config.library, "agent.log_dir": config.log_dir, "agent.log_file": config.log_file,
    }  # fmt: skip
    return ["--json", *(word for name, path in places.items() for word in ("--set", f"{name}={path}"))]
