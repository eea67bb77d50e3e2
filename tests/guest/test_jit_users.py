"""Just-in-time users: what the list and the accounts come to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.accounts import AccountFacts
from limpet.guest.jit_users import JitUser, decide, expiration, password_of
from limpet.guest.passwd import Shadow, User
from limpet.model.remoteaccess import RemoteAccess, RemoteUser

NOW = 1767225600.0
LAST = "Tue, 01 Jan 2030 00:00:00 GMT"
NAMES = ["one", "two", "alice", "root", "daemon"]


def account(name: str, uid: int, comment: str = "JIT_Account") -> User:
    return User(name=name, uid=uid, gid=uid, comment=comment, home=f"/home/{name}", shell="/bin/sh")


def facts(*users: User, password: str = "$6$x$y") -> AccountFacts:
    return AccountFacts(users=users, shadows=tuple(Shadow(name=user.name, hash=password) for user in users))


def listed(*names: str, expires: str = LAST) -> RemoteAccess:
    users = tuple(RemoteUser(name=name, encrypted_password=b"x", expiration=expires) for name in names)
    return RemoteAccess(incarnation=None, version=None, users=users)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59)))  # noqa: DTZ001
def test_every_date_of_the_documented_form_is_read(moment: datetime) -> None:
    aware = moment.replace(microsecond=0, tzinfo=UTC)
    days, months = (
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    )
    text = f"{days[aware.weekday()]}, {aware.day:02} {months[aware.month - 1]} {aware.year:04} {aware:%H:%M:%S} UTC"
    assert expiration(text) == int(aware.timestamp())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253402300799),  # for ever
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Tue, 29 Feb 2028 00:00:00 UTC", 1835395200),
        ("Tue,  1 Jan 2030 0:00:00 GMT", 1893456000),
        ("TUE, 01 jan 2030 00:00:00 gmt", 1893456000),
    ],
)
def test_dates_at_the_edges_are_read(text: str, seconds: int) -> None:
    assert expiration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "2030-01-01", "Tue, 00 Jan 2030 00:00:00 GMT", "Tue, 30 Feb 2030 00:00:00 GMT", "Tue, 01 Jan 2030 24:00:00 GMT",
     "Tue, 01 Jan 2030 00:00:00", "Tue, 01 Jan 2030 00:00:00 +0000", " Tue, 01 Jan 2030 00:00:00 GMT", "x" * 10_000],
)  # fmt: skip
def test_every_other_form_is_none(text: str) -> None:
    assert expiration(text) is None


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    expiration(text)


def test_the_account_expires_a_day_after_the_access() -> None:
    assert JitUser(name="a", expires=1893456000, sealed=b"").last_day == 21916


@given(
    st.lists(st.sampled_from(NAMES), max_size=6),
    st.sets(st.sampled_from(["one", "two"])),
    st.sampled_from([LAST, "Wed, 01 Jan 2020 00:00:00 GMT", "no date"]),
)
def test_nobody_elses_account_is_ever_removed_or_made(names: list[str], ours: set[str], expires: str) -> None:
    users = [account("root", 0), account("daemon", 1), account("alice", 1000, "Alice")]
    users += [account(name, 1001 + number) for number, name in enumerate(sorted(ours))]
    found = decide(listed(*names, expires=expires), facts(*users), NOW)
    assert set(found.remove) <= ours
    assert {user.name for user in found.make} <= {"one", "two"} - ours
    assert not {user.name for user in found.make} & set(found.remove)


@given(st.lists(st.sampled_from(["one", "two"]), unique=True))
def test_when_the_accounts_are_what_the_list_says_there_is_nothing_to_do(names: list[str]) -> None:
    users = [account(name, 1001 + number) for number, name in enumerate(names)]
    found = decide(listed(*names), facts(*users), NOW)
    assert (found.make, found.remove, found.problems) == ((), (), {})
    assert [user.name for user in found.keep] == names


@pytest.mark.parametrize("password", ["!", "!!", "*", ""])
def test_an_account_without_a_password_is_completed(password: str) -> None:
    found = decide(listed("one"), facts(account("one", 1001), password=password), NOW)
    assert [user.name for user in found.make] == ["one"]


def test_the_second_entry_of_one_name_does_not_count() -> None:
    access = listed("one")
    other = RemoteUser(name="one", encrypted_password=b"y", expiration=LAST)
    found = decide(RemoteAccess(incarnation=None, version=None, users=(*access.users, other)), facts(), NOW)
    assert [user.sealed for user in found.make] == [b"x"]
    assert "listed twice" in found.problems["one"]


def test_the_soonest_end_is_known() -> None:
    sooner = RemoteUser(name="two", encrypted_password=b"", expiration="Thu, 01 Jan 2026 00:00:01 GMT")
    access = RemoteAccess(incarnation=None, version=None, users=(*listed("one").users, sooner))
    assert decide(access, facts(), NOW).soonest == 1767225601


def test_a_password_is_utf_16_with_or_without_its_mark() -> None:
    assert password_of("Pä\U0001f40c".encode("utf-16-le")) == "Pä\U0001f40c"
    assert password_of("\ufeffx".encode("utf-16-le")) == "x"
    with pytest.raises(ValueError, match="utf-16"):
        password_of(b"odd")
