"""Every key of waagent.conf is honoured, or named with the reason why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from limpet.config.settings import SETTINGS
from limpet.config.waagent import NOT_USED

KEYS = Path(__file__).parent / "waagent_keys.txt"
REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "guest-setup.md"
KEY = re.compile(r"`([A-Z][A-Za-z]*(?:\.[A-Za-z0-9]+)?)`")


def keys() -> list[str]:
    lines = KEYS.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def honoured() -> list[str]:
    return [row.waagent for row in SETTINGS.values() if row.waagent is not None]


def test_every_key_has_a_row() -> None:
    assert len(keys()) > 80
    assert set(keys()) == {*honoured(), *NOT_USED}


def test_a_key_is_either_honoured_or_has_a_reason() -> None:
    assert len(set(honoured())) == len(honoured())
    assert not set(honoured()) & set(NOT_USED)
    assert all(len(reason) > 20 for reason in NOT_USED.values())


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference document is not beside this tree")
def test_the_list_of_keys_is_that_of_the_reference() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    tables = text[text.index("## G.2 Keys") : text.index("## G.4 ")]
    rows = [line.split("|")[1] for line in tables.splitlines() if line.startswith("| `")]
    assert {key for row in rows for key in KEY.findall(row)} == set(keys())
