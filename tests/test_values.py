"""`limpet.values` is `dataclasses` as far as this package uses it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.interpreters import said

from limpet import values


class Soon:
    """Ours, as in a process that ends soon."""

    def __getattr__(self, name: str) -> Any:
        return getattr(values, name)

    @staticmethod
    def dataclass(made: type | None = None, /, **options: Any) -> Any:
        def make(cls: type) -> Any:
            values.SLOTS[0] = False
            try:
                return values.dataclass(**options)(cls)
            finally:
                values.SLOTS[0] = True

        return make if made is None else make(made)


SOON = Soon()
BOTH = pytest.mark.parametrize(
    "library", [dataclasses, values, SOON], ids=["standard", "ours", "ours, for a process that ends soon"]
)


def family(library: Any) -> tuple[Any, Any, Any]:
    @library.dataclass(frozen=True, kw_only=True, slots=True)
    class Parent:
        name: str
        size: int = 3

        def describe(self) -> str:
            return f"{self.name} of {self.size}"

    @library.dataclass(frozen=True, kw_only=True, slots=True)
    class Child(Parent):
        tags: tuple[str, ...] = ()
        notes: dict[str, str] = library.field(default_factory=dict, hash=False)
        hidden: str = library.field(default="", repr=False, metadata={"name": "h"})

    @library.dataclass
    class Loose:
        first: int
        second: list[int] = library.field(default_factory=list)

    return Parent, Child, Loose


def test_a_process_that_ends_soon_makes_its_classes_once_and_its_values_do_not_change_either() -> None:
    code = (
        "import limpet.boot; from limpet.model.network import Lease; made = Lease(interface='a');\n"
        "try: made.other = 1\n"
        "except AttributeError as error: print(type(error).__name__, hasattr(made, '__dict__'))"
    )
    assert said(code) == ["FrozenInstanceError True"]


@BOTH
def test_members_have_their_values_and_defaults(library: Any) -> None:
    _, child, loose = family(library)
    made = child(name="a", tags=("x",))
    assert (made.name, made.size, made.tags, made.notes, made.hidden) == ("a", 3, ("x",), {}, "")
    assert made.describe() == "a of 3"
    assert loose(1).second == []
    assert loose(1, [2]).second == [2]
    assert loose(1).second is not loose(1).second


@BOTH
def test_values_compare_and_hash_by_their_members(library: Any) -> None:
    parent, child, loose = family(library)
    assert child(name="a") == child(name="a")
    assert child(name="a") != child(name="b")
    assert parent(name="a") != child(name="a")
    assert hash(child(name="a", notes={"k": "1"})) == hash(child(name="a", notes={"k": "2"}))
    assert loose(1) == loose(1)
    with pytest.raises(TypeError):
        hash(loose(1))


@BOTH
def test_frozen_values_do_not_change_and_slots_hold_nothing_else(library: Any) -> None:
    parent, _, loose = family(library)
    made = parent(name="a")
    with pytest.raises(library.FrozenInstanceError):
        made.size = 4
    with pytest.raises(library.FrozenInstanceError):
        del made.size
    assert hasattr(made, "__dict__") == (library is SOON)
    changed = loose(1)
    changed.first = 2
    assert changed.first == 2


@BOTH
@pytest.mark.parametrize(("positional", "named"), [((), {}), (("a",), {}), ((), {"name": "a", "other": 1})])
def test_wrong_arguments_are_refused(
    library: Any, positional: tuple[str, ...], named: dict[str, Any]
) -> None:
    parent, _, _ = family(library)
    with pytest.raises(TypeError):
        parent(*positional, **named)


@BOTH
def test_fields_replace_and_match_by_position(library: Any) -> None:
    _, child, loose = family(library)
    assert [member.name for member in library.fields(child)] == ["name", "size", "tags", "notes", "hidden"]
    assert library.fields(child)[-1].metadata["name"] == "h"
    assert library.replace(child(name="a"), size=5).size == 5
    assert library.asdict(child(name="a", tags=("x",)))["tags"] == ("x",)
    match loose(1, [2]):
        case made if made.first == 1:
            pass
        case _:
            pytest.fail("no match")
    assert loose.__match_args__ == ("first", "second")
    assert child.__match_args__ == ()


@BOTH
def test_a_printed_value_shows_its_members_but_the_hidden_ones(library: Any) -> None:
    _, child, _ = family(library)
    assert repr(child(name="a")).endswith("Child(name='a', size=3, tags=(), notes={})")


def test_the_boot_stage_makes_its_values_without_the_standard_module() -> None:
    code = "import limpet.boot; print(sys.modules['dataclasses'].__name__, 'inspect' in sys.modules)"
    assert said(code) == ["limpet.values False"]


def test_patterns_of_the_boot_stage_are_compiled_when_they_are_used_and_do_what_patterns_do() -> None:
    code = (
        "import limpet.boot, re; "
        "a = re.compile('(x)(?P<n>y)', re.IGNORECASE); "
        "print(type(a).__name__, a.match('XY')['n'], a.sub('z', 'axyb'), a.pattern, bool(a.fullmatch('xyz')))"
    )
    assert said(code) == ["LazyPattern Y azb (x)(?P<n>y) False"]
