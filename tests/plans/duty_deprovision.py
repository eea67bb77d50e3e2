"""Making a disk ready to be an image. wanted: user, and host_keys or root_password = false, library or logs where the policy says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.guest.deprovision import DeprovisionPolicy, plan_deprovision
from limpet.host.facts.deprovision import look
from limpet.host.fake_programs.deprovision import ENDING, WORKER

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine

AREAS = ("deprovision",)


def plan(machine: FakeMachine, wanted: dict[str, Any]) -> list[Task]:
    folders: dict[str, Any] = {name: Path(wanted[name]) for name in ("library", "logs") if name in wanted}
    policy = DeprovisionPolicy(**(wanted | folders))
    facts = look(
        machine.files,
        machine.commands,
        machine.kernel,
        policy,
        ssh_dir=Path("/etc/ssh"),
        shadow=Path("/etc/shadow"),
        sudoers=Path("/etc/sudoers.d"),
        home_dir=Path("/home"),
        worker=WORKER,
        ending=ENDING,
    )
    return plan_deprovision(policy, facts)
