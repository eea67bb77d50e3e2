"""What was found of a vendor's programs, one thing after the other."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum

from limpet.model.printable import printable


class Grade(Enum):
    """WARNING: it is allowed, and perhaps not meant. SKIPPED: it could not be looked at, or was not to be."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """check: what was looked at, as a person says it. problem: what is wrong; None where nothing is. seconds: it took."""

    check: str
    grade: Grade = Grade.PASSED
    problem: str | None = None
    seconds: float = 0.0

    def as_line(self) -> str:
        """One line of JSON, which `finding_of` reads."""
        return json.dumps({**asdict(self), "grade": self.grade.value})

    def describe(self) -> str:
        """One line for people."""
        text = f"{self.grade.value:<8} {self.check}"
        if self.problem is not None:
            text += f": {self.problem}"
        return printable(text)


def finding_of(line: str) -> Finding:
    """Read one line. Raises: ValueError, for what is none."""
    found = json.loads(line)
    return Finding(
        check=str(found["check"]),
        grade=Grade(found["grade"]),
        problem=None if found["problem"] is None else str(found["problem"]),
        seconds=float(found["seconds"]),
    )
