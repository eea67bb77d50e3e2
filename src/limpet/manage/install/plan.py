"""Planning what `limpet install` and `limpet uninstall` do, here or in an image's tree.

Services are enabled by the links that systemctl would make, so that a tree that is not running can be prepared. The names of
another agent's units become links to ours: its own unit is out of the way, without a trace in its package.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.steps import MakeFolder, Remove, Run, Task, Write
from limpet.host.facts import peers
from limpet.host.facts.reading import is_there
from limpet.manage.install.appliance_unit import APPLIANCE
from limpet.manage.install.interface_names import NETWORK_FOLDER
from limpet.manage.install.lean_start import LAUNCHER
from limpet.manage.install.units import (
    AGENT,
    ALIASES,
    CONFIGURATION,
    CONFIGURATION_TEXT,
    FIREWALL,
    MARK,
    ROLES,
    UNIT_FOLDER,
    VM,
    Role,
)
from limpet.model.errors import HostError
from limpet.packed import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from limpet.guest.steps import Step
    from limpet.host.ports import Commands, Files

_SYSTEMD = Path("run/systemd/system")
_FIRST_LINES = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What is at one path. content: of a file. target: of a link. Both None: nothing, or something else when `other`."""

    content: bytes | None = None
    target: str | None = None
    other: bool = False

    @property
    def nothing(self) -> bool:
        """Whether nothing is there."""
        return self.content is None and self.target is None and not self.other

    @property
    def ours(self) -> bool:
        """Whether it is a file that limpet installed."""
        return self.content is not None and MARK.encode() in self.content[:_FIRST_LINES]


@dataclass(frozen=True, kw_only=True, slots=True)
class InstallFacts:
    """root: of the tree. running: whether its systemd runs and is to be told. files, links: by path below the root.

    missing: folders that are to be made. active: units that run now. udev: whether udev can be told.
    leftovers: what a peer has made of systemd's files; systemd would take its limits for those of our service.
    """

    root: Path = Path("/")
    running: bool = False
    files: Mapping[str, Found] = field(default_factory=dict)
    links: Mapping[str, Found] = field(default_factory=dict)
    missing: frozenset[Path] = frozenset()
    active: frozenset[str] = frozenset()
    udev: bool = False
    leftovers: tuple[Path, ...] = ()


def look(files: Files, commands: Commands, root: Path, wanted: Mapping[str, bytes]) -> InstallFacts:
    """See what is there of the files `wanted`, of the links, and of other roles' units. Raises: HostError, when that cannot be."""
    paths = {*wanted, CONFIGURATION, *(path for role in ROLES for path in role.units)}
    links = {path for role in ROLES for path in role.links()}
    here = root == Path("/")
    running = here and is_there(files, root / _SYSTEMD)
    return InstallFacts(
        root=root,
        running=running,
        files={path: _found(files, root / path) for path in sorted(paths)},
        links={path: _found(files, root / path) for path in sorted(links)},
        missing=frozenset(
            folder for path in (*paths, *links) if files.info(folder := (root / path).parent) is None
        ),
        active=_active(commands) if running else frozenset(),
        udev=running and is_there(files, Path("/run/udev/control")),
        leftovers=peers.look(files, root),
    )


def _found(files: Files, path: Path) -> Found:
    info = files.info(path)
    if info is None:
        return Found()
    if info.is_link:
        return Found(target=os.fspath(files.target(path) or ""))
    if not info.is_file:
        return Found(other=True)
    return Found(content=files.read(path, at_most=LARGEST))


def _active(commands: Commands) -> frozenset[str]:
    units = (AGENT, FIREWALL, APPLIANCE, *ALIASES)
    try:
        said = (
            commands.run(("systemctl", "is-active", *units), timeout=30)
            .stdout.decode("ascii", "replace")
            .split()
        )
    except HostError:
        return frozenset()
    return frozenset(unit for unit, state in zip(units, said, strict=False) if state == "active")


def plan_install(
    wanted: Mapping[str, bytes], facts: InstallFacts, *, enable: bool, role: Role = VM
) -> list[Task]:
    """Files first, then links, then what runs is told. Nothing is left to do when it was done before.

    Without the launcher, which the units start, nothing is done: /usr may be read-only.
    role: what the machine is from now on; services of another role are taken out.
    """
    tasks = [*_other_roles(facts, role), *(_file(path, content, facts) for path, content in wanted.items())]
    if facts.files[CONFIGURATION].nothing:
        tasks.append(_written(facts, CONFIGURATION, CONFIGURATION_TEXT.encode()))
    if enable:
        tasks += _peers(facts)
        tasks += [_enabling(path, target, facts) for path, target in role.links().items()]
    tasks = [task for task in tasks if task.steps or task.problem is not None]
    tasks += _telling(facts, tasks, starts=role.starts if enable else ())
    if LAUNCHER not in wanted:
        return tasks
    return [task for task in tasks if task.name == LAUNCHER] + [
        replace(task, after=(*task.after, LAUNCHER)) for task in tasks if task.name != LAUNCHER
    ]


def _other_roles(facts: InstallFacts, role: Role) -> Iterator[Task]:
    """What another role has here: its links and its units, where they are ours. Its names become those of this role."""
    kept = role.links()
    for other in ROLES:
        if other is role:
            continue
        running = tuple(sorted(facts.active & set(other.wanted_by)))
        if running:
            yield Task(
                name="other-role",
                purpose=f"stop the services of a {other.name}",
                steps=(Run(("systemctl", "stop", *running)),),
            )
        for path, target in other.links().items():
            if path not in kept and facts.links[path].target == target:
                yield _gone(facts, path)
        for path in other.units:
            if facts.files[path].ours:
                yield _gone(facts, path)


