"""Operators in a simulated appliance: the code of `limpet guestshell …` run at any moment, and stages that are started by hand."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.appliance.simulation import agents
from tests.appliance.simulation.fabric import Party

from limpet.appliance.commands.guestshell_deeds import Deeds, Here
from limpet.appliance.guest.wanted import Wanted
from limpet.guest.namespaces import HOST
from limpet.host.apply import Interpreter
from limpet.model.errors import AlreadyRunning, FabricUnreachable, HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.appliance.simulation.world import World

NEW = Path("/root/new.squashfs")
_numbers = itertools.count(1)


def enable(world: World) -> None:
    """`limpet guestshell enable`."""
    _do(world, "guestshell enable", lambda deeds: deeds.enable(_unheard), Wanted.ENABLED)


def disable(world: World) -> None:
    """`limpet guestshell disable`."""
    _do(world, "guestshell disable", lambda deeds: deeds.disable(_unheard), Wanted.DISABLED)


def destroy(world: World, *, everything: bool) -> None:
    """`limpet guestshell destroy`."""

    def done(deeds: Deeds) -> str:
        return deeds.destroy(_unheard, everything=everything)

    _do(world, f"guestshell destroy{' --all' if everything else ''}", done)


def put_in_place(world: World) -> None:
    """`limpet guestshell upgrade`: the image is tried at the next start of the guest shell."""
    _do(world, "guestshell upgrade", lambda deeds: deeds.upgrade(NEW, _unheard))


def upgrade(world: World, content: bytes) -> None:
    """The same, and the guest shell is started anew with it."""
    world.put(NEW, content)

    def done(deeds: Deeds) -> str:
        slot = deeds.upgrade(NEW, _unheard)
        deeds.disable(_unheard)
        deeds.enable(_unheard)
        return f"the image is in slot {slot}"

    _do(world, f"guestshell upgrade ({content.decode('ascii')})", done)


def _unheard(_outcome: object) -> None:
    pass


def _do(world: World, words: str, deed: Callable[[Deeds], str], promise: Wanted | None = None) -> None:
    """promise: what the command says is so from then on, once it has ended well."""
    if not world.on:
        return
    machine = world.machine
    world.promised = None

    @contextmanager
    def locked() -> Iterator[None]:
        if world.locked or world.supervisor is not None:
            raise AlreadyRunning("another one runs")
        world.locked = words
        try:
            yield
        finally:
            world.locked = None

    here = Here(
        files=machine.files,
        commands=machine.commands,
        interpreter=Interpreter(
            files=machine.files,
            commands=machine.commands,
            devices=machine.devices,
            kernel=machine.kernel,
            clock=world.time,
        ),
        clock=world.time,
        chance=machine.chance,
        supervisor=lambda: 1 if world.supervisor is not None else None,
        locked=locked,
        wake=lambda _process: world.surroundings.waiting.add("wish"),
    )
    deeds = Deeds(here, world.config)
    deeds.runtime = world.runtime
    number = world.asked = world.asked + 1

    def run() -> None:
        try:
            said = deed(deeds)
            world.promised = promise if world.asked == number else None
            world.tell(f"limpet {words}: {said}")
        except (AlreadyRunning, HostError) as error:
            world.tell(f"limpet {words}: {error}")
        except Exception as error:  # noqa: BLE001 - told with the seed
            # A bug that was put into the driver or the runtime comes out here too.
            if "a bug of the" not in str(error):
                world.fabric.fault(f"limpet {words} ends with {error!r}")

    world.programs.append(world.time.spawn(f"operator-{next(_numbers)}", run))


def stage_by_hand(world: World) -> None:
    """`limpet boot` while all goes on (F14): it talks only where nobody has said who may."""
    if not world.on:
        return
    world.count += 1
    lock = agents.Lock(world, f"by-hand-{world.count}")
    party = Party(lock.name, None, HOST)

    def run() -> None:
        try:
            with agents.leased(world, lock, supervised=False):
                for _ in range(3):
                    world.fabric.report(party, "Ready", "by hand")
                    world.machine.clock.sleep(1.0)
        except (AlreadyRunning, HostError, FabricUnreachable) as error:
            world.tell(f"by hand: {error}")
        finally:
            if process.alive:
                world.lock.leave(lock.name)

    process = world.time.spawn(lock.name, run)
    party.process = lock.process = process
    world.locks[process] = lock.name
