"""Scenario files: worlds to begin with, and worlds that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.emulator.scenario import Scenario, Step, load_scenario, read_scenario
from limpet.emulator.toml_lines import Lines
from limpet.model.errors import ConfigurationError

WHOLE = """\
packages = ["handlers/Acme.Sample-1.0.0"]

[fabric]
seed = "demo"
fastTrack = false

[[vms]]
name = "vm1"
address = "10.0.0.4"
users = [{ name = "jit", password = "p", expiration = "Tue, 01 Jan 2030 00:00:00 GMT" }]

[[vms.goalStates]]
channel = "fabric"

[[vms.goalStates.changes]]
handler = "Acme.Sample"
public = { greeting = "hello" }

[[vms.goalStates]]
onHold = true

[[vms]]
name = "vm2"
address = "10.0.0.5"

[[faults]]
endpoint = "goal-state"
status = 503
count = 2
"""


def read(text: str) -> Scenario:
    return read_scenario(text.encode(), origin="s.toml", folder=Path("/scenarios"))


def test_a_scenario_becomes_steps_in_the_order_of_the_world() -> None:
    found = read(WHOLE)
    assert found.fabric == {"seed": "demo", "fastTrack": False}
    assert found.packages == ((Path("/scenarios/handlers/Acme.Sample-1.0.0"), "packages[0]"),)
    change = {"handler": "Acme.Sample", "public": {"greeting": "hello"}}
    user = {"name": "jit", "password": "p", "expiration": "Tue, 01 Jan 2030 00:00:00 GMT"}
    assert found.steps == (
        Step(method="POST", path="/v1/vms", body={"name": "vm1", "address": "10.0.0.4"}, place="vms[0]"),
        Step(
            method="POST",
            path="/v1/vms/vm1/goal-state",
            body={"channel": "fabric", "changes": [change]},
            place="vms[0].goalStates[0]",
        ),
        Step(
            method="POST", path="/v1/vms/vm1/goal-state", body={"onHold": True}, place="vms[0].goalStates[1]"
        ),
        Step(method="PUT", path="/v1/vms/vm1/users", body={"users": [user]}, place="vms[0]"),
        Step(method="POST", path="/v1/vms", body={"name": "vm2", "address": "10.0.0.5"}, place="vms[1]"),
        Step(
            method="POST",
            path="/v1/faults",
            body={"endpoint": "goal-state", "status": 503, "count": 2},
            place="faults[0]",
        ),
    )


def test_an_empty_scenario_is_an_empty_world() -> None:
    assert read("").steps == ()


VM = '[[vms]]\nname = "vm1"\naddress = "10.0.0.4"\n'
REFUSED = {
    "not TOML": ("a = 1\nb = ]", r"s\.toml, line 2, column 5: Invalid value"),
    "cut in the middle": ('[[vms]]\nname = "vm', r"s\.toml, line \d.*: Unterminated string|s\.toml, line 2"),
    "an unknown table": (
        "[fabrik]\n",
        r"s\.toml, line 1: fabrik: 'fabrik' is not known; did you mean 'fabric'\?",
    ),
    "an unknown key": (
        "\n[fabric]\nsed = 'x'",
        r"s\.toml, line 3: fabric\.sed: 'sed' is not known; did you mean 'seed'",
    ),
    "a wrong type": (
        "[fabric]\n\nauto = 'yes'",
        r"s\.toml, line 3: fabric\.auto: 'auto' is not of type boolean",
    ),
    "a VM without address": ('[[vms]]\nname = "vm1"', r"s\.toml, line 1: vms\[0\]: 'address' is missing"),
    "two VMs of one name": (
        VM + '[[vms]]\nname = "vm1"\naddress = "10.0.0.5"',
        r"s\.toml, line 5: vms\[1\]\.name: vms\[0\] has the name 'vm1' already",
    ),
    "two VMs of one address": (
        VM + '\n[[vms]]\nname = "vm2"\naddress = "10.0.0.4"',
        r"s\.toml, line 7: vms\[1\]\.address: vms\[0\] has the address '10\.0\.0\.4' already",
    ),
    "a change without handler": (
        VM + '[[vms.goalStates]]\nchanges = [\n  { version = "1.0" },\n]',
        r"s\.toml, line 5: vms\[0\]\.goalStates\[0\]\.changes\[0\]: 'handler' is missing",
    ),
    "an unknown word": (
        VM + '[[vms.goalStates]]\nchannel = "pigeon"',
        r"s\.toml, line 5: vms\[0\]\.goalStates\[0\]\.channel: 'pigeon' is not known; one of fabric, fast-track",
    ),
    "a time in settings": (
        VM + '[[vms.goalStates]]\nchanges = [{ handler = "A.B", public = { at = 2026-01-01 } }]',
        r"s\.toml, line 4: vms\[0\]\.goalStates\[0\]: it holds a time, or a number that JSON does not have",
    ),
    "a number that is none in settings": (
        VM + '[[vms.goalStates]]\nchanges = [{ handler = "A.B", public = { at = nan } }]',
        r"line 4: .*a number that JSON does not have",
    ),
    "a number of too many digits": ("a = " + "9" * 5000, r"s\.toml: a number has too many digits"),
    "another of them": (
        "[[faults]]\nendpoint = '*'\ndelay = 0x" + "f" * 9000,
        r"s\.toml, line 1: faults\[0\]: it holds",
    ),
    "keys in keys in keys": (
        VM
        + "[[vms.goalStates]]\n[[vms.goalStates.changes]]\nhandler = 'A.B'\npublic."
        + "a." * 2000
        + "a = 1",
        r"s\.toml, line 4: vms\[0\]\.goalStates\[0\]: its values are nested too deeply",
    ),
    "a table of blanks": ("[" + " " * 100_000, r"s\.toml, line 1"),
    "a rule without endpoint": (
        "[[faults]]\nstatus = 500",
        r"s\.toml, line 1: faults\[0\]: 'endpoint' is missing",
    ),
    "packages that are no list": (
        'packages = "a"',
        r"s\.toml, line 1: packages: 'packages' is not of type array",
    ),
    "a package that is no text": (
        "packages = [1]",
        r"s\.toml, line 1: packages\[0\]: the item is not of type string",
    ),
}


@pytest.mark.parametrize(("text", "problem"), REFUSED.values(), ids=REFUSED)
def test_an_impossible_world_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read(text)


def test_text_that_is_not_utf8_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigurationError, match=r"s\.toml, line 2: this is not UTF-8"):
        read_scenario(b"# a\n# \xff", origin="s.toml", folder=Path())


def test_a_byte_order_mark_is_not_in_the_way() -> None:
    assert read_scenario(b"\xef\xbb\xbf" + WHOLE.encode(), origin="s", folder=Path()).steps


def test_a_file_that_is_not_there_or_too_large_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml: cannot be read: No such file"):
        load_scenario(tmp_path / "none.toml")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load_scenario(tmp_path)
    (tmp_path / "large.toml").write_bytes(b"#" * (5 * 1024 * 1024))
    with pytest.raises(ConfigurationError, match=r"large\.toml: a scenario has at most"):
        load_scenario(tmp_path / "large.toml")


@given(cut=st.integers(0, len(WHOLE)), noise=st.text(max_size=20))
def test_a_damaged_scenario_is_read_or_refused(cut: int, noise: str) -> None:
    for text in (WHOLE[:cut] + noise, WHOLE[:cut] + noise + WHOLE[cut:]):
        try:
            read(text)
        except ConfigurationError as error:
            assert str(error).startswith("s.toml")  # noqa: PT017 - either outcome is right, another error is not


PLACES = [
    ("packages", 1),
    ("packages[0]", 1),
    ("fabric", 3),
    ("fabric.fastTrack", 5),
    ("vms[0]", 7),
    ("vms[0].address", 9),
    ("vms[0].users[0].name", 10),
    ("vms[0].goalStates[0]", 12),
    ("vms[0].goalStates[0].changes[0].public.greeting", 17),
    ("vms[0].goalStates[1].onHold", 20),
    ("vms[1].name", 23),
    ("vms[1].unknown", 22),
    ("faults[0].count", 29),
    ("nothing", None),
]


@pytest.mark.parametrize(("place", "line"), PLACES)
def test_a_place_has_the_line_where_it_or_what_is_around_it_stands(place: str, line: int | None) -> None:
    assert Lines.read(WHOLE).of(place) == line
