"""Which sudo rules go with a user, and which homes do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.deprovision_user import UserFacts, plan_user
from limpet.guest.sudo import without_rules

LINES = st.lists(
    st.sampled_from(
        [b"alice ALL=(ALL) ALL", b"alicia ALL=(alice) ALL", b"# alice", b"Defaults:alice !requiretty", b"", b"  alice\tALL=ALL",
         b"bob ALL=ALL, \\", b"alice ALL=ALL, \\", b"  /bin/true", b"%alice ALL=ALL"]
    ),
    max_size=8,
)  # fmt: skip


@given(LINES)
def test_only_rules_of_that_very_user_go(lines: list[bytes]) -> None:
    content = b"".join(line + b"\n" for line in lines)
    rest = without_rules(content, "alice")
    assert without_rules(rest, "alice") == rest
    kept = rest.splitlines()
    for other in (b"alicia ALL=(alice) ALL", b"# alice", b"%alice ALL=ALL"):
        standing = [
            line for before, line in zip([b"", *lines], lines, strict=False) if not before.endswith(b"\\")
        ]
        assert kept.count(other) >= standing.count(other)


@given(st.binary(max_size=200))
def test_a_file_that_does_not_name_the_user_stays_as_it_is(content: bytes) -> None:
    if b"alice" not in content:
        assert without_rules(content, "alice") == content


def test_a_rule_that_goes_over_several_lines_goes_whole() -> None:
    content = b"alice ALL=(ALL) \\\n  /bin/a, \\\n  /bin/b\nbob ALL=ALL\n"
    assert without_rules(content, "alice") == b"bob ALL=ALL\n"


@pytest.mark.parametrize(
    ("home", "kept"),
    [
        ("/home/bob", None),
        ("/home/team/bob", None),
        ("/", "it is not below /home"),
        ("/home", "it is not below /home"),
        ("/var/lib", "it is not below /home"),
        ("/homes/bob", "it is not below /home"),
        ("/home/bob/..", "it is not below /home"),
        ("/home/bob/../../etc", "it is not below /home"),
        ("/home/shared", "/home/shared is the home of another account"),
        ("/home/up", "/home/up/carol is the home of another account"),
    ],
)
def test_a_home_goes_only_when_it_is_the_users_own(home: str, kept: str | None) -> None:
    others = (Path("/home/shared"), Path("/home/up/carol"), Path("/nonexistent"))
    facts = UserFacts(
        name="bob", uid=1000, home=Path(home), home_dir=Path("/home"), homes=others, home_there=True
    )
    assert facts.home_kept == kept
    [task] = plan_user(facts)
    assert (f"remove {home}" in [step.describe() for step in task.steps]) == (kept is None)
    assert any(home in line for line in facts.losses()) == (kept is None)


@pytest.mark.parametrize("uid", [0, 1, 999, 65534])
def test_accounts_of_the_system_are_refused(uid: int) -> None:
    [task] = plan_user(
        UserFacts(name="x", uid=uid, home=Path("/home/x"), home_dir=Path("/home"), home_there=True)
    )
    assert task.steps == ()
    assert "account of the system" in (task.problem or "")


def test_a_user_that_is_gone_already_leaves_only_its_rules_to_be_removed() -> None:
    facts = UserFacts(name="bob", sudoers={Path("/etc/sudoers.d/waagent"): b"bob ALL=ALL\n"})
    [task] = plan_user(facts)
    assert [step.describe() for step in task.steps] == ["remove /etc/sudoers.d/waagent"]
    assert facts.kept == "The user bob is not there any more."
