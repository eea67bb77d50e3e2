"""What the admin API answers when it cannot do what was asked: what, where, and what to do."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """An answer other than success. where: the part of the request that is meant; todo: what to do about it."""

    def __init__(self, status: int, what: str, *, where: str, todo: str) -> None:
        super().__init__(what)
        self.status = status
        self.what = what
        self.where = where
        self.todo = todo

    def as_json(self) -> dict[str, Any]:
        """The answer's body."""
        return {"what": self.what, "where": self.where, "todo": self.todo}


PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong, in which part of the request, and what to do about it.",
    "required": ["what", "where", "todo"],
    "properties": {
        "what": {"type": "string"},
        "where": {"type": "string"},
        "todo": {"type": "string"},
    },
}
