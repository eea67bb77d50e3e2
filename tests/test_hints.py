"""`limpet.hints` is `typing` as far as a start uses it."""

from __future__ import annotations

import subprocess
import sys


def said(code: str) -> list[str]:
    start = (
        f"import sys; sys.path[:] = {sys.path!r}; from limpet.lean import lean_hints; lean_hints()\n{code}"
    )
    done = subprocess.run(
        [sys.executable, "-ISc", start], check=True, capture_output=True, text=True, timeout=30
    )
    return done.stdout.splitlines()


def test_names_for_annotations_and_base_classes_are_there_without_the_standard_module() -> None:
    code = """
from typing import TYPE_CHECKING, Any, Generic, IO, Literal, NewType, NoReturn, Protocol, Self, TextIO, TypeVar
T = TypeVar("T", covariant=True)
Url = NewType("Url", str)
class Port(Protocol): pass
class Kind(Generic[T]): pass
class Text(Kind[str]):
    url: Url | None = None
    also: None | Literal["a"] = None
print(TYPE_CHECKING, Url("a"), Text().url, isinstance(Port(), Port), 'abc' in sys.modules, '_typing' in sys.modules)
"""
    assert said(code) == ["False a None True True False"]


def test_anything_else_comes_from_the_standard_module() -> None:
    code = """
import typing
from typing import NamedTuple
class Pair(NamedTuple):
    a: int
print(Pair(1), typing.__name__, sys.modules["typing"].__name__)
"""
    assert said(code) == ["Pair(a=1) limpet.hints typing"]
