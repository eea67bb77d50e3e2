"""Giving the next kernel arguments through whatever boot loaders the machine has, and taking them away again.

GRUB 2 gets a drop-in where its grub-mkconfig reads drop-ins, else a marked block at the end of its defaults. Entries of the
boot loader specification (systemd-boot; GRUB 2 of the Red Hat family), the line that new entries are made of, and a legacy
GRUB's menu are edited in place. Source: guest-setup.md §C.2, §D.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.kernel_arguments import difference, edited, grub_lines, taken_back
from limpet.guest.kernel_release import kernel_version
from limpet.guest.steps import Remove, Run, Task, Write

if TYPE_CHECKING:
    from limpet.guest.kernel_arguments import Arguments
    from limpet.guest.steps import Step

DEFAULTS, DROP_INS = Path("/etc/default/grub"), Path("/etc/default/grub.d")
PENDING = Path("/etc/default/limpet-grub-pending")
"""Is there while GRUB's configuration has still to be made from changed defaults."""
_PENDING_TEXT = b"GRUB's configuration has still to be made anew: limpet serial-console does it.\n"
_MKCONFIG_SECONDS = 300.0
_NUMA_FIXED, _NUMA_FIXED_RED_HAT = (2, 6, 37), (2, 6, 32, 504)
_ADVICE = "Nothing of what was there is lost. Give the kernel the arguments by hand: {words}."


@dataclass(frozen=True, kw_only=True, slots=True)
class BootText:
    """A text that is edited in place. kind: see kernel_arguments. before: the copy of one wish from before it was edited."""

    path: Path
    kind: str
    text: str
    mode: int = 0o644
    before: str | None = None

    def copy(self, wish: Arguments) -> Path:
        """Where the copy from before is: boot loaders read no file with such an ending."""
        return self.path.with_name(f"{self.path.name}.limpet-{wish.name}-before")


@dataclass(frozen=True, kw_only=True, slots=True)
class GrubDefaults:
    """GRUB 2's defaults. text: of /etc/default/grub. drop_ins: whether grub-mkconfig reads grub.d; drop_in: ours.

    make: the command that makes its configuration from them. pending: whether that is still to be done.
    """

    text: str
    mode: int = 0o644
    drop_ins: bool = False
    drop_in: str | None = None
    make: tuple[str, ...] | None = None
    pending: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BootLoaderFacts:
    """What the machine boots by, as far as it is known here."""

    grub: GrubDefaults | None = None
    texts: tuple[BootText, ...] = ()


def needs_numa_off(release: str) -> bool:
    """Whether a kernel fails on machines with several memory nodes: before 2.6.37; Red Hat's 2.6.32-504 has the repair too."""
    version = kernel_version(release)
    if len(version) < 3:
        return False
    build = kernel_version(release.partition("-")[2])
    if ".el" in release and version[:3] == _NUMA_FIXED_RED_HAT[:3]:
        return build[0] < _NUMA_FIXED_RED_HAT[3]
    return version[:3] < _NUMA_FIXED


def plan_arguments(wish: Arguments, facts: BootLoaderFacts, *, remove: bool = False) -> tuple[Task, ...]:
    """Fulfil a wish, or take back what was done for it. Nothing is done twice, and nothing of others is changed."""
    tasks = []
    if facts.grub is not None:
        tasks.append(_grub(wish, facts.grub, remove=remove))
    if facts.texts:
        tasks.append(_texts(wish, facts.texts, remove=remove))
    if not tasks:
        problem = (
            "no configuration of GRUB or of systemd-boot was found in /etc/default, /etc/kernel or /boot"
        )
        tasks.append(_task(wish, "", (), remove=remove, problem=None if remove else problem))
    return tuple(tasks)


def _grub(wish: Arguments, grub: GrubDefaults, *, remove: bool) -> Task:
    path = DROP_INS / f"90-limpet-{wish.name}.cfg"
    steps: list[Step] = []
    begin, end = (f"# {word} of limpet {wish.name}\n" for word in ("begin", "end"))
    block = f"{begin}{grub_lines(wish)}{end}"
    if grub.drop_ins:
        if remove and grub.drop_in is not None:
            steps.append(Remove(path))
        elif not remove and grub.drop_in != block:
            steps.append(Write(path, block.encode()))
    else:
        bare = _without(grub.text, begin, end)
        text = bare if remove else f"{bare}{'' if bare.endswith(chr(10)) or not bare else chr(10)}{block}"
        if text != grub.text:
            steps.append(Write(DEFAULTS, text.encode("utf-8", "surrogateescape"), mode=grub.mode))
    if (steps or grub.pending) and grub.make is None:
        return _task(
            wish, "-grub", (), remove=remove, problem="neither update-grub nor grub-mkconfig is installed"
        )
    if (steps or grub.pending) and grub.make is not None:
        # Whoever finds the mark makes the configuration, if the power was cut before it was made.
        mark = () if grub.pending else (Write(PENDING, _PENDING_TEXT),)
        steps = [*mark, *steps, Run(grub.make, timeout=_MKCONFIG_SECONDS), Remove(PENDING)]
    return _task(wish, "-grub", tuple(steps), remove=remove)


def _without(text: str, begin: str, end: str) -> str:
    before, found, rest = text.partition(begin)
    return before + rest.partition(end)[2] if found and end in rest else text


def _texts(wish: Arguments, texts: tuple[BootText, ...], *, remove: bool) -> Task:
    steps: list[Step] = []
    changes = [difference(each.kind, each.before, wish) for each in texts if each.before is not None]
    try:
        for each in texts:
            steps += _taking_back(wish, each, changes) if remove else _editing(wish, each)
    except ValueError as error:
        return _task(wish, "-entries", (), remove=remove, problem=str(error))
    return _task(wish, "-entries", tuple(steps), remove=remove)


def _editing(wish: Arguments, each: BootText) -> list[Step]:
    text = edited(each.kind, each.text, wish.add, wish.drop)
    if text == each.text:
        return []
    copy = () if each.before is not None else (Write(each.copy(wish), _bytes(each.text), mode=each.mode),)
    return [*copy, Write(each.path, _bytes(text), mode=each.mode)]


def _taking_back(
    wish: Arguments, each: BootText, changes: list[tuple[tuple[str, ...], tuple[str, ...]]]
) -> list[Step]:
    if each.before is not None:
        text = taken_back(each.kind, each.text, each.before, wish)
        write = () if text == each.text else (Write(each.path, _bytes(text), mode=each.mode),)
        return [*write, Remove(each.copy(wish))]
    text = each.text
    # An entry of a kernel that was installed since has the arguments of the line that new entries are made of.
    for added, dropped in changes[:1]:
        if added and edited(each.kind, text, added, ()) == text:
            text = edited(each.kind, text, dropped, added)
    return [] if text == each.text else [Write(each.path, _bytes(text), mode=each.mode)]


def _task(
    wish: Arguments, suffix: str, steps: tuple[Step, ...], *, remove: bool, problem: str | None = None
) -> Task:
    purpose = f"{'take back' if remove else 'give'} the kernel's arguments for {wish.name}"
    advice = _ADVICE.format(words=" ".join(wish.add))
    return Task(
        name=wish.name + suffix,
        purpose=purpose,
        steps=steps,
        problem=problem,
        advice="" if remove else advice,
        required=False,
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
