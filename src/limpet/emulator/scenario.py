"""Scenario files: a world to begin with, in TOML, in the words of the admin API.

    packages = ["handlers/Acme.Sample-1.0.0"]  # folders or zips, relative to the file

    [fabric]
    seed = "demo"
    fastTrack = true

    [[vms]]
    name = "vm1"
    address = "10.0.0.4"

    [[vms.goalStates]]  # published in order; members as for POST /v1/vms/{vm}/goal-state
    changes = [{ handler = "Acme.Sample", public = { greeting = "hello" } }]

    [[faults]]  # members as for POST /v1/faults
    endpoint = "goal-state"
    status = 503
    count = 2

A scenario becomes steps: calls of the admin API, which the emulator makes on itself before it says that it is ready. So
nothing can be said in a file that cannot be done while it runs, and there is one place that knows what is possible.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limpet.emulator.admin.changing import JIT_USER, NEW_VM
from limpet.emulator.admin.faulting import RULE
from limpet.emulator.admin.problems import Problem
from limpet.emulator.admin.publishing import PUBLICATION
from limpet.emulator.admin.reading import Member, check
from limpet.emulator.toml_lines import Lines
from limpet.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LARGEST_FILE = 4 * 1024 * 1024

_GOAL_STATES = Member(
    name="goalStates", type="array", items=PUBLICATION, about="goal states that are published in order"
)
_USERS = Member(name="users", type="array", items=JIT_USER, about="just-in-time users")
FABRIC: tuple[Member, ...] = (
    Member(name="seed", type="string", about="names are derived from it"),
    Member(name="location", type="string", about="the region that VMs are told they are in"),
    Member(name="auto", type="boolean", about="whether an unknown address becomes a VM"),
    Member(name="strict", type="boolean", about="whether what the real fabric refuses is refused"),
    Member(name="fastTrack", type="boolean", about="whether the host plugin has vmSettings"),
    Member(name="hostPluginVersion", type="string", about="as vmSettings tell it, such as 1.0.8.179"),
)
SCENARIO: tuple[Member, ...] = (
    Member(name="fabric", type="object", items=FABRIC, about="what holds for the whole run"),
    Member(name="packages", type="array", item_type="string", about="handlers' folders or zips"),
    Member(name="vms", type="array", items=(*NEW_VM, _GOAL_STATES, _USERS), about="the VMs"),
    Member(name="faults", type="array", items=RULE, about="fault rules, asked in order"),
)
_PLACE_OF_ERROR = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One call of the admin API. place: what in the scenario, or on the command line, asked for it."""

    method: str
    path: str
    body: Mapping[str, Any] = field(hash=False)
    place: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A world to begin with. packages: with their places. origin: the file."""

    origin: str
    lines: Lines
    fabric: Mapping[str, Any] = field(hash=False)
    packages: tuple[tuple[Path, str], ...]
    steps: tuple[Step, ...]

    def refused(self, place: str, problem: str) -> ConfigurationError:
        """An error that points at `place`."""
        return _refused(self.origin, self.lines, place, problem)


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises: ConfigurationError, with the line."""
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    if len(body) > LARGEST_FILE:
        raise ConfigurationError(f"{path}: a scenario has at most {LARGEST_FILE} bytes")
    return read_scenario(body, origin=str(path), folder=path.parent)


def read_scenario(body: bytes, *, origin: str, folder: Path) -> Scenario:
    """Read a scenario. folder: what relative paths are relative to. Raises: ConfigurationError, with the line."""
    text = _text(body, origin)
    lines = Lines.read(text)
    members = _parsed(text, origin)
    try:
        # Places are those of the file: "scenario" stands only where the whole file is meant.
        check(members, SCENARIO, "scenario")
    except Problem as problem:
        place = problem.where.removeprefix("scenario").removeprefix(".")
        raise _refused(origin, lines, place, f"{problem.what}; {problem.todo}") from problem
    _unequal(members.get("vms", []), origin, lines)
    steps = tuple(_steps(members))
    for step in steps:
        try:
            json.dumps(step.body, allow_nan=False)
        except (TypeError, ValueError) as error:
            what = f"it holds a time, or a number that JSON does not have: {error}"
            raise _refused(origin, lines, step.place, what) from error
        except RecursionError as error:
            raise _refused(origin, lines, step.place, "its values are nested too deeply") from error
    packages = tuple(
        (folder / name, f"packages[{number}]") for number, name in enumerate(members.get("packages", []))
    )
    return Scenario(
        origin=origin,
        lines=lines,
        fabric=members.get("fabric", {}),
        packages=packages,
        steps=steps,
    )


def _steps(members: Mapping[str, Any]) -> Iterator[Step]:
    for number, vm in enumerate(members.get("vms", [])):
        place = f"vms[{number}]"
        description = {name: value for name, value in vm.items() if name not in {"goalStates", "users"}}
        yield Step(method="POST", path="/v1/vms", body=description, place=place)
        path = f"/v1/vms/{vm['name']}"
        for count, publication in enumerate(vm.get("goalStates", [])):
            yield Step(
                method="POST",
                path=f"{path}/goal-state",
                body=publication,
                place=f"{place}.goalStates[{count}]",
            )
        if "users" in vm:
            yield Step(method="PUT", path=f"{path}/users", body={"users": vm["users"]}, place=place)
    for number, rule in enumerate(members.get("faults", [])):
        yield Step(method="POST", path="/v1/faults", body=rule, place=f"faults[{number}]")


def _text(body: bytes, origin: str) -> str:
    try:
        return body.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{origin}, line {line}: this is not UTF-8") from error


def _parsed(text: str, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
        found = _PLACE_OF_ERROR.search(problem)
        if found is None:
            raise ConfigurationError(f"{origin}: {problem}") from error
        where = f"line {found[1]}, column {found[2]}" if found[1] else f"line {len(text.splitlines())}"
        raise ConfigurationError(f"{origin}, {where}: {problem[: found.start()]}") from error
    except ValueError as error:  # a number that Python does not read
        raise ConfigurationError(f"{origin}: a number has too many digits") from error
    except RecursionError as error:
        raise ConfigurationError(f"{origin}: values are nested too deeply") from error


def _unequal(vms: list[dict[str, Any]], origin: str, lines: Lines) -> None:
    """No two VMs may have one name or one address. Raises: ConfigurationError."""
    for member in ("name", "address"):
        first: dict[str, int] = {}
        for number, vm in enumerate(vms):
            if (other := first.setdefault(vm[member], number)) != number:
                place = f"vms[{number}].{member}"
                raise _refused(
                    origin, lines, place, f"vms[{other}] has the {member} {vm[member][:60]!r} already"
                )


def _refused(origin: str, lines: Lines, place: str, problem: str) -> ConfigurationError:
    line = lines.of(place)
    where = origin if line is None else f"{origin}, line {line}"
    return ConfigurationError(f"{where}: {place}: {problem}" if place else f"{where}: {problem}")
