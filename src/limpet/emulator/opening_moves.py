"""The opening moves: packages and scenario steps, made by calls of the admin API inside the process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from limpet.emulator.storage.packages import PackageRefused, load_package

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from starlette.applications import Starlette

    from limpet.emulator.scenario import Scenario
    from limpet.emulator.storage.packages import HostedPackage

# What is asked of the API inside the process has no network to be slow on; only keys are made meanwhile.
_SECONDS = 300.0


async def play(app: Starlette, scenarios: Sequence[Scenario]) -> None:
    """Host every package, then make every step. Raises: ConfigurationError, pointing into the scenario."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator", timeout=_SECONDS) as api:
        for scenario in scenarios:
            for package, place in await asyncio.to_thread(_loaded, scenario):
                params = {"name": package.name, "version": str(package.version)}
                answer = await api.post("/v1/packages", content=package.zip_bytes, params=params)
                _check(answer, scenario, place)
        for scenario in scenarios:
            for step in scenario.steps:
                answer = await api.request(step.method, step.path, json=step.body)
                _check(answer, scenario, step.place)


def _loaded(scenario: Scenario) -> Iterable[tuple[HostedPackage, str]]:
    found = []
    for path, place in scenario.packages:
        try:
            found.append((load_package(path), place))
        except PackageRefused as error:
            raise scenario.refused(place, str(error)) from error
    return found


def _check(answer: httpx.Response, scenario: Scenario, place: str) -> None:
    if answer.is_success:
        return
    problem = answer.json()
    # The answer speaks of its request, ``body.changes[0].version``; the reader of the scenario wrote the part behind body.
    inside = problem["where"].removeprefix("body") if problem["where"].startswith("body.") else ""
    raise scenario.refused(place + inside, f"{problem['what']}; {problem['todo']}")
