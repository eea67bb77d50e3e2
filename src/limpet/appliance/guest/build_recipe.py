"""What a guest shell's root file system is made from, and how: a plan. The same inputs give the same bytes.

Debian's packages, limpet itself, and a unit that starts its agent. What differs from one build to the next is taken out (logs,
identities, caches), and what was written during the build has the date of the newest file of a package. Source: network-appliance.md §7.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.guest.images import ARCHIVES, LISTING, is_archive, is_file_image
from limpet.appliance.guest.layout import SQUASHFS
from limpet.guest.appliance_profile import LAUNCHER, PROFILE, render_profile
from limpet.guest.steps import MakeFolder, Remove, Run, Task, Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.guest.steps import Step

SUITE = "bookworm"
PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "iproute2",
    "openssl",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
)
"""Beside what Debian calls essential, with apt: what handlers of extensions take for granted on a Linux."""
LEFT_OUT = (
    "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/lintian/*", "/usr/share/locale/*", "/usr/share/man/*",
)  # fmt: skip
FORGOTTEN = (
    "etc/hostname", "etc/resolv.conf", "etc/machine-id", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed",
    "var/lib/systemd/catalog/database", "var/cache/ldconfig/aux-cache", "var/cache/apt", "var/cache/debconf",
    "var/lib/apt/lists", "var/log", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-",
    "etc/.pwd.lock", "var/lib/dpkg/status-old", "var/lib/dpkg/diversions-old", "var/lib/dpkg/statoverride-old",
)  # fmt: skip
"""Identities, logs, caches and old copies: each guest shell has its own, or needs none."""
MASKED = (
    "apt-daily-upgrade.timer", "apt-daily.timer", "console-getty.service", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "getty-static.service", "getty.target", "systemd-networkd.service",
    "systemd-timesyncd.service", "systemd-udevd.service",
)  # fmt: skip
"""What has nothing to do in a guest shell: consoles, clocks, devices and networks are the appliance's (R11)."""
LIBRARY = Path("usr/lib/limpet")
UNIT = "limpet-agent.service"
ALIASES = ("walinuxagent.service", "waagent.service")
NOT_IN_IT = ("lab", "emulator", "boot", "host/fake*")
"""Parts of limpet that are not for a guest shell."""
MANIFEST = Path("usr/share/limpet/packages")
OWN_MOUNTS = ("unshare", "--mount", "--propagation", "private")
"""What is mounted while a tree is made goes with the program that made it, also when that is killed."""
MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"
"""Makes a tree with one /usr from its beginning; else Debian 12 would bring a program for that, with Perl: 47 MB."""
LONGEST = 1800.0

