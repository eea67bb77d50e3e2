"""By which documents an image's agent is led."""

from __future__ import annotations

import pytest

from limpet.guest import agent_news, fabric_lease, saying, shell_brief, stage_events
from limpet.guest.appliance_profile import EXCHANGE, exchange_of, render_profile, why_not


def test_what_is_written_is_read() -> None:
    assert exchange_of(render_profile()) == EXCHANGE


@pytest.mark.parametrize(
    "content", [b"", b"exchange", b"exchange x\n", b"exchange -1\n", b"\xff\0", b"limpet 1\n"]
)
def test_what_does_not_say_it_is_not_known(content: bytes) -> None:
    assert exchange_of(content) is None
    assert why_not(exchange_of(content)) is None


def test_an_older_and_a_newer_one_are_told_from_each_other() -> None:
    assert why_not(EXCHANGE) is None
    assert "newer" in (why_not(EXCHANGE + 1) or "")
    assert "older" in (why_not(0) or "")


def test_a_document_of_another_version_is_another_exchange() -> None:
    """Whoever changes one of these raises `EXCHANGE`, and writes down here what belongs to it."""
    modules = (agent_news, fabric_lease, saying, shell_brief, stage_events)
    assert {EXCHANGE: tuple(module.VERSION for module in modules)} == {1: (1, 1, 1, 1, 1)}
