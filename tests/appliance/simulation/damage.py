"""A story in whose midst the journal is damaged, as disks do it: what was noted and done is not what is read afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.appliance.simulation.calming import calm
from tests.appliance.simulation.invariants import broken, ends_well, why_not
from tests.appliance.simulation.world import World

from limpet.appliance.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def flipped(content: bytes, at: int) -> bytes:
    """One byte is another one."""
    at %= len(content)
    return content[:at] + bytes([content[at] ^ 0x11]) + content[at + 1 :]


def unlined(content: bytes, at: int) -> bytes:
    """The end of a line is another character."""
    ends = [place for place, byte in enumerate(content) if byte == ord("\n")]
    return flipped(content, ends[at % len(ends)])


def cut(content: bytes, at: int) -> bytes:
    """The file ends sooner."""
    return content[: at % len(content)]


def cut_out(content: bytes, at: int) -> bytes:
    """A piece is missing."""
    at %= len(content)
    return content[:at] + content[at + 300 :]


def zeroed(content: bytes, at: int, size: int = 512) -> bytes:
    """A block of the disk has been lost."""
    start = at % len(content) // size * size
    end = min(start + size, len(content))
    return content[:start] + bytes(end - start) + content[end:]


def zeroed_page(content: bytes, at: int) -> bytes:
    """A page has been lost."""
    return zeroed(content, at, 4096)


def repeated(content: bytes, at: int) -> bytes:
    """A block is in the place of the next one."""
    start = at % len(content) // 512 * 512
    block = content[start : start + 512]
    return content[: start + 512] + block + content[start + 1024 :]


def inserted(content: bytes, at: int) -> bytes:
    """A piece is there twice."""
    at %= len(content)
    return content[:at] + content[max(0, at - 400) :]


DAMAGES: Mapping[str, Callable[[bytes, int], bytes]] = {
    "a byte": flipped,
    "the end of a line": unlined,
    "the end is missing": cut,
    "a piece is missing": cut_out,
    "a block is zero": zeroed,
    "a page is zero": zeroed_page,
    "a block is repeated": repeated,
    "a piece is there twice": inserted,
}


def struck(
    story: Callable[[World], None],
    change: int,
    damage: Callable[[bytes, int], bytes],
    at: int,
    *,
    kill: bool,
    **members: object,
) -> list[str]:
    """Play it with a crash before a change, and the journal damaged; gives what is wrong afterwards."""
    world = World(**members)  # type: ignore[arg-type]

    def crash() -> None:
        content = world.journal.content
        if content:
            world.journal.content = damage(content, at)
        if kill:
            world.kill_supervisor()
        else:
            world.battery.cut, world.battery.left = None, 0

    try:
        if kill:
            world.battery.of = frozenset({"supervisor"})
        world.battery.cut = crash
        world.battery.left = change
        story(world)
        world.battery.left = None
        calm(world)
        well = world.live(900.0, lambda: ends_well(world) and world.state is not State.BOOTING)
        found = broken(world)
        if not well:
            found.append(f"it does not end well: {why_not(world)}")
        return [f"change {change}, byte {at}: {each}\n" + "\n".join(world.story[-40:]) for each in found]
    finally:
        world.close()
