from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.emulator.fabrics import fabric
from tests.emulator.worlds import OpenSealer, certificate

from limpet.emulator.fabric import Fabric, NameTaken
from limpet.emulator.world.state import Settings, World

if TYPE_CHECKING:
    from collections.abc import Coroutine


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(120):
            await work

    asyncio.run(bounded())


def tell(owner: Fabric, kind: str) -> None:
    owner.update(lambda world: world.tell(0.0, kind, None))


def test_who_waits_is_woken_by_the_change_that_makes_it_true() -> None:
    async def work() -> None:
        owner = fabric()
        waiting = asyncio.create_task(owner.until(lambda world: world.events.after(1) or None))
        await asyncio.sleep(0)
        tell(owner, "first")
        await asyncio.sleep(0)
        assert not waiting.done()
        tell(owner, "second")
        found = await waiting
        assert found is not None
        assert [event.kind for event in found] == ["second"]

    run(work())


def test_who_waits_in_vain_gets_nothing_when_the_time_is_up() -> None:
    async def work() -> None:
        assert await fabric().until(lambda world: world.packages or None, 0.01) is None

    run(work())


def test_a_change_that_fails_leaves_the_world_as_it_was() -> None:
    owner = fabric()
    before = owner.world
    with pytest.raises(ZeroDivisionError):
        owner.update(lambda world: replace(world, packages=1 / 0))  # type: ignore[arg-type]
    assert owner.world is before


def test_names_and_addresses_belong_to_one_vm() -> None:
    async def work() -> None:
        owner = fabric()
        await owner.add_vm("vm1", "10.0.0.4")
        for name, address in [("vm1", "10.0.0.5"), ("vm2", "10.0.0.4")]:
            with pytest.raises(NameTaken):
                await owner.add_vm(name, address)
        await owner.close()

    run(work())


def test_a_certificate_is_kept_ready_and_never_given_twice() -> None:
    async def work() -> None:
        made = iter("ABCDEF")
        owner = Fabric(
            World(),
            clock=fabric().clock,
            sealer=OpenSealer(),
            new_certificate=lambda: certificate(next(made)),
        )
        owner.prepare()
        given = [(await owner.certificate()).thumbprint[0] for _ in range(3)]
        assert given == ["A", "B", "C"]
        await owner.close()

    run(work())


def test_two_runs_with_one_seed_know_a_vm_by_the_same_names() -> None:
    async def work() -> None:
        ids = []
        for seed in ("s", "s", "t"):
            owner = Fabric(
                World(settings=Settings(seed=seed)),
                clock=fabric().clock,
                sealer=OpenSealer(),
                new_certificate=certificate,
            )
            vm = await owner.admit("10.0.0.4")
            assert vm is not None
            ids.append((vm.identity.vm_id, vm.identity.container_id, vm.etag))
            await owner.close()
        assert ids[0] == ids[1] != ids[2]

    run(work())
