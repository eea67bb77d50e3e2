"""What a boot would do here now: the plan, printed and not applied. Media is read, nothing is asked of the network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.boot import provisioning, sources, upkeep
from limpet.guest.clone import plan_forgetting
from limpet.guest.identity import vm_id_of
from limpet.guest.marker import Standing, judge_marker
from limpet.guest.provisioner import choose_provisioner
from limpet.guest.steps import Task
from limpet.host.facts import clone, cloud_init, identity, marker
from limpet.host.log import EventLog
from limpet.model.errors import HostError, LimpetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.boot.machine import Machine
    from limpet.config.settings import Config


class Unheard(EventLog):
    """What is only looked at leaves no trace in a log."""

    def _write(self, level: str, event: str, fields: Mapping[str, str]) -> None:
        del level, event, fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """about: what was found, by name. tasks: in the order of their doing."""

    about: tuple[tuple[str, str], ...]
    tasks: tuple[Task, ...]

    @property
    def exit_code(self) -> int:
        """1 when something that is required cannot be done."""
        return int(any(task.problem is not None and task.required for task in self.tasks))

    def as_text(self) -> str:
        """For people."""
        lines = [f"{name:<12} {value}" for name, value in self.about]
        for task in self.tasks:
            if task.problem is not None:
                advice = f" {task.advice}" if task.advice else ""
                lines.append(f"! {task.name}: cannot {task.purpose}: {task.problem}.{advice}")
            elif task.steps:
                lines.append(f"+ {task.name}: {task.purpose}")
                lines += [f"    {step.describe()}" for step in task.steps]
            else:
                lines.append(f"= {task.name}: nothing to do")
        return "\n".join(lines) + "\n"

    def as_json(self) -> str:
        """For programs."""
        tasks = [
            {
                "name": task.name,
                "purpose": task.purpose,
                "problem": task.problem,
                "required": task.required,
                "steps": [step.describe() for step in task.steps],
            }
            for task in self.tasks
        ]
        return json.dumps({"about": dict(self.about), "tasks": tasks}, indent=2) + "\n"


def preview(machine: Machine, config: Config) -> Preview:
    """Look at everything and plan."""
    about: list[tuple[str, str]] = []
    tasks: list[Task] = []
    vm_id = None
    try:
        vm_id = vm_id_of(identity.look(machine.files, machine.commands))
    except HostError as error:
        about.append(("note", str(error)))
    verdict = judge_marker(marker.look(machine.files, config.library), vm_id)
    choice = choose_provisioner(config.provisioning_agent, cloud_init.look(machine.files))
    about += [
        ("VM", f"{vm_id or 'without an id'}, {verdict.standing.value}"),
        ("provisioner", f"{choice.who}: {choice.problem or choice.why}"),
    ]
    tasks += upkeep.plan_drivers(machine, config)
    kernel = upkeep.plan_kernel(machine, config)
    if (
        choice.who == "limpet"
        and choice.problem is None
        and verdict.standing in {Standing.NEW, Standing.CLONE}
    ):
        if verdict.standing is Standing.CLONE:
            tasks.append(plan_forgetting(clone.look(machine.files, config.library), config.library))
        tasks += [*kernel, *_provisioning(machine, config, vm_id or "", about)]
    else:
        tasks += kernel
    tasks += [*upkeep.plan_disks(machine, config), *upkeep.plan_boot_loader(machine, config)]
    about.append(("network", _network(machine, config)))
    return Preview(about=tuple(about), tasks=tuple(tasks))


def _provisioning(machine: Machine, config: Config, vm_id: str, about: list[tuple[str, str]]) -> list[Task]:
    unread: list[str] = []
    try:
        source = sources.from_media(machine, config, vm_id, patience=0.0, problems=unread)
    except LimpetError as error:
        return [Task(name="media", purpose="use the provisioning media", problem=str(error))]
    if source is None:
        none = f"none that can be read ({'; '.join(unread)})" if unread else "none"
        about.append(("media", f"{none}: instance metadata would be asked once the network is up"))
        return []
    about.append(("media", source.where))
    if source.pooled and not source.wanted.resumed:
        kind = source.wanted.environment.platform.preprovisioned_vm_type or "Running"
        about.append(
            ("pool", f"{kind}: it would report Ready, wait until it is given to somebody, and then provision")
        )
        return []
    wanted = source.wanted
    return [
        *provisioning.plan_access(machine, config, wanted),
        *provisioning.plan_kept_document(machine, config, wanted),
        *provisioning.plan_identity(machine, config, wanted),
        *provisioning.plan_custom_data_tasks(machine, config, wanted),
        *provisioning.plan_custom_data_execution(machine, config, wanted),
    ]


def _network(machine: Machine, config: Config) -> str:
    from limpet.boot.connection import Network  # noqa: PLC0415
    from limpet.boot.network import existing_connection  # noqa: PLC0415
    from limpet.guest.interfaces import candidates  # noqa: PLC0415
    from limpet.host.facts import interfaces  # noqa: PLC0415

    found = existing_connection(Network.of(machine, config))
    if found is not None:
        return f"there: {found.endpoint} ({found.origin}) by {found.interface or 'this machine'}"
    names = [nic.name for nic in candidates(interfaces.nics(machine.files))]
    return f"a lease would be asked for on {', '.join(names) or 'the first NIC that appears'}"
