"""As much of `typing` as stands in annotations and base classes: names, and nothing behind them.

It stands in for the standard module in a process that must start at once (`limpet.lean`). Whoever asks it for anything else
gets that from the standard module, which is loaded then.
"""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False


class _Hint:
    """What may be written in an annotation."""

    __slots__ = ()

    def __getitem__(self, _key: object) -> _Hint:
        return self

    def __or__(self, _other: object) -> _Hint:
        return self

    __ror__ = __or__


class _Name(_Hint):
    """A name for some of the values of another type; called, it gives the value as it is."""

    __slots__ = ()

    def __call__(self, value: object) -> object:
        return value


Any = BinaryIO = IO = Literal = NoReturn = Self = TextIO = _Hint()


class Generic:
    """A base class with parameters."""

    def __class_getitem__(cls, _key: object) -> type:
        return cls


class Protocol(Generic):
    """A base class of what others look like."""


class _Tuples(type):
    def __new__(cls, name: str, _bases: tuple[type, ...], members: dict[str, object]) -> type:
        make = import_module("collections").namedtuple
        fields: dict[str, object] = members.pop("__annotations__", {})  # type: ignore[assignment]
        defaults = [members.pop(field) for field in fields if field in members]
        made: type = make(name, fields, defaults=defaults, module=members.pop("__module__"))
        for key, member in members.items():
            setattr(made, key, member)
        return made


NamedTuple = type.__new__(_Tuples, "NamedTuple", (), {})
"""A base class of tuples whose members have names, for classes without one besides."""


def TypeVar(_name: str, *_bounds: object, covariant: bool = False) -> _Hint:  # noqa: N802, ARG001 - names of the standard library
    """A parameter."""
    return _Hint()


def NewType(_name: str, _of: type) -> _Name:  # noqa: N802
    """A name for some of the values of another type."""
    return _Name()


def __getattr__(name: str) -> object:
    if name.startswith("__"):  # the import system asks for these
        raise AttributeError(name)
    if sys.modules.get("typing") is sys.modules[__name__]:
        del sys.modules["typing"]
    return getattr(import_module("typing"), name)
