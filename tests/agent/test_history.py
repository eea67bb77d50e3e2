"""Goal states of the past, without their secrets."""

from __future__ import annotations

import pytest
from tests.agent.parts import LAYOUT

from limpet.agent.history import KEPT, History
from limpet.host.fake import FakeMachine

SECRET = "MIIC/most+secret=="


def recording() -> tuple[FakeMachine, History]:
    fake = FakeMachine()
    return fake, History(fake.files, fake.clock, fake.log, LAYOUT.history)


def kept(content: str) -> str:
    fake, history = recording()
    history.begin("1", {"x": content.encode()})
    (folder,) = fake.files.names(LAYOUT.history)
    return fake.files.read(LAYOUT.history / folder / "x", at_most=100_000).decode()


@pytest.mark.parametrize(
    "text",
    [
        f'{{"protectedSettings": "{SECRET}", "a": 1}}',
        f'{{"PROTECTEDsettings":"{SECRET}"}}',
        f'{{"protectedSettings"\n:\t"{SECRET}"}}',
        f"&quot;protectedSettings&quot;: &quot;{SECRET}&quot;, &quot;a&quot;: 1",
        f"&#34;protectedSettings&#34;:&#34;{SECRET}&#34;",
        f'{{\\"protectedSettings\\": \\"{SECRET}\\"}}',
        f'{{\\\\\\"protectedSettings\\\\\\": \\\\\\"{SECRET}\\\\\\"}}',
        f"https://x.example/y?sv=1&amp;sig={SECRET}",
    ],
)
def test_protected_settings_and_tokens_are_left_out_however_they_are_spelled(text: str) -> None:
    assert SECRET not in kept(text)
    assert "<redacted>" in kept(text)


def test_escapes_inside_a_protected_value_do_not_end_it() -> None:
    for value in ("MII\\/abc", "MII&#43;abc", "MII\\u002babc"):
        assert "abc" not in kept(f'{{"protectedSettings": "{value}"}}')


def test_the_rest_is_kept() -> None:
    text = '{"protectedSettings": null, "protectedSettingsCertThumbprint": "AB", "publicSettings": "{\\"k\\": 1}"}'
    assert kept(text) == text


def test_names_lead_nowhere_else() -> None:
    fake, history = recording()
    history.begin('../../../etc/"x', {"y": b""})
    (folder,) = fake.files.names(LAYOUT.history)
    assert folder == "2026-01-01T00-00-00___________etc__x"


def test_the_oldest_go() -> None:
    fake, history = recording()
    for number in range(KEPT + 3):
        history.begin(str(number), {"x": b""})
        fake.clock.sleep(1)
    names = fake.files.names(LAYOUT.history)
    assert len(names) == KEPT
    assert names[0].endswith("__3")


def test_nothing_is_kept_before_the_first_goal_state() -> None:
    fake, history = recording()
    history.keep("waagent_status.json", b"{}")
    assert fake.files.names(LAYOUT.history) == []


def test_a_disk_that_refuses_is_logged_and_no_more() -> None:
    fake, history = recording()
    fake.files.full = True
    history.begin("1", {"x": b""})
    fake.files.broken[LAYOUT.history] = "Input/output error"
    history.begin("2", {"x": b""})
    assert len(fake.log.of("history.unwritable")) >= 2
