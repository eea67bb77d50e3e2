"""The container's root file system: an image that is never written to, an overlay of changes above it, and a few files of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest.layout import PERSISTENT, Layout
from limpet.appliance.guest.logs import bounds
from limpet.appliance.guest.share import sharing
from limpet.guest.steps import Answer, MakeFolder, Remove, Run, Task, Write
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from limpet.appliance.guest.contract import ShellPlan, ShellSight
    from limpet.guest.steps import Step

BOUNDED = r"""
if [ -L "$1" ]; then rm "$1" && mkdir "$1" || exit; fi
if ! mountpoint -q "$1"; then
  said=
  if [ -f "$2" ] && [ ! -L "$2" ]; then said=$(head -c 65536 "$2"); fi
  mount -t tmpfs -o size=256k,nr_inodes=64,mode=0755,nosuid,nodev,noexec limpet-news "$1" || exit
  if [ -n "$said" ] && [ ! -e "$2" ]; then printf '%s\n' "$said" > "$2" || exit; fi
fi
find "$1" -xdev -mindepth 1 \( ! -path "$2" -o ! -type f -o -size +64k \) -delete
"""
"""The folder that the guest writes its news to is bounded, and nothing but the news outlives the guest that wrote it (R12).

What the status-only agent has told meanwhile stays to be read: a handover waits for it.
"""


def storing(plan: ShellPlan, sight: ShellSight, *, bounded: bool) -> tuple[Task, ...]:
    """Mount its volume, made first if there is none, and larger if it shall be; nothing where there are no loop devices.

    Until then the folders that stay are not to be seen.
    """
    layout = Layout.of(plan)
    volume = layout.stored(plan)
    if not bounded:
        return ()
    if layout.state in sight.stores:
        return volume.grown(sight.disk)
    steps: list[Step] = []
    if layout.volume not in sight.stores:
        steps += [_private(layout), *volume.mounting(sight.disk)]
    steps += [
        MakeFolder(layout.stored_state),
        MakeFolder(layout.state),
        Run(("mount", "--bind", str(layout.stored_state), str(layout.state))),
    ]
    advice = f"When it cannot be repaired: limpet guestshell destroy --all, or remove {layout.disk}."
    return (
        Task(
            name="guest-volume", purpose="mount the guest shell's volume", steps=tuple(steps), advice=advice
        ),
    )


def mounting(plan: ShellPlan, sight: ShellSight, *, bounded: bool) -> tuple[Task, ...]:
    """Mount its volume and its root file system; nothing when they are."""
    volume = storing(plan, sight, bounded=bounded)
    share = sharing(plan, sight, bounded=bounded)
    if sight.mounted:
        return (*volume, *share)
    layout = Layout.of(plan)
    steps: list[Step] = list(unmounting(sight))
    folders = (layout.root, layout.changes, layout.work, layout.state)
    steps.append(_private(layout))
    steps += [MakeFolder(folder, mode=0o755) for folder in folders]
    steps += [MakeFolder(layout.state / name, mode=mode) for name, _, mode in PERSISTENT]
    if layout.lower != layout.image:
        steps += [
            MakeFolder(layout.lower),
            Run(("mount", "-t", "squashfs", "-o", "ro,loop,nodev", str(layout.image), str(layout.lower))),
        ]
    options = f"lowerdir={layout.lower},upperdir={layout.changes},workdir={layout.work}"
    steps.append(Run(("mount", "-t", "overlay", "-o", options, "overlay", str(layout.root))))
    root = Task(
        name="guest-root",
        purpose="mount the guest shell's root file system",
        steps=tuple(steps),
        after=tuple(task.name for task in volume),
    )
    return (*volume, root, *share)


def _private(layout: Layout) -> MakeFolder:
    """For root alone: programs with somebody's rights (setuid) that root inside leaves there are for nobody outside."""
    return MakeFolder(layout.store, mode=0o700)


def unmounting(sight: ShellSight) -> tuple[Step, ...]:
    """Unmount what is mounted for it, last one first. Lazily: a process that still looks at it does not hold it."""
    return _unmounted(sight.mounts)


def _unmounted(points: tuple[Path, ...]) -> tuple[Step, ...]:
    # It complains of what was unmounted meanwhile, and of a loop device that went by itself; what is left the next look shows.
    complaints = (2, 4, 32)
    return tuple(
        Run(("umount", "--lazy", str(point)), accepted=(0, *complaints)) for point in reversed(points)
    )


