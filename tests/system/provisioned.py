"""An unmodified client on a new machine: what it made of it, and what the fabric heard."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limpet.lab import rootfs, waagent
from limpet.lab.fabric import Fabric, fabric
from limpet.lab.provisioning.machine import Wish, new_machine
from limpet.lab.room import room

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.lab.machine import Machine
    from limpet.lab.recipes import Recipe

VM = "vm0"
USER, HOST = "ada", "box-1"
PASSWORD = "never-to-be-seen-3"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIRQ3aZ3k3gJrqXk4m8G2oQk1q2v7yQvJ0dG8fKXc9bY ada@example"
CUSTOM_DATA = "IyEvYmluL3NoCmVjaG8gaGVyZSA+IC92YXIvbGliL2N1c3RvbS1kYXRhLXJhbgo="
"""``#!/bin/sh`` and a command that leaves a trace in TRACE."""
TRACE = "/var/lib/custom-data-ran"
ACCOUNT: Mapping[str, Any] = {
    "userName": USER,
    "computerName": HOST,
    "publicKeys": [KEY],
    "password": PASSWORD,
    "disablePassword": False,
    "customData": CUSTOM_DATA,
}
PATIENCE = 180.0
LOGS = ("/var/log/cloud-init.log", "/var/log/cloud-init-output.log", waagent.LOG)
FILES = (
    "/etc/hostname", "/etc/shadow", f"/home/{USER}/.ssh/authorized_keys", "/var/lib/waagent/ovf-env.xml",
    "/run/cloud-init/result.json", TRACE, "/etc/sudoers.d/waagent", "/var/lib/waagent/provisioned",
    "/var/lib/waagent/CustomData",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """state: what systemd said of the start. words: the reports in short, in order. host_name: of the kernel.

    known: what the fabric knows. groups: of the user; empty when there is none. mounts: what is still mounted.
    """

    state: str
    known: dict[str, Any]
    words: list[str]
    host_name: str
    groups: str
    files: Mapping[str, str] = field(default_factory=dict)
    log: str
    requests: list[dict[str, Any]]
    mounts: str
    vm_id: str

    @property
    def remarks(self) -> list[tuple[str, str, int | None, list[str]]]:
        """Requests that the fabric found strange."""
        return [
            (each["endpoint"], each["target"], each["status"], each["remarks"])
            for each in self.requests
            if each["remarks"] or each["endpoint"] == "unknown"
        ]


def provisioned(
    recipe: Recipe,
    wish: Wish,
    say: Callable[[str], None],
    *,
    start: Callable[[Machine, Fabric, Callable[[bool], None]], None],
    prepare: Callable[[Machine], None] = lambda _: None,
    serve: tuple[str, ...] = ("--strict",),
    faults: tuple[Mapping[str, Any], ...] = (),
    health: str = "Ready",
    settles: bool = True,
) -> Outcome:
    """Boot a new machine and wait until the fabric heard `health`. Raises: LabError, with the client's log.

    prepare: before the boot. start: after it, with what pulls the machine's cable (False) and plugs it in; with `settles` when every service has started.
    """
    tree = rootfs.root_file_system(recipe, rootfs.default_cache(), say)
    with ExitStack() as stack:
        made = stack.enter_context(room())
        admin = made.emulator("--dhcp", "br0", *serve).admin
        world = stack.enter_context(fabric(admin))
        new = stack.enter_context(new_machine(made, world, admin, [tree], wish, name=VM))
        for fault in faults:
            world.add_fault(**fault)
        prepare(new.machine)
        try:
            state = new.boot(settle=settles)
            start(new.machine, world, lambda wanted: made.plugged(new.port, wanted=wanted))
            world.wait(VM, timeout=PATIENCE, health=health)
            return _seen(new.machine, world, state, new.vm_id)
        except Exception as error:
            error.add_note(_log(new.machine)[-20_000:] or new.machine.last_words())
            raise


class Kept:
    """Outcomes by name: each is made when the first test asks for it, then kept, an error too."""

    def __init__(self, make: Callable[[str], Outcome]) -> None:
        self._make = make
        self._kept: dict[str, Outcome | Exception] = {}

    def __call__(self, name: str) -> Outcome:
        if name not in self._kept:
            try:
                self._kept[name] = self._make(name)
            except Exception as error:  # noqa: BLE001 - told to every test that needs it
                self._kept[name] = error
        found = self._kept[name]
        if isinstance(found, Exception):
            raise found
        return found


def _seen(machine: Machine, world: Fabric, state: str, vm_id: str) -> Outcome:
    known = world.provisioning(VM)
    return Outcome(
        state=state,
        known=known,
        words=[report["words"] for report in known["reports"]],
        host_name=machine.run(["hostname"]).checked().strip(),
        groups=machine.run(["id", "-nG", USER]).stdout.strip(),
        files={path: machine.read(path) for path in FILES if machine.path(path).is_file()},
        log=_log(machine),
        requests=world.requests(VM),
        mounts=machine.run(["cat", "/proc/mounts"]).checked(),
        vm_id=vm_id,
    )


def _log(machine: Machine) -> str:
    return "".join(machine.read(path) for path in LOGS if machine.running and machine.path(path).is_file())
