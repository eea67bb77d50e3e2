from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.account_removal import plan_home_removal, plan_removal
from limpet.guest.accounts import AccountFacts, AccountWish, plan_account
from limpet.guest.passwd import Group, Shadow, User, parse_group, parse_passwd, parse_shadow, parse_words
from limpet.guest.root_password import LINE, ShadowFile, plan_root_password
from limpet.guest.steps import Remove, Run, Write
from limpet.guest.sudo import SudoFacts, plan_sudo, rule, without_rules
from limpet.host.facts.accounts import look
from limpet.host.fake import FakeClock, FakeMachine
from limpet.model.secret import Secret

SUDOERS = Path("/etc/sudoers.d")
HOME = Path("/home")


def user(name: str, uid: int, home: str | None = None) -> User:
    return User(name=name, uid=uid, gid=uid, comment="", home=home or f"/home/{name}", shell="/bin/sh")


def sudo(rules: bytes | None) -> SudoFacts:
    return SudoFacts(folder=SUDOERS, rules=rules)


def test_a_home_outside_the_place_for_homes_is_never_given_away() -> None:
    for home in ("/", "/root", "/home", "/srv/alice", "/home/../etc"):
        facts = AccountFacts(
            users=(user("alice", 1000, home),),
            groups=(Group(name="alice", gid=1000),),
            home_owner=0,
            noted="alice",
        )
        steps = plan_account(AccountWish(name="alice", home_dir=HOME), facts).steps
        assert [step for step in steps if not isinstance(step, Remove)] == []


def test_a_home_of_another_user_who_is_there_is_left_to_him() -> None:
    facts = AccountFacts(users=(user("bob", 1001),), home_owner=1001)
    steps = plan_account(AccountWish(name="alice", home_dir=HOME), facts).steps
    assert [step.argv[0] for step in steps if isinstance(step, Run)] == ["useradd"]


@pytest.mark.parametrize(
    ("content", "modified", "stale"),
    [(b"812\0", 99.0, True), (b"812\0", 101.0, False), (b"", 101.0, True), (b"\0\0\n", 101.0, True)],
)
def test_a_lock_that_a_power_cut_left_is_removed_and_that_of_a_program_that_works_is_not(
    content: bytes, modified: float, stale: bool
) -> None:
    files = FakeMachine(clock=FakeClock(now=modified)).files
    files.make_folder(Path("/etc"))
    files.make_folder(Path("/proc"))
    files.replace(Path("/proc/stat"), b"cpu  1 2 3\nbtime 100\nprocesses 7\n")
    files.replace(Path("/etc/gshadow.lock"), content)
    wish = AccountWish(name="alice", home_dir=HOME)
    steps = plan_account(wish, look(files, wish)).steps
    assert (Remove(Path("/etc/gshadow.lock")) in steps) == stale
    assert steps[-2] == Run(("useradd", "-m", "-d", "/home/alice", "-s", "/bin/sh", "alice"))


def test_nobody_is_a_system_user() -> None:
    facts = AccountFacts(users=(user("nobody", 65534),))
    assert plan_account(AccountWish(name="nobody", home_dir=HOME), facts).problem is not None


def test_only_whom_useradd_makes_has_a_locked_password_already() -> None:
    line = Shadow(name="ada", hash="$6$old")
    assert AccountFacts().shadow_to_be("ada") == Shadow(name="ada", hash="!")
    assert AccountFacts(shadows=(line,)).shadow_to_be("ada") == line
    assert AccountFacts(users=(user("ada", 1000),)).shadow_to_be("ada") is None


def test_root_is_refused_where_the_account_file_cannot_be_read() -> None:
    assert plan_account(AccountWish(name="root", home_dir=HOME), AccountFacts()).problem is not None


@given(st.text(max_size=300))
def test_account_files_with_anything_in_them_are_read(text: str) -> None:
    for parse in (parse_passwd, parse_group, parse_shadow, parse_words):
        parse(text)


def test_a_line_that_is_too_short_or_has_no_number_is_no_user() -> None:
    assert parse_passwd("a:x:1:1::/:/bin/sh\nb:x:1\nc:x:y:1::/:\n:x:1:1::/:\n+\n") == (
        User(name="a", uid=1, gid=1, comment="", home="/", shell="/bin/sh"),
    )


