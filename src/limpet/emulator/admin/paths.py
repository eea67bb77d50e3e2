"""The table of the admin API: every operation, from which routes and the OpenAPI document are both made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from limpet.emulator.admin.base import Api
    from limpet.emulator.admin.reading import Member

    Handler = Callable[[Api, Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A member of the query. type: of JSON Schema."""

    name: str
    type: str
    about: str
    required: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path: a row of the table.

    name: the operation's id. members: of the JSON body; None when there is none. upload: the media type of a body that
    is not JSON. answers: status and meaning of success. stream: the media type of an answer that is not JSON.
    """

    method: str
    path: str
    name: str
    handler: Handler
    about: str
    parameters: tuple[Parameter, ...] = ()
    members: tuple[Member, ...] | None = None
    upload: str | None = None
    answers: Mapping[int, str] = field(default_factory=lambda: {200: "done"}, hash=False)
    stream: str | None = None
