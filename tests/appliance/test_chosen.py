"""The supervisor's settings: read in a process of its own, and the same as if they were read here."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import pytest
from tests.interpreters import said

from limpet.appliance.chosen import Chosen, chosen, read_apart
from limpet.appliance.terms import config_by, terms_of
from limpet.config.settings import Config

CONFIG = Config(network_os="hooks", programs=Path("/opt/hooks"), left_nics=("eth9",), attempts=7)
READING = (
    "argparse",
    "gettext",
    "tomllib",
    "datetime",
    "typing",
    "limpet.config.settings",
    "limpet.config.options",
)


def values() -> dict[str, object]:
    return {each.name: getattr(CONFIG, each.name) for each in fields(CONFIG) if each.name != "origins"}


def test_every_setting_comes_over_as_it_is() -> None:
    found = read_apart(lambda: chosen(values()))
    assert found is not None
    assert vars(found) == values()


def failing() -> bytes:
    os.write(2, b"nobody reads this")
    raise ValueError


@pytest.mark.parametrize("read", [failing, lambda: chosen({"x": object()})], ids=["fails", "of another kind"])
def test_what_cannot_be_read_there_is_left_to_the_one_who_asks(
    capfd: pytest.CaptureFixture[str], read: object
) -> None:
    assert read_apart(read) is None  # type: ignore[arg-type]
    assert capfd.readouterr() == ("", "")


def test_a_supervisor_has_loaded_nothing_of_what_reads_settings(tmp_path: Path) -> None:
    (tmp_path / "limpet.toml").write_text('[appliance]\nnetwork_os = "frr"\n')
    options = ["run", "--config", str(tmp_path / "limpet.toml"), "--set", "appliance.attempts=9"]
    code = f"""
from limpet.appliance import start, main, supervisor
from limpet.appliance.chosen import read_apart
found = read_apart(lambda: main._chosen({options!r}))
print(found.network_os, found.attempts, *found.words)
print(read_apart(lambda: main._chosen(["run", "--dry-run"])), read_apart(lambda: main._chosen(["run", "--nonsense"])))
print([name for name in {READING!r} if name in sys.modules and sys.modules[name].__name__ == name])
"""
    assert said(code) == [f"frr 9 {' '.join(options[1:])}", "None None", "[]"]


def test_settings_are_replaced_as_those_of_the_table_are() -> None:
    code = """
import sys, limpet.appliance.start
from pathlib import Path
from limpet.appliance.chosen import Chosen
from limpet.appliance.terms import config_by, terms_of
known = Chosen(network_os="kernel", programs=None, left_nics=(), runtime="lxc", guest_gateway="a", guest_address="b", attempts=3)
made = config_by({"network_os": "hooks", "programs": "/opt/x"}, known)
print(type(made).__name__, made.network_os, made.programs, made.attempts, known.network_os, terms_of(made)["programs"])
"""
    assert said(code) == ["Chosen hooks /opt/x 3 kernel /opt/x"]
    assert config_by({}, CONFIG) == CONFIG
    assert terms_of(Chosen(**values())) == terms_of(CONFIG)  # type: ignore[arg-type]


def test_settings_are_replaced_also_where_something_has_loaded_dataclasses_before() -> None:
    made = config_by({"network_os": "kernel", "left_nics": "eth3"}, Chosen(**values()))  # type: ignore[arg-type]
    assert vars(made) == {**values(), "network_os": "kernel", "left_nics": ("eth3",)}
