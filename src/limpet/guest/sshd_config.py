"""sshd_config(5) as text: read, and changed line by line so that everything else stays. Source: guest-setup.md §A.5.2.

sshd takes the first value of a keyword outside Match blocks, included files where they are included; keywords are in any
case, a value may stand behind '=', and a comment behind a value.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LINE = re.compile(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*)\Z", re.DOTALL)
_COMMENT = re.compile(r"\s#")
_WHOLE_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_KEYBOARD = "kbdinteractiveauthentication"
_OLDER_NAMES = {"challengeresponseauthentication": _KEYBOARD, "skeyauthentication": _KEYBOARD}
"""For sshd one and the same since OpenSSH 8.7: whichever stands first counts."""
_HOME = PurePosixPath("/etc/ssh")
"""What a relative path of an Include is relative to."""


def global_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Each active line outside Match blocks: its number from 0, keyword in lower case, and value without quotes.

    ``Match all`` ends a block.
    """
    inside = False
    for number, line in enumerate(_WHOLE_LINE.findall(text)):
        found = _LINE.match(line)
        if found is None:
            continue
        keyword, value = found[1].lower(), _COMMENT.split(found[2], maxsplit=1)[0].rstrip()
        if keyword == "match":
            inside = value.lower() != "all"
        elif not inside:
            yield number, keyword, value.strip('"')


def value_of(text: str, keyword: str) -> str | None:
    """The value in effect, of this text alone; an older name of the keyword counts too."""
    wanted = _newest(keyword)
    return next((value for _, found, value in global_lines(text) if _newest(found) == wanted), None)


def _newest(keyword: str) -> str:
    keyword = keyword.lower()
    return _OLDER_NAMES.get(keyword, keyword)


def includes(text: str) -> bool:
    """Whether it includes other files outside Match blocks, whatever those say."""
    return value_of(text, "Include") is not None


def includes_early(text: str, folder: str, keywords: Mapping[str, str]) -> bool:
    """Whether files of `folder` are included before any of the keywords is set or anything else included."""
    wanted = {_newest(keyword) for keyword in keywords}
    for _, keyword, value in global_lines(text):
        if keyword == "include":
            return _is_all_of(folder, value.partition(" ")[0])
        if _newest(keyword) in wanted:
            return False
    return False


def _is_all_of(folder: str, pattern: str) -> bool:
    path = _HOME / pattern.strip('"')
    return str(path.parent) == folder and path.name in {"*", "*.conf"}


def with_values(text: str, values: Mapping[str, str]) -> str:
    """`text` with every keyword set, whatever it includes: its first line outside Match blocks is replaced, or one is added.

    It is added before the first file that is included and before the keyword's older name, for both may say otherwise, else
    before the first Match block.
    """
    for keyword, value in values.items():
        text = _with_value(text, keyword, value)
    return text


def _with_value(text: str, keyword: str, value: str) -> str:
    lines = _WHOLE_LINE.findall(text)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    wanted = f"{keyword} {value}\n"
    for number, found, present in global_lines(text):
        if found == keyword.lower():
            if present.lower() == value.lower():
                return text
            lines[number] = wanted
            return "".join(lines)
        otherwise = _newest(found) == _newest(keyword) and present.lower() != value.lower()
        if found == "include" or otherwise:
            lines.insert(number, wanted)
            return "".join(lines)
    lines.insert(_first_match(lines), wanted)
    return "".join(lines)


def _first_match(lines: list[str]) -> int:
    for number, line in enumerate(lines):
        found = _LINE.match(line)
        if found is not None and found[1].lower() == "match":
            return number
    return len(lines)
