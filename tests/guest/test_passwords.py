from __future__ import annotations

import pytest

from limpet.guest.passwd import Shadow
from limpet.guest.passwords import PasswordWish, password_problem, plan_password
from limpet.guest.steps import Run
from limpet.model.errors import HostError
from limpet.model.secret import Secret


class OneHash:
    """Knows one password's hash, and can or cannot make one."""

    method = "6"

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken

    def hashed(self, password: Secret[str]) -> str:
        if self.broken:
            raise HostError("no such method")
        return "$6$s$hash"

    def verifies(self, password: Secret[str], hashed: str) -> bool:
        return hashed == "$6$s$hash"


@pytest.mark.parametrize(
    ("password", "method", "reason"),
    [
        ("", "6", "empty"),
        ("a\0b", "6", "NUL"),
        ("a\nb", "6", "line break"),
        ("a\r", "6", "line break"),
        ("a" * 512, "6", "512 bytes"),
        ("é" * 256, "6", "512 bytes"),
        ("a" * 73, "2b", "73 bytes"),
        ("\ud800", "6", "not Unicode"),
    ],
)
def test_a_password_that_cannot_be_one_is_refused_with_the_reason(
    password: str, method: str, reason: str
) -> None:
    problem = password_problem(Secret(password), method)
    assert problem is not None
    assert reason in problem


@pytest.mark.parametrize(
    "password", [" ", "a" * 511, "".join(map(chr, range(32, 127))), "пароль✓", "\t", "a:b"]
)
def test_a_password_of_any_other_kind_is_taken(password: str) -> None:
    assert password_problem(Secret(password), "6") is None


def test_neither_password_nor_hash_is_in_a_plan_that_is_shown() -> None:
    task = plan_password(PasswordWish(user="alice", password=Secret("sesame")), None, OneHash())
    (step,) = task.steps
    assert isinstance(step, Run)
    assert step.argv == ("chpasswd", "-e")
    assert step.stdin == Secret(b"alice:$6$s$hash\n")
    assert not [word for word in ("sesame", "hash") if word in f"{step.describe()} {task!r}"]


def test_a_password_that_is_set_already_is_not_set_again() -> None:
    shadow = Shadow(name="alice", hash="$6$s$hash")
    assert plan_password(PasswordWish(user="alice", password=Secret("x")), shadow, OneHash()).steps == ()


def test_a_password_of_the_image_is_locked_where_the_media_bring_none() -> None:
    wish = PasswordWish(user="alice", password=None)
    (step,) = plan_password(wish, Shadow(name="alice", hash="$6$s$images"), OneHash()).steps
    assert isinstance(step, Run)
    assert step.stdin == Secret(b"alice:!\n")
    assert plan_password(wish, Shadow(name="alice", hash="!$6$s$images"), OneHash()).steps == ()


def test_a_method_that_the_machine_does_not_know_is_a_problem_and_not_an_end() -> None:
    task = plan_password(PasswordWish(user="alice", password=Secret("x")), None, OneHash(broken=True))
    assert task.problem == "no such method"