def dressing(plan: ShellPlan) -> tuple[Step, ...]:
    """What is written into the root file system before each start, for names, resolvers and logs; it must be mounted."""
    root = Layout.of(plan).root
    logs = bounds(plan.limits.log)
    hosts = f"127.0.0.1 localhost\n127.0.1.1 {plan.host_name}\n::1 localhost ip6-localhost\n"
    return (
        _written(root, "etc/hostname", f"{plan.host_name}\n"),
        _written(root, "etc/hosts", hosts),
        resolving(plan),
        *(
            MakeFolder(root / folder, beneath=root)
            for folder in sorted({path.rpartition("/")[0] for path in logs})
        ),
        *(_written(root, path, text) for path, text in logs.items()),
    )


def readying(plan: ShellPlan) -> tuple[Step, ...]:
    """What comes before every start, whatever the runtime. The instance is noted last: from then on something may live."""
    layout = Layout.of(plan)
    return (
        MakeFolder(layout.notes, mode=0o700),
        Remove(layout.init),
        *(MakeFolder(bind.source) for bind in plan.binds),
        *(
            Run(("sh", "-c", BOUNDED, "sh", str(bind.source), str(bind.news)))
            for bind in plan.binds
            if bind.news is not None
        ),
        *dressing(plan),
        Write(layout.started, plan.instance.encode(), mode=0o600),
    )


def process_said(path: Path) -> Answer:
    """Keeps the process id that a program says. Its complaints are the reason when there is none."""

    def check(said: bytes) -> None:
        if not said.strip().isdigit():
            raise MalformedDocument("the runtime", "it does not say which process is the first one")

    return Answer(check=check, kept=path)


def starting(plan: ShellPlan, steps: Sequence[Step]) -> Task:
    """The task of a start."""
    advice = f"See {Layout.of(plan).log}."
    return Task(name="guest-start", purpose="start the guest shell", steps=tuple(steps), advice=advice)


def stopping(plan: ShellPlan, sight: ShellSight, steps: Sequence[Step]) -> Task:
    """The task of a stop: what ends its processes, then what is left of them and of its mounts."""
    layout = Layout.of(plan)
    after = (*unmounting(sight), Remove(layout.init), Remove(layout.started))
    return Task(name="guest-stop", purpose="stop the guest shell", steps=(*steps, *after))


def resolving(plan: ShellPlan) -> Write:
    """The resolvers; may be done at any time, also while it runs. Source: network-appliance.md R10."""
    root = Layout.of(plan).root
    return _written(root, "etc/resolv.conf", "".join(f"nameserver {address}\n" for address in plan.dns[:3]))


def _written(root: Path, path: str, text: str) -> Write:
    return Write(root / path, text.encode(), beneath=root)


def forgetting(plan: ShellPlan, sight: ShellSight, *, bounded: bool) -> tuple[Task, ...]:
    """Forget the changes; nothing where there are none. They are renamed first, so that none is left half.

    A volume that is not mounted is: what is in it cannot be seen before.
    """
    volume = storing(plan, sight, bounded=bounded) if sight.disk.exists else ()
    if not sight.changed and not sight.mounts and not volume:
        return ()
    layout = Layout.of(plan)
    steps: tuple[Step, ...] = (
        *unmounting(sight),
        Remove(layout.discarded),
        MakeFolder(layout.discarded),
        MakeFolder(layout.changes),
        Run(("mv", "--no-target-directory", str(layout.changes), str(layout.discarded / "changes"))),
        Remove(layout.work),
        Remove(layout.discarded),
    )
    purpose = "forget what was changed in the guest shell's root file system"
    after = tuple(task.name for task in volume)
    return (*volume, Task(name="guest-reset", purpose=purpose, steps=steps, after=after))


def destroying(plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
    """Forget it all; images stay."""
    if not sight.kept and not sight.mounts and not sight.disk.exists:
        return ()
    layout = Layout.of(plan)
    steps = (
        *unmounting(sight),
        *_unmounted(sight.stores),
        *(
            Remove(each)
            for each in (layout.disk, layout.stored(plan).noted, layout.volume, layout.state, layout.notes)
        ),
    )
    return (Task(name="guest-destroy", purpose="remove the guest shell and all it has kept", steps=steps),)