LAUNCHER_TEXT = f"""\
#!/usr/bin/python3 -ISOO
import sys
sys.path.insert(0, "/{LIBRARY}")
from limpet.cli import entry
sys.exit(entry())
"""
PYTHON = 'test -e "$1/usr/bin/python" || ln -s python3 "$1/usr/bin/python"'
"""Extension packages, and scripts of custom data, begin with that name."""
DOHOST = Path("usr/bin/dohost")
DOHOST_TEXT = """\
#!/bin/sh
# As scripts for IOS XE's guest shell know it: dohost "show version"
exec limpet nos -- "$@"
"""
UNIT_TEXT = f"""\
[Unit]
Description=Azure VM agent in the guest shell (limpet)
StartLimitIntervalSec=0
# The stage's marker: without it this is no guest shell, and nobody has told the agent what to do.
ConditionPathExists=/var/lib/limpet/appliance/shell.json

[Service]
Type=exec
ExecStart=/{LAUNCHER} agent
Restart=always
RestartSec=1
# What handlers have started outlives the agent.
KillMode=process
TimeoutStopSec=30
Slice=azure.slice

[Install]
WantedBy=multi-user.target
Alias={" ".join(ALIASES)}
"""
ENTERING = 'tar -C "$1" --create --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --exclude=__pycache__'
DATING = """\
newest=$2
if [ -z "$newest" ]; then
  newest=$(find "$1" -xdev -type f ! -newermt "@$3" -printf '%Ts\\n' | LC_ALL=C sort -n | tail -n 1)
fi
shadow=$1/etc/shadow
awk -F : -v OFS=: -v day=$((newest / 86400)) '$3 != "" { $3 = day } { print }' "$shadow" > "$4" && cat "$4" > "$shadow"
find "$1" -xdev -newermt "@$newest" -print0 | xargs -0 -r touch --no-dereference --date="@$newest"
echo "$newest" > "$4"
"""
"""Gives passwords, and files of the tree $1 that are newer than $2 (seconds since 1970; if empty: than any from before $3) that date, noted in $4."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """base: packages of every guest shell. packages: more. mirrors: lines of sources.list. apt: its settings.

    limpet: folders of Python packages that are put in, by name. epoch: seconds since 1970 that nothing is newer than; None for the date of the newest packaged file.
    """

    suite: str = SUITE
    base: tuple[str, ...] = PACKAGES
    packages: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    apt: tuple[str, ...] = ()
    limpet: Mapping[str, Path] = field(default_factory=dict)
    epoch: int | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """All packages that are asked for."""
        return tuple(sorted({*self.base, *self.packages}))


def plan_build(recipe: Recipe, output: Path, place: Path, now: int) -> tuple[Task, ...]:
    """Build into `output`: a ``.squashfs`` file, a tar, or else a folder. place: for what is made on the way; it goes at the end.

    now: seconds since 1970, before anything is written.
    """
    tree = output if is_tree(output) else place / "tree"
    tasks = [
        _task("packages", "unpack and configure Debian's packages", _bootstrap(recipe, tree)),
        _task("limpet", "put limpet in", *_limpet(recipe, tree, now), after="packages"),
        _task("impersonal", "take out what belongs to one machine", *_impersonal(tree), after="limpet"),
        _task(
            "dates",
            "give what was written now a date that does not change",
            *_dates(recipe, tree, place, now),
            after="impersonal",
        ),
    ]
    if output != tree:
        tasks.append(
            _task("pack", f"pack it into {output.name}", _packed(tree, output, place), after="dates")
        )
    return tuple(tasks)


def listing(tree: Path, listed: Path) -> Run:
    """Lists the files of a tree with their digests; the list's own digest is the tree's."""
    return Run(("sh", "-c", LISTING, "sh", str(tree), str(listed)), timeout=LONGEST)


def kind_problem(output: Path) -> str | None:
    """Why nothing is built under this name; None where it says what is wanted."""
    if output.suffix and is_tree(output):
        endings = ", ".join((SQUASHFS, *ARCHIVES))
        return f"{output.name} says of no image what it is: end it in one of {endings}; a folder's name has no ending"
    return None


def is_tree(output: Path) -> bool:
    """Whether a folder is built: what has no ending that says something else."""
    return not is_archive(output) and not is_file_image(output)


def _task(name: str, purpose: str, *steps: Step, after: str | None = None) -> Task:
    return Task(name=name, purpose=purpose, steps=steps, after=() if after is None else (after,))


def _bootstrap(recipe: Recipe, tree: Path) -> Run:
    epoch = () if recipe.epoch is None else (f"SOURCE_DATE_EPOCH={recipe.epoch}",)
    return Run(
        (
            *OWN_MOUNTS, "env", *epoch, "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(recipe.wanted)}",
            "--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
            '--aptopt=Acquire::Languages "none"', *(f"--aptopt={setting}" for setting in recipe.apt),
            *((f"--hook-dir={MERGED}",) if recipe.suite == SUITE else ()),
            recipe.suite, str(tree), *recipe.mirrors,
        ),
        timeout=LONGEST,
    )  # fmt: skip


def _limpet(recipe: Recipe, tree: Path, now: int) -> tuple[Step, ...]:
    steps: list[Step] = [MakeFolder(tree / LIBRARY)]
    for name, folder in sorted(recipe.limpet.items()):
        left_out = " ".join(f"--exclude={name}/{part}" for part in NOT_IN_IT) if name == "limpet" else ""
        script = f'{ENTERING} --mtime=@{now + 1} {left_out} "$2" | tar -C "$3" --extract --no-same-owner'
        steps.append(Run(("sh", "-c", script, "sh", str(folder.parent), folder.name, str(tree / LIBRARY))))
    compiling = ("chroot", str(tree), "python3", "-IS", "-m", "compileall", "-q", "-o", "2")
    unchecked = ("--invalidation-mode", "unchecked-hash")
    units = tree / "etc/systemd/system"
    return (
        *steps,
        Write(tree / LAUNCHER, LAUNCHER_TEXT.encode(), mode=0o755),
        Write(tree / DOHOST, DOHOST_TEXT.encode(), mode=0o755),
        MakeFolder((tree / PROFILE).parent),
        Write(tree / PROFILE, render_profile()),
        Run(("sh", "-c", PYTHON, "sh", str(tree))),
        Run((*compiling, *unchecked, f"/{LIBRARY}"), timeout=LONGEST),
        # The launcher's -OO looks for compiled files that Debian does not ship; without them each new guest would make them.
        Run(("sh", "-c", COMPILING, "sh", str(tree)), timeout=LONGEST),
        Write(units / UNIT, UNIT_TEXT.encode()),
        MakeFolder(units / "multi-user.target.wants"),
        *(
            _link(units / name, f"/etc/systemd/system/{UNIT}")
            for name in (f"multi-user.target.wants/{UNIT}", *ALIASES)
        ),
        *(_link(units / name, "/dev/null") for name in MASKED),
        MakeFolder((tree / MANIFEST).parent),
        Run(("sh", "-c", NOTING, "sh", str(tree), str(tree / MANIFEST))),
    )


def _link(path: Path, target: str) -> Run:
    """As systemctl would make it; it need not be in the tree."""
    return Run(("ln", "--symbolic", "--force", target, str(path)))


COMPILING = (
    'chroot "$1" sh -c \'for library in /usr/lib/python3.*/; do python3 -IS -m compileall -q -o 2 --invalidation-mode unchecked-hash'
    ' -x "/(test|tests|idlelib|lib2to3|ensurepip|pydoc_data|distutils|turtledemo)/" "$library"; done\''
)
NOTING = 'chroot "$1" dpkg-query --show --showformat=\'${Package} ${Version}\\n\' | LC_ALL=C sort > "$2"'


def _impersonal(tree: Path) -> tuple[Step, ...]:
    """An empty machine-id is one that each guest shell makes anew."""
    return (
        *(Remove(tree / path) for path in FORGOTTEN),
        Run(("sh", "-c", 'rm -f "$1"/etc/ssh/ssh_host_* "$1"/var/lib/dpkg/*-old', "sh", str(tree))),
        *(
            MakeFolder(tree / path)
            for path in ("var/log", "var/cache/apt/archives/partial", "var/lib/apt/lists/partial")
        ),
        Write(tree / "etc/machine-id", b"", mode=0o444),
        *(MakeFolder(tree / path) for path in ("var/lib/waagent", "var/lib/limpet/appliance", "bootflash")),
    )


def _dates(recipe: Recipe, tree: Path, place: Path, now: int) -> tuple[Step, ...]:
    epoch = "" if recipe.epoch is None else str(recipe.epoch)
    return (
        Run(("sh", "-c", DATING, "sh", str(tree), epoch, str(now), str(place / "epoch")), timeout=LONGEST),
    )


def _packed(tree: Path, output: Path, place: Path) -> Run:
    if is_file_image(output):
        script = 'mksquashfs "$1" "$2" -noappend -comp zstd -Xcompression-level 9 -no-progress -quiet -mkfs-time "$(cat "$3")" -processors "$(nproc)"'
    else:
        script = (
            'tar -C "$1" --create --sort=name --numeric-owner --xattrs --format=posix'
            ' --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --auto-compress --file "$2" .'
        )
    return Run(("sh", "-c", script, "sh", str(tree), str(output), str(place / "epoch")), timeout=LONGEST)
