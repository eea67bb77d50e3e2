from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.sshd import SshdFacts, SshdWish, password_login, plan_sshd
from limpet.guest.sshd_config import includes_early, value_of, with_values
from limpet.guest.steps import Run, Write

WANTED = {"PasswordAuthentication": "no"}
SSH = Path("/etc/ssh")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "PasswordAuthentication no\n"),
        ("UsePAM yes", "UsePAM yes\nPasswordAuthentication no\n"),
        (
            "PasswordAuthentication yes\nPasswordAuthentication yes\n",
            "PasswordAuthentication no\nPasswordAuthentication yes\n",
        ),
        ("  passwordauthentication = yes\nX y\n", "PasswordAuthentication no\nX y\n"),
        (
            "Match User a\nPasswordAuthentication no\n",
            "PasswordAuthentication no\nMatch User a\nPasswordAuthentication no\n",
        ),
        (
            "match user a\nX y\nMatch all\nPasswordAuthentication yes\n",
            "match user a\nX y\nMatch all\nPasswordAuthentication no\n",
        ),
        ('PasswordAuthentication "no"\n', 'PasswordAuthentication "no"\n'),
        ("PASSWORDAUTHENTICATION NO\n", "PASSWORDAUTHENTICATION NO\n"),
        ("#PasswordAuthentication yes\n", "#PasswordAuthentication yes\nPasswordAuthentication no\n"),
    ],
)
def test_the_first_line_outside_match_blocks_is_the_one_that_counts(before: str, after: str) -> None:
    assert with_values(before, WANTED) == after


lines = st.sampled_from(
    [
        "PasswordAuthentication yes",
        "passwordauthentication=no",
        "Match User bob",
        "Match all",
        "# x",
        "",
        "UsePAM yes",
        "\tX y",
    ]
)


@given(st.lists(lines))
def test_whatever_the_file_says_the_value_is_set_and_setting_it_again_changes_nothing(
    parts: list[str],
) -> None:
    text = "".join(f"{part}\n" for part in parts)
    changed = with_values(text, WANTED)
    assert value_of(changed, "PasswordAuthentication") == "no"
    assert with_values(changed, WANTED) == changed
    assert len(changed.splitlines()) - len(parts) in {0, 1}


@pytest.mark.parametrize(
    ("text", "early"),
    [
        ("Include /etc/ssh/sshd_config.d/*.conf\n", True),
        ("Port 22\ninclude  /etc/x /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\n", True),
        ("PasswordAuthentication yes\nInclude /etc/ssh/sshd_config.d/*.conf\n", False),
        ("Match all\nMatch User x\nInclude /etc/ssh/sshd_config.d/*.conf\n", False),
        ("#Include /etc/ssh/sshd_config.d/*.conf\n", False),
        ("", False),
    ],
)
def test_drop_ins_are_used_only_where_they_are_read_first(text: str, early: bool) -> None:
    assert includes_early(text, "/etc/ssh/sshd_config.d", WANTED) == early


@pytest.mark.parametrize(
    ("disabled", "has_password", "login"),
    [
        (True, True, False),
        (True, False, False),
        (False, False, True),
        (None, True, True),
        (None, False, None),
    ],
)
def test_passwords_are_taken_as_the_media_say(
    disabled: bool | None, has_password: bool, login: bool | None
) -> None:
    assert password_login(disabled=disabled, has_password=has_password) is login


def test_without_sshd_there_is_nothing_to_configure() -> None:
    wish = SshdWish(folder=SSH, password_login=True, client_alive_interval=180)
    assert plan_sshd(wish, SshdFacts()).steps == ()


def test_a_running_sshd_without_systemd_is_told_by_a_signal() -> None:
    wish = SshdWish(folder=SSH, password_login=False)
    steps = plan_sshd(wish, SshdFacts(config="", pid=77)).steps
    assert Run(("kill", "-HUP", "77")) in steps


def test_a_change_that_was_cut_short_before_sshd_was_told_is_told() -> None:
    wish = SshdWish(folder=SSH, password_login=False)
    done = with_values("", {"PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no"})
    steps = plan_sshd(wish, SshdFacts(config=done, pid=77, trial=True)).steps
    assert [step.describe() for step in steps] == ["run kill -HUP 77", "remove /etc/ssh/.limpet-sshd_config"]


def test_what_sshd_refuses_never_takes_the_place_of_its_configuration() -> None:
    steps = plan_sshd(
        SshdWish(folder=SSH, password_login=False), SshdFacts(config="Bogus x\n", pid=77, unit="ssh")
    ).steps
    tried = next(number for number, step in enumerate(steps) if isinstance(step, Run) and "-t" in step.argv)
    assert all(isinstance(step, Write) and step.path.name == ".limpet-sshd_config" for step in steps[:tried])
