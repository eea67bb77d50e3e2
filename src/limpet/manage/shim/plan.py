"""Planning how the command `waagent` is put in place, and taken away again.

A file that is not ours belongs to a package or to a person. With --force a package's file is diverted, which its updates respect;
any other is kept beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.guest.steps import Remove, Run, Task, Write
from limpet.host.facts.reading import bytes_of
from limpet.manage.install.units import MARK
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.guest.steps import Step
    from limpet.host.ports import Commands, Files

SHIM = "usr/sbin/waagent"
KEPT = "usr/sbin/waagent.before-limpet"
DIVERTED = "usr/sbin/waagent.distrib"
_DIVERSIONS = "var/lib/dpkg/diversions"
_DPKG = "var/lib/dpkg/info"
_LARGEST = 4 * 1024 * 1024
_HEAD = f"""\
#!/usr/bin/python3
# {MARK}: `limpet install-shim` has put this here, `limpet install-shim --uninstall` takes it away.
"""
_FUTURE = "from __future__ import annotations\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShimFacts:
    """What is at the command's place. content: of a file; other: something that is no file, in words. mode: of the file.

    package: whose file it is. kept: what was there before ours, with its mode. diverted: whether dpkg knows of our diversion.
    """

    root: Path = Path("/")
    content: bytes | None = None
    other: str | None = None
    mode: int = 0o755
    package: str | None = None
    kept: bytes | None = None
    kept_mode: int = 0o755
    diverted: bool = False

    @property
    def ours(self) -> bool:
        """Whether it is ours."""
        return self.content is not None and MARK.encode() in self.content[:300]


def text(command: str) -> bytes:
    """The whole program. command: where limpet is."""
    folder = Path(__file__).parent
    names, program = ((folder / name).read_text(encoding="utf-8") for name in ("names.py", "program.py"))
    # One file of two: what must stand first stands first once.
    whole = _HEAD + names + "\n\n" + program.replace(_FUTURE, "")
    return whole.replace("@LIMPET@", command).replace("@VERSION@", __version__).encode()


def look(files: Files, commands: Commands, root: Path) -> ShimFacts:
    """See what is there. Raises: HostError."""
    place, kept = root / SHIM, root / KEPT
    info, kept_info = files.info(place), files.info(kept)
    other = None
    if info is not None and not info.is_file:
        other = f"a link to {files.target(place)}" if info.is_link else "not a file"
    content = files.read(place, at_most=_LARGEST) if info is not None and info.is_file else None
    return ShimFacts(
        root=root,
        content=content,
        other=other,
        mode=0o755 if info is None else info.mode,
        package=_package(files, commands, root),
        kept=None if kept_info is None else files.read(kept, at_most=_LARGEST),
        kept_mode=0o755 if kept_info is None else kept_info.mode,
        diverted=_diverted(files, root),
    )


def _package(files: Files, commands: Commands, root: Path) -> str | None:
    """The Debian package that has a file at this place."""
    if files.info(root / _DPKG) is None:
        return None
    try:
        done = commands.run(
            ("dpkg-query", f"--admindir={root / 'var/lib/dpkg'}", "--search", f"/{SHIM}"), timeout=30
        )
    except HostError:
        return None
    lines = [
        line
        for line in done.stdout.decode("utf-8", "replace").splitlines()
        if not line.startswith("diversion ")
    ]
    return lines[0].partition(":")[0].strip() if done.exit_code == 0 and lines else None


def _diverted(files: Files, root: Path) -> bool:
    """Source: dpkg-divert(1); the file has three lines for each: from, to, package."""
    lines = (
        (bytes_of(files, root / _DIVERSIONS, at_most=_LARGEST) or b"").decode("utf-8", "replace").splitlines()
    )
    return (f"/{SHIM}", f"/{DIVERTED}") in zip(lines[::3], lines[1::3], strict=False)


def plan_shim(wanted: bytes, facts: ShimFacts, *, force: bool) -> list[Task]:
    """Put it in place. What is not ours is refused without `force`."""
    place = facts.root / SHIM
    purpose = f"put the command {place} in place"
    if facts.content == wanted:
        return []
    foreign = facts.content is not None and not facts.ours
    if facts.other is not None or (foreign and not force):
        whose = (
            f"it belongs to the package {facts.package}" if facts.package else "limpet has not put it there"
        )
        problem = f"{place} is {facts.other}" if facts.other is not None else f"{place} is there and {whose}"
        advice = (
            "Look at where it leads."
            if facts.other is not None
            else "With --force it is kept aside until --uninstall."
        )
        return [Task(name="shim", purpose=purpose, problem=problem, advice=advice)]
    steps: list[Step] = []
    if foreign and facts.package and not facts.diverted:
        steps.append(Run(_divert(facts, "--add")))
    elif foreign:
        steps.append(
            Write(
                path=facts.root / KEPT, content=facts.content or b"", mode=facts.mode, beneath=_beneath(facts)
            )
        )
    steps.append(Write(path=place, content=wanted, mode=0o755, beneath=_beneath(facts)))
    return [Task(name="shim", purpose=purpose, steps=tuple(steps))]


def plan_removal(facts: ShimFacts) -> list[Task]:
    """Take it away, and put back what was there."""
    place = facts.root / SHIM
    purpose = f"take the command {place} away"
    steps: list[Step] = []
    if facts.content is not None and not facts.ours:
        # What is theirs stays; when it is what was kept aside, a run before this one was cut short.
        if facts.kept != facts.content:
            return []
        return [Task(name="shim", purpose=purpose, steps=(Remove(path=facts.root / KEPT),))]
    if facts.diverted:
        steps = [Remove(path=place)] if facts.content is not None else []
        steps.append(Run(_divert(facts, "--remove")))
    elif facts.kept is not None:
        steps = [
            Write(path=place, content=facts.kept, mode=facts.kept_mode, beneath=_beneath(facts)),
            Remove(path=facts.root / KEPT),
        ]
    elif facts.content is not None:
        steps = [Remove(path=place)]
    return [Task(name="shim", purpose=purpose, steps=tuple(steps))] if steps else []


def _divert(facts: ShimFacts, verb: str) -> tuple[str, ...]:
    where = () if facts.root == Path("/") else (f"--root={facts.root}",)
    return ("dpkg-divert", *where, "--local", "--rename", "--divert", f"/{DIVERTED}", verb, f"/{SHIM}")


def _beneath(facts: ShimFacts) -> Path | None:
    return None if facts.root == Path("/") else facts.root
