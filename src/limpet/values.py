"""As much of `dataclasses` as this package uses, without generated code: a class is made in a tenth of the time.

It stands in for the standard module in a process that must start at once (`limpet.lean`); tests/test_values.py
compares the two. Instances are made more slowly, which a process that makes a hundred of them does not notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["MISSING", "Field", "FrozenInstanceError", "asdict", "dataclass", "field", "fields", "replace"]


SLOTS = [True]
"""Whether classes that ask for slots get them; without, a class is made once instead of twice, and its values are larger."""


class FrozenInstanceError(AttributeError):
    """A value cannot be changed."""


class _Missing:
    __slots__ = ()


MISSING = _Missing()


class Field:
    """One member of a class of values."""

    __slots__ = ("default", "default_factory", "hash", "kw_only", "metadata", "name", "repr")

    def __init__(
        self,
        default: Any,
        default_factory: Any,
        hash: bool | None,  # noqa: A002 - names are the standard library's
        repr: bool,  # noqa: A002
        metadata: Mapping[str, Any] | None,
    ) -> None:
        self.name = ""
        self.default = default
        self.default_factory = default_factory
        self.hash = hash
        self.repr = repr
        self.kw_only = False
        self.metadata = metadata or {}


def field(
    *,
    default: Any = MISSING,
    default_factory: Any = MISSING,
    hash: bool | None = None,  # noqa: A002
    repr: bool = True,  # noqa: A002
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Say more of a member than its default."""
    return Field(default, default_factory, hash, repr, metadata)


def dataclass(
    cls: type | None = None,
    /,
    *,
    frozen: bool = False,
    kw_only: bool = False,
    slots: bool = False,
    eq: bool = True,
) -> Any:
    """Make a class of values."""

    def make(cls: type) -> Any:
        return _made(cls, frozen=frozen, kw_only=kw_only, slots=slots, eq=eq)

    return make if cls is None else make(cls)


def fields(value: Any) -> tuple[Field, ...]:
    """The members, in order."""
    return tuple(value.__dataclass_fields__.values())


def replace(value: Any, /, **changes: Any) -> Any:
    """The same with other members."""
    for name in value.__dataclass_fields__:
        if name not in changes:
            changes[name] = getattr(value, name)
    return value.__class__(**changes)


def asdict(value: Any) -> Any:
    """Members by name; those that are values, or hold some, likewise."""
    if hasattr(type(value), "__dataclass_fields__"):
        return {name: asdict(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, (list, tuple)):
        return type(value)(asdict(each) for each in value)
    if isinstance(value, dict):
        return {asdict(key): asdict(each) for key, each in value.items()}
    return value


def _made(cls: Any, *, frozen: bool, kw_only: bool, slots: bool, eq: bool) -> Any:
    own: dict[str, Field] = {}
    for name, annotation in cls.__dict__.get("__annotations__", {}).items():  # noqa: RUF063 - inspect is what is avoided
        if "ClassVar" in str(annotation):
            continue
        default = cls.__dict__.get(name, MISSING)
        member = default if isinstance(default, Field) else Field(default, MISSING, None, True, None)
        member.name, member.kw_only = name, kw_only
        own[name] = member
    inherited: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        inherited |= base.__dict__.get("__dataclass_fields__", {})
    every = {**inherited, **own}
    members = _members(cls, every, frozen=frozen, eq=eq)
    return _slotted(cls, own, members) if slots and SLOTS[0] else _plain(cls, own, members)


def _members(cls: Any, every: Mapping[str, Field], *, frozen: bool, eq: bool) -> dict[str, Any]:
    """What a class of values has besides its own."""
    names = tuple([name for name, member in every.items() if not member.kw_only])
    members: dict[str, Any] = {"__dataclass_fields__": every, "__match_args__": names, "__init__": _init}
    if not SLOTS[0]:
        made = [each for each in every.values() if each.default_factory is not MISSING]
        members["__init__"] = _init_at_once
        members["__left_out__"] = {
            name: each.default for name, each in every.items() if each.default is not MISSING
        }
        members["__made__"] = [(each.name, each.default_factory) for each in made]
    if "__repr__" not in cls.__dict__:
        members["__repr__"] = _repr
    if eq and "__eq__" not in cls.__dict__:
        members["__eq__"] = _eq
        members["__hash__"] = _hash if frozen else None
    if frozen:
        members["__setattr__"] = members["__delattr__"] = _refuse
    return members


def _plain(cls: Any, own: Mapping[str, Field], members: Mapping[str, Any]) -> Any:
    for name, member in own.items():
        if isinstance(cls.__dict__.get(name), Field):
            if member.default is MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, member.default)
    for name, value in members.items():
        setattr(cls, name, value)
    return cls


def _slotted(cls: Any, own: Mapping[str, Field], members: Mapping[str, Any]) -> Any:
    taken = {name for base in cls.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    all_members = {name: each for name, each in cls.__dict__.items() if name not in own}
    all_members.pop("__dict__", None)
    all_members.pop("__weakref__", None)
    all_members |= members
    all_members["__slots__"] = tuple([name for name in own if name not in taken])
    made = type(cls)(cls.__name__, cls.__bases__, all_members)
    made.__qualname__ = cls.__qualname__
    return made


def _init(self: Any, /, *positional: Any, **named: Any) -> None:
    put: Callable[[Any, str, Any], None] = object.__setattr__
    members = self.__dataclass_fields__
    names = self.__match_args__
    if len(positional) > len(names):
        raise TypeError(
            f"{type(self).__name__} takes {len(names)} positional arguments, {len(positional)} were given"
        )
    for name, value in zip(names, positional, strict=False):
        if name in named:
            raise TypeError(f"{type(self).__name__} got multiple values for argument {name!r}")
        named[name] = value
    for name, member in members.items():
        if name in named:
            value = named.pop(name)
        elif member.default is not MISSING:
            value = member.default
        elif member.default_factory is not MISSING:
            value = member.default_factory()
        else:
            raise TypeError(f"{type(self).__name__} misses the argument {name!r}")
        put(self, name, value)
    if named:
        raise TypeError(f"{type(self).__name__} got an unexpected argument {next(iter(named))!r}")
    after = getattr(self, "__post_init__", None)
    if after is not None:
        after()


def _init_at_once(self: Any, /, *positional: Any, **named: Any) -> None:
    """The same for classes without slots: what they have is in one dictionary."""
    if positional:
        names = self.__match_args__
        if len(positional) > len(names) or not named.keys().isdisjoint(names[: len(positional)]):
            _init(self, *positional, **named)  # says what is wrong
        named.update(zip(names, positional, strict=False))
    members = self.__dict__
    members.update(self.__left_out__)
    members.update(named)
    for name, make in self.__made__:
        if name not in named:
            members[name] = make()
    if members.keys() != self.__dataclass_fields__.keys():
        members.clear()
        _init(self, **named)
    after = getattr(self, "__post_init__", None)
    if after is not None:
        after()


def _repr(self: Any) -> str:
    members = ", ".join(
        f"{name}={getattr(self, name)!r}" for name, member in self.__dataclass_fields__.items() if member.repr
    )
    return f"{type(self).__qualname__}({members})"


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return all(getattr(self, name) == getattr(other, name) for name in self.__dataclass_fields__)


def _hash(self: Any) -> int:
    return hash(
        tuple(
            getattr(self, name)
            for name, member in self.__dataclass_fields__.items()
            if member.hash is not False
        )
    )


def _refuse(self: Any, name: str, *_value: Any) -> None:
    raise FrozenInstanceError(f"cannot change {name!r} of a {type(self).__name__}")