def plan_uninstall(
    wanted: Mapping[str, bytes], facts: InstallFacts, command: str | None = None
) -> list[Task]:
    """The opposite. /etc/limpet.toml goes only when nobody has written in it.

    command: limpet itself, which takes its rules out of the firewall that runs.
    """
    stopping: list[Step] = []
    if running := sorted(facts.active - set(ALIASES)):
        stopping.append(Run(("systemctl", "stop", *running)))
    if FIREWALL in facts.active and command is not None:
        stopping.append(Run((command, "firewall", "remove")))
    tasks = [Task(name="stop", purpose="stop the agent", steps=tuple(stopping))]
    every = dict.fromkeys(link for role in ROLES for link in role.links().items())
    tasks += [_gone(facts, path) for path, target in every if facts.links[path].target == target]
    units = [path for role in ROLES for path in role.units]
    tasks += [_gone(facts, path) for path in dict.fromkeys([*wanted, *units]) if facts.files[path].ours]
    if facts.files[CONFIGURATION].content == CONFIGURATION_TEXT.encode():
        tasks.append(_gone(facts, CONFIGURATION))
    tasks = [task for task in tasks if task.steps]
    if any(task.name == LAUNCHER for task in tasks):
        folder = str((facts.root / LAUNCHER).parent)
        emptied = Run(("rmdir", "--ignore-fail-on-non-empty", folder))
        tasks.append(Task(name="folder", purpose=f"remove {folder}", steps=(emptied,), required=False))
    return [*tasks, *_telling(facts, tasks, starts=())]


def _file(path: str, content: bytes, facts: InstallFacts) -> Task:
    found = facts.files[path]
    if found.content == content:
        return Task(name=path, purpose=f"write /{path}")
    if not found.nothing and not found.ours:
        return Task(
            name=path,
            purpose=f"write {facts.root / path}",
            problem="what is there was not installed by limpet",
            advice="Move it away, and run this again.",
        )
    return _written(facts, path, content)


def _written(facts: InstallFacts, path: str, content: bytes) -> Task:
    place = facts.root / path
    mode = 0o755 if path == LAUNCHER else 0o644
    steps = (
        *_folder(facts, place.parent),
        Write(path=place, content=content, mode=mode, beneath=_beneath(facts)),
    )
    advice = (
        "Where /usr cannot be written, run limpet install --command with this command's path."
        if path == LAUNCHER
        else ""
    )
    return Task(name=path, purpose=f"write {place}", steps=steps, advice=advice)


def _folder(facts: InstallFacts, folder: Path) -> Iterator[Step]:
    if folder in facts.missing:
        yield MakeFolder(path=folder, beneath=_beneath(facts))


def _beneath(facts: InstallFacts) -> Path | None:
    """In a tree that somebody else has made no link is followed: it would lead into this machine."""
    return None if facts.root == Path("/") else facts.root


def _enabling(path: str, target: str, facts: InstallFacts) -> Task:
    found, place = facts.links[path], facts.root / path
    purpose = f"link {place} to {target}"
    if found.target in {target, "/dev/null"}:
        return Task(name=path, purpose=purpose)  # or somebody has masked it, and it stays so
    if found.content is not None or found.other:
        return Task(
            name=path,
            purpose=purpose,
            problem="a unit of that name was put there by hand, and would run beside this agent",
            advice="Move it away, and run this again.",
        )
    link = ("ln", "--symbolic", "--force", "--no-dereference", target, str(place))
    return Task(name=path, purpose=purpose, steps=(*_folder(facts, place.parent), Run(link)))


def _peers(facts: InstallFacts) -> Iterator[Task]:
    """A peer that runs is stopped while its unit still has its name. It stays enabled: without the links it would start."""
    ours = {f"/{UNIT_FOLDER}/{role.main}" for role in ROLES}
    theirs = [
        unit
        for unit in ALIASES
        if unit in facts.active and facts.links[f"{UNIT_FOLDER}/{unit}"].target not in ours
    ]
    if theirs:
        yield Task(
            name="peer",
            purpose=f"stop {', '.join(theirs)}, for only one agent may talk to the fabric",
            steps=(Run(("systemctl", "stop", *theirs)),),
        )
    if facts.leftovers:
        yield Task(
            name=f"{UNIT_FOLDER}/peer",
            purpose="remove what another agent has set for its service; it makes that anew when it runs",
            steps=tuple(Remove(path=path) for path in facts.leftovers),
        )


def _telling(facts: InstallFacts, tasks: list[Task], *, starts: tuple[str, ...]) -> Iterator[Task]:
    if not facts.running:
        return
    changed = [task.name for task in tasks if task.steps]
    if any(name.startswith(UNIT_FOLDER) for name in changed):
        yield Task(name="reload", purpose="tell systemd", steps=(Run(("systemctl", "daemon-reload")),))
    if facts.udev and any(name.startswith(("etc/udev", NETWORK_FOLDER)) for name in changed):
        reload = Run(("udevadm", "control", "--reload"))
        yield Task(name="udev", purpose="tell udev", steps=(reload,), required=False)
    idle = [unit for unit in starts if unit not in facts.active]
    if idle:
        failed = tuple(task.name for task in tasks if task.problem is not None)
        steps = (Run(("systemctl", "start", *idle)),)
        yield Task(name="start", purpose=f"start {', '.join(idle)}", steps=steps, after=failed)


def _gone(facts: InstallFacts, path: str) -> Task:
    place = facts.root / path
    return Task(name=path, purpose=f"remove {place}", steps=(Remove(path=place),))