@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\x0c", "\x1c"])
def test_what_ends_a_line_elsewhere_may_stand_in_somebodys_name(odd: str) -> None:
    (found,) = parse_passwd(
        f"alice:x:1000:1000:Al{odd}ice,,,:/home/alice:/bin/bash\n+@admins::::::\n-bob::::::\n"
    )
    assert (found.name, found.comment, found.home) == ("alice", f"Al{odd}ice,,,", "/home/alice")


@pytest.mark.parametrize("odd", ["9" * 5000, "\u0661", "-1", "1.0", ""])
def test_a_number_that_is_none_is_no_defect_of_ours(odd: str) -> None:
    assert parse_passwd(f"a:x:{odd}:1::/:/bin/sh\na:x:1:{odd}::/:/bin/sh\n") == ()
    assert parse_group(f"a:x:{odd}:\n") == ()
    assert parse_shadow(f"a:!::::::{odd}:\n")[0].expires is None


def test_settings_are_read_from_both_kinds_of_files() -> None:
    assert parse_words("# x\nUID_MIN\t 500 # low\nSHELL=/bin/zsh\nEMPTY\n") == {
        "UID_MIN": "500",
        "SHELL": "/bin/zsh",
    }


@pytest.mark.parametrize(
    ("name", "has_password", "line"),
    [
        ("alice", True, "alice ALL=(ALL) ALL"),
        ("alice", False, "alice ALL=(ALL) NOPASSWD: ALL"),
        ("BOB", True, '"BOB" ALL=(ALL) ALL'),
    ],
)
def test_the_rule_is_exact(name: str, has_password: bool, line: str) -> None:
    assert rule(name, has_password=has_password) == line


@pytest.mark.parametrize(
    ("main", "asked"),
    [
        ("Defaults targetpw\n", True),
        ("Defaults\ttargetpw # as root\n", True),
        ("Defaults env_reset, rootpw\n", True),
        ("Defaults env_reset, \\\n  runaspw\n", True),
        ("Defaults targetpw\nDefaults !targetpw\n", False),
        ("Defaults !targetpw\nDefaults targetpw\n", True),
        ("#Defaults targetpw\n", False),
        ("Defaults:bob targetpw\n", False),
        ("Defaults env_reset\n", False),
        ("", False),
    ],
)
def test_a_user_with_a_password_is_asked_for_his_own(main: str, asked: bool) -> None:
    facts = SudoFacts(folder=Path("/etc/sudoers.d"), main=f"{main}@includedir /etc/sudoers.d\n".encode())
    (step,) = plan_sudo("alice", facts, has_password=True).steps
    assert isinstance(step, Write)
    assert isinstance(step.content, bytes)
    head = b"Defaults:alice !targetpw, !rootpw, !runaspw\n" if asked else b""
    assert step.content == head + b"alice ALL=(ALL) ALL\n"
    again = replace(facts, rules=b"bob ALL=(ALL) ALL\n" + step.content)
    assert plan_sudo("alice", again, has_password=True).steps == ()
    (without,) = plan_sudo("alice", again, has_password=False).steps
    assert isinstance(without, Write)
    assert without.content == b"bob ALL=(ALL) ALL\nalice ALL=(ALL) NOPASSWD: ALL\n"
    assert without_rules(again.rules or b"", "alice") == b"bob ALL=(ALL) ALL\n"


