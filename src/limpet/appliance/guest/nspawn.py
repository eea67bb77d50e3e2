"""systemd-nspawn as the guest shell's runtime: for a Linux with systemd's packages, whatever its own first process is.

It is started detached, in control groups of its own, and not registered anywhere. Source: systemd-nspawn(1), lab-recipes.md R4b.
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
    from pathlib import Path

    from limpet.appliance.guest.ceilings import Ceilings
    from limpet.appliance.guest.contract import ShellPlan, ShellSight
    from limpet.guest.steps import Step

_TIME_TO_START = 30.0

START = """\
log=$1 instance=$2; shift 2
while [ "$1" != -- ]; do mkdir -p "$1" && echo 0 > "$1/cgroup.procs"; shift; done 2>/dev/null; shift
while [ "$1" != -- ]; do printf %s "$2" > "$1"; shift 2; done; shift
"$@" </dev/null >"$log" 2>&1 &
outer=$!
for wait in $(seq 1000); do
  for child in $(cat /proc/$outer/task/$outer/children 2>/dev/null); do
    if grep -zFqx "$instance" /proc/$child/environ 2>/dev/null; then echo $child; exit 0; fi
  done
  kill -0 $outer 2>/dev/null || break
  sleep 0.02
done
kill -9 $outer 2>/dev/null
tail -n 1 "$log" >&2
exit 1
"""
"""Arguments: a log, the variable of the instance, control groups, --, files of theirs each with its content, --, the command line.

Says the process id of the container's first process; it is the first child of the command that has the instance in its environment.
"""

STOP = """\
init=$1 turns=$2; shift 2
if [ "$init" != 0 ] && kill -37 $init 2>/dev/null; then
  while kill -0 $init 2>/dev/null; do
    turns=$((turns - 1))
    if [ $turns = 0 ]; then kill -9 $init; fi
    [ $turns -gt -100 ] || exit 1
    sleep 0.05
  done
fi
for group; do
  for wait in $(seq 100); do
    if [ -e "$group/cgroup.kill" ] && [ $wait = 20 ]; then echo 1 > "$group/cgroup.kill"; fi
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    [ -d "$group" ] || break
    sleep 0.02
  done
done
exit 0
"""
"""Arguments: the first process (0: none), twentieths of a second to wait, and the control groups that then go."""

ENTER = 'while [ "$1" != -- ]; do mkdir -p "$1" && echo 0 >"$1/cgroup.procs"; shift; done 2>/dev/null; shift; exec "$@"'
_PAYLOAD = ("payload", ".limpet")
"""Where nspawn puts what it runs, and a group beside systemd's own, where others may be."""


class Nspawn(Mounted):
    """The runtime ``nspawn``. ceilings: which of its limits this kernel can hold. bounded: as of `Lxc`."""

    def __init__(self, ceilings: Ceilings, *, bounded: bool = False) -> None:
        super().__init__(bounded=bounded)
        self._ceilings = ceilings

    @property
    def name(self) -> str:
        """As the setting guest_shell.runtime has it."""
        return "nspawn"

    def start(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        """Start it; done when its first process lives."""
        if sight.running:
            return ()
        layout = Layout.of(plan)
        script = layout.configuration
        settings = [
            word for path, text in self._ceilings.pokes(plan.name, plan.limits) for word in (str(path), text)
        ]
        starting = (
            "sh", str(script), str(layout.log), f"{VARIABLE}={plan.instance}",
            *map(str, self._groups(plan)), "--", *settings, "--", *self.command_line(plan),
        )  # fmt: skip
        steps: list[Step] = [
            *rootfs.readying(plan),
            Write(script, START.encode(), mode=0o600),
            Run(starting, timeout=_TIME_TO_START, answer=rootfs.process_said(layout.init)),
        ]
        return (rootfs.starting(plan, steps),)

    def stop(self, plan: ShellPlan, sight: ShellSight, *, patience: float = 10.0) -> tuple[Task, ...]:
        """End it within `patience` seconds, by force then, and unmount; its content is kept."""
        if not sight.started and not sight.mounts:
            return ()
        steps: list[Step] = []
        if sight.started:
            turns = str(max(1, round(patience * 20)))
            script = Layout.of(plan).notes / "stop"
            ending = ("sh", str(script), str(sight.init or 0), turns, *map(str, self._groups(plan)))
            steps += [Write(script, STOP.encode(), mode=0o600), Run(ending, timeout=patience + 20.0)]
        return (rootfs.stopping(plan, sight, steps),)

    def enter(self, plan: ShellPlan, sight: ShellSight, argv: Sequence[str]) -> tuple[str, ...]:
        """`argv`, to be run inside as root: in its control groups and namespaces, without what it may not do."""
        groups = (
            str(group.joinpath(*_PAYLOAD) if word in {"", "named"} else group)
            for word, group in self._words(plan)
        )
        bounds = ",".join(f"-{capability}" for capability in dropped(plan))
        return (
            "sh", "-c", ENTER, "sh", *groups, "--",
            "setpriv", "--bounding-set", bounds,
            "nsenter", f"--target={sight.init}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
            "env", "--ignore-environment", *(f"{name}={value}" for name, value in ENVIRONMENT), "container=systemd-nspawn",
            *argv,
        )  # fmt: skip

    def command_line(self, plan: ShellPlan) -> tuple[str, ...]:
        """What is started."""
        environment = {**plan.environment, VARIABLE: plan.instance}
        unwanted = ",".join(f"CAP_{capability.upper()}" for capability in dropped(plan))
        return (
            "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=passive", "--settings=no",
            f"--directory={Layout.of(plan).root}",
            f"--machine={plan.name}",
            f"--hostname={plan.host_name}",
            f"--network-namespace-path={NAMES / plan.network}",
            "--resolv-conf=off", "--timezone=off", "--link-journal=no",
            *(("--capability=CAP_NET_ADMIN",) if plan.network_admin else ()),
            f"--drop-capability={unwanted}",
            *(f"--setenv={name}={value}" for name, value in environment.items()),
            *(
                f"--bind{'-ro' if bind.read_only else ''}={_colons(bind.source)}:{_colons(bind.target)}"
                for bind in binds.all_of(plan)
            ),
        )  # fmt: skip

    def _words(self, plan: ShellPlan) -> tuple[tuple[str, Path], ...]:
        return self._ceilings.groups(plan.name)

    def _groups(self, plan: ShellPlan) -> tuple[Path, ...]:
        return tuple(group for _, group in self._words(plan))


def _colons(path: Path) -> str:
    return str(path).replace(":", "\\:")
