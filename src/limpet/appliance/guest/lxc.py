"""LXC as the guest shell's runtime: without a daemon, a bridge or its own storage; the configuration is ours, whole.

What it may do: docs/guest-shell.md. Source: lxc.container.conf(5), network-appliance.md §3.5 and §7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest import binds, rootfs
from limpet.appliance.guest.layout import ENVIRONMENT, NAMES, Layout, dropped
from limpet.appliance.guest.mounted import Mounted
from limpet.guest.shell_brief import VARIABLE
from limpet.guest.steps import Run, Task, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.appliance.guest.ceilings import Ceilings
    from limpet.appliance.guest.contract import Bind, ShellPlan, ShellSight
    from limpet.guest.steps import Step

SECCOMP = "/usr/share/lxc/config/common.seccomp"
_TIME_TO_START = 30.0


class Lxc(Mounted):
    """The runtime ``lxc``. ceilings: which of its limits this kernel can hold. seccomp: the system calls that are refused.

    bounded: whether its volume is a file system of a fixed size.
    """

    def __init__(self, ceilings: Ceilings, *, seccomp: str | None = SECCOMP, bounded: bool = False) -> None:
        super().__init__(bounded=bounded)
        self._ceilings = ceilings
        self._seccomp = seccomp

    @property
    def name(self) -> str:
        """As the setting guest_shell.runtime has it."""
        return "lxc"

    def start(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        """Start it; done when its first process lives."""
        if sight.running:
            return ()
        layout = Layout.of(plan)
        steps: list[Step] = [
            *rootfs.readying(plan),
            Write(layout.configuration, self.configuration(plan).encode(), mode=0o600),
            Run(
                (
                    "lxc-start", *_named(layout, plan), "--rcfile", str(layout.configuration), "--daemon",
                    "--logfile", str(layout.log), "--logpriority", "WARN",
                ),
                timeout=_TIME_TO_START,
            ),
            Run(("lxc-info", *_named(layout, plan), "--pid", "--no-humanize"), answer=rootfs.process_said(layout.init)),
        ]  # fmt: skip
        return (rootfs.starting(plan, steps),)

    def stop(self, plan: ShellPlan, sight: ShellSight, *, patience: float = 10.0) -> tuple[Task, ...]:
        """End it within `patience` seconds, by force then, and unmount; its content is kept."""
        if not sight.started and not sight.mounts:
            return ()
        layout = Layout.of(plan)
        steps: list[Step] = []
        if sight.started:
            ending = ("lxc-stop", *_named(layout, plan), "--timeout", str(max(1, round(patience))))
            # 2: it is not running.
            steps += [Run(ending, timeout=patience + 20.0, accepted=(0, 1, 2))]
        return (rootfs.stopping(plan, sight, steps),)

    def enter(self, plan: ShellPlan, sight: ShellSight, argv: Sequence[str]) -> tuple[str, ...]:
        """`argv`, to be run inside as root."""
        del sight
        settings = [f"--set-var={name}={value}" for name, value in ENVIRONMENT]
        return ("lxc-attach", *_named(Layout.of(plan), plan), "--clear-env", *settings, "--", *argv)

    def configuration(self, plan: ShellPlan) -> str:
        """The container's configuration file; nothing of the host's defaults is in it."""
        layout = Layout.of(plan)
        environment = {**plan.environment, VARIABLE: plan.instance}
        lines = [
            f"lxc.uts.name = {plan.host_name}",
            f"lxc.rootfs.path = dir:{layout.root}",
            "lxc.rootfs.managed = 0",
            f"lxc.namespace.share.net = {NAMES / plan.network}",
            "lxc.mount.auto = proc:mixed sys:ro cgroup:rw:force",
            "lxc.autodev = 1",
            "lxc.pty.max = 64",
            "lxc.tty.max = 0",
            "lxc.console.path = none",
            "lxc.init.cmd = /sbin/init",
            "lxc.signal.halt = SIGRTMIN+3",
            "lxc.apparmor.profile = unchanged",
            f"lxc.cap.drop = {' '.join(dropped(plan))}",
            *([] if self._seccomp is None else [f"lxc.seccomp.profile = {self._seccomp}"]),
            *(f"lxc.environment = {name}={value}" for name, value in environment.items()),
            *(_mount(bind) for bind in binds.all_of(plan)),
            *self._ceilings.lxc_lines(plan.limits),
        ]
        return "\n".join(lines) + "\n"


def _mount(bind: Bind) -> str:
    inside = str(bind.target).lstrip("/")
    options = f"bind,create=dir{',ro' if bind.read_only else ''}"
    return f"lxc.mount.entry = {bind.source} {inside} none {options} 0 0"


def _named(layout: Layout, plan: ShellPlan) -> tuple[str, ...]:
    return ("--lxcpath", str(layout.notes.parent), "--name", plan.name)