def test_two_rules_for_the_user_become_one() -> None:
    task = plan_sudo(
        "alice", sudo(b"alice ALL=(ALL) ALL\nalice ALL=(ALL) NOPASSWD: ALL\nbob x"), has_password=True
    )
    assert task.steps == (Write(SUDOERS / "waagent", b"bob x\nalice ALL=(ALL) ALL\n", mode=0o440),)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"alice ALL=(ALL) \\\n  ALL, \\\n  /bin/b\nbob x\n", b"bob x\n"),
        (b"bob ALL=ALL, \\\nalice ALL=(ALL) ALL\n", b"bob ALL=ALL, \\\nalice ALL=(ALL) ALL\n"),
        (b"bob x \\", b"bob x \\\n\n"),
    ],
)
def test_a_rule_that_goes_over_several_lines_goes_whole_and_no_other_swallows_the_new_one(
    before: bytes, after: bytes
) -> None:
    (step,) = plan_sudo("alice", sudo(before), has_password=False).steps
    assert step == Write(SUDOERS / "waagent", after + b"alice ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
    (removal,) = plan_removal("alice", AccountFacts(), sudo(after + b"alice x \\\n y\n")).steps
    assert removal == Write(SUDOERS / "waagent", after, mode=0o440)


def test_a_rule_that_others_can_write_is_written_anew() -> None:
    facts = SudoFacts(folder=SUDOERS, rules=b"alice ALL=(ALL) ALL\n", rules_mode=0o666)
    assert len(plan_sudo("alice", facts, has_password=True).steps) == 1


def test_a_deleted_user_loses_its_own_rule_and_no_other() -> None:
    facts = AccountFacts(users=(user("alice", 1000),))
    task = plan_removal("alice", facts, sudo(b"malice ALL=(ALL) ALL\nalice ALL=(ALL) ALL\nbob x alice\n"))
    assert task.steps == (
        Write(SUDOERS / "waagent", b"malice ALL=(ALL) ALL\nbob x alice\n", mode=0o440),
        Run(("userdel", "-f", "alice"), accepted=(0, 6), timeout=300.0),
    )
    assert plan_home_removal("alice", facts, after=(task.name,)).steps == (
        Remove(HOME / "alice"),
        Remove(Path("/var/mail/alice")),
    )


@pytest.mark.parametrize("home", ["/", "/alice", "/home", "/srv/data", "/home/x/../alice", "relative/alice"])
def test_a_home_that_is_not_the_users_alone_stays_when_it_goes(home: str) -> None:
    facts = AccountFacts(users=(user("alice", 1000, home),))
    assert plan_home_removal("alice", facts, after=()).steps == (Remove(Path("/var/mail/alice")),)


def test_a_home_in_which_another_lives_stays_and_that_of_a_system_user_too() -> None:
    facts = AccountFacts(
        users=(user("alice", 1000), user("bob", 1001, "/home/alice/bob"), user("sys", 9, "/home/sys"))
    )
    assert Remove(HOME / "alice") not in plan_home_removal("alice", facts, after=()).steps
    assert plan_home_removal("sys", facts, after=()).steps == ()
    assert plan_home_removal("gone", facts, after=()).steps == ()


def test_a_user_who_is_gone_already_leaves_only_its_rule_to_remove() -> None:
    assert plan_removal("alice", AccountFacts(), sudo(b"alice x\n")).steps == (Remove(SUDOERS / "waagent"),)
    assert plan_removal("alice", AccountFacts(), sudo(None)).steps == ()


@pytest.mark.parametrize("name", ["root", "daemon", "nobody", "", "../x", "a:b"])
def test_a_system_user_or_a_name_that_is_none_is_never_deleted(name: str) -> None:
    facts = AccountFacts(users=(user("root", 0), user("daemon", 1), user("nobody", 65534)))
    task = plan_removal(name, facts, sudo(b"root x\ndaemon x\n"))
    assert task.problem is not None
    assert task.steps == ()


@given(st.lists(st.binary(max_size=20)))
def test_every_line_but_roots_stays_byte_for_byte_when_its_password_is_locked(lines: list[bytes]) -> None:
    content = b"\n".join(lines)
    task = plan_root_password(ShadowFile(path=Path("/etc/shadow"), content=content), wanted=True)
    for step in task.steps:
        assert isinstance(step, Write)
        assert isinstance(step.content, Secret)
        written = step.content.reveal()
        assert written.startswith(LINE + b"\n")
        kept = [line for line in content.splitlines(keepends=True) if not line.startswith(b"root:")]
        assert written[len(LINE) + 1 :] == b"".join(kept)
        again = ShadowFile(path=Path("/etc/shadow"), content=written)
        assert plan_root_password(again, wanted=True).steps == ()
