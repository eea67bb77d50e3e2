"""`limpet.hints` is `typing` as far as a start uses it."""

from __future__ import annotations

from tests import interpreters


def said(code: str) -> list[str]:
    return interpreters.said(f"from limpet.lean import lean_hints; lean_hints()\n{code}")


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


def test_tuples_with_names_are_made_as_the_standard_module_makes_them() -> None:
    code = """
from typing import NamedTuple
class Pair(NamedTuple):
    "Two."
    a: int
    b: str = "x"
    @property
    def both(self) -> str:
        return f"{self.a}{self.b}"
print(Pair(1), Pair(1, "y").both, Pair(a=1) == (1, "x"), Pair._fields, Pair.__doc__, Pair.__module__, '_typing' in sys.modules)
"""
    assert said(code) == ["Pair(a=1, b='x') 1y True ('a', 'b') Two. __main__ False"]


def test_anything_else_comes_from_the_standard_module() -> None:
    code = """
import typing
from typing import get_type_hints
class Pair:
    a: int
print(get_type_hints(Pair), typing.__name__, sys.modules["typing"].__name__)
"""
    assert said(code) == ["{'a': <class 'int'>} limpet.hints typing"]
