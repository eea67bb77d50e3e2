"""Passwords, keys and protected settings as a type of their own, which prints as stars wherever it ends up."""

from typing import Generic, NoReturn, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Secret(Generic[T_co]):
    """A value that must not reach a log, a traceback, a plan's printout or a page.

    It compares and hashes by its value, prints as stars and cannot be serialised. Every ``reveal()`` is a
    place to review; a test counts them.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T_co) -> None:
        self._value = value

    def reveal(self) -> T_co:
        """Give the value itself: only where it leaves for its one destination."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not serialised")
