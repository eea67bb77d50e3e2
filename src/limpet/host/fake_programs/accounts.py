"""The programs of the account database (Debian's passwd package) and the three that give files away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.passwd import parse_group, parse_passwd, parse_shadow, parse_words
from limpet.host.fake_commands import Said

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

PASSWD, GROUP, SHADOW = Path("/etc/passwd"), Path("/etc/group"), Path("/etc/shadow")
SKELETON, DEFAULTS = Path("/etc/skel"), Path("/etc/default/useradd")
TODAY = 20454
"""The day of the fake clock's start, in days since 1970."""

_DAYS = {"2020-01-01": 18262, "2030-01-02": 21916, "2030-01-03": 21917}
_LARGEST = 1 << 22
_FIRST, _LAST = 1000, 60000


@dataclass
class _Options:
    """What stands behind a program's name: flags, flags with a value, and the rest."""

    values: dict[str, str]
    rest: list[str]


def _options(call: Call, with_value: str) -> _Options:
    values, rest = {}, []
    words = iter(call.argv[1:])
    for word in words:
        if word.startswith("-") and len(word) == 2:
            values[word[1]] = next(words) if word[1] in with_value else ""
        else:
            rest.append(word)
    return _Options(values, rest)


def _text(files: FakeFiles, path: Path) -> str:
    return files.read(path, at_most=_LARGEST).decode() if files.info(path) is not None else ""


def _put(files: FakeFiles, path: Path, lines: list[str]) -> None:
    """As the real ones do: a new file in the old one's place, with its mode and owner."""
    info = files.info(path)
    if info is not None:
        content = "".join(f"{line}\n" for line in lines).encode()
        if content != files.read(path, at_most=_LARGEST):
            files.replace(path, content, mode=info.mode, owner=(info.uid, info.gid))


def useradd(files: FakeFiles, call: Call) -> Said:
    """Writes passwd, shadow and group in this order, and makes the home last."""
    options = _options(call, "dsgGec")
    (name,) = options.rest
    if files.info(PASSWD.with_name("passwd.lock")) is not None:
        return Said(exit_code=1, stderr="useradd: cannot lock /etc/passwd; try again later.")
    passwd, group = _text(files, PASSWD), _text(files, GROUP)
    users, groups = parse_passwd(passwd), parse_group(group)
    if any(user.name == name for user in users):
        return Said(exit_code=9, stderr=f"useradd: user '{name}' already exists")
    own = options.values.get("g")
    if own is None and any(each.name == name for each in groups):
        return Said(
            exit_code=9, stderr=f"useradd: group {name} exists - if you want to add this user to it, use -g."
        )
    taken = {user.uid for user in users if _FIRST <= user.uid < _LAST}
    uid = max(taken) + 1 if taken else _FIRST
    gid = uid if own is None else next(each.gid for each in groups if each.name == own)
    home = options.values.get("d", f"/home/{name}")
    line = f"{name}:x:{uid}:{gid}:{options.values.get('c', '')}:{home}:{options.values.get('s', '/bin/sh')}"
    _put(files, PASSWD, [*passwd.splitlines(), line])
    expires = _DAYS.get(options.values.get("e", _default_day(files)), "")
    _put(files, SHADOW, [*_text(files, SHADOW).splitlines(), f"{name}:!:{TODAY}:0:99999:7::{expires}:"])
    more = set(options.values.get("G", "").split(",")) - {""}
    lines = _with_member(group, name, more)
    _put(files, GROUP, lines if own is not None else [*lines, f"{name}:x:{gid}:"])
    if "m" in options.values and files.info(Path(home)) is None:
        files.make_folder(Path(home), mode=0o755, owner=(uid, gid))
        _copy(files, SKELETON, Path(home), owner=(uid, gid))
    return Said()


def _default_day(files: FakeFiles) -> str:
    """The day on which new users expire, by /etc/default/useradd."""
    return parse_words(_text(files, DEFAULTS)).get("EXPIRE", "")


def _with_member(group: str, name: str, more: set[str]) -> list[str]:
    lines = []
    for line in group.splitlines():
        fields = line.split(":")
        members = [member for member in fields[-1].split(",") if member]
        if fields[0] in more and name not in members:
            line = ":".join([*fields[:-1], ",".join([*members, name])])  # noqa: PLW2901
        lines.append(line)
    return lines


def _copy(files: FakeFiles, source: Path, target: Path, *, owner: tuple[int, int]) -> None:
    for path, node in sorted(files.nodes.items()):
        if source in path.parents:
            place = target / path.relative_to(source)
            if node.content is not None:
                files.replace(place, node.content, mode=node.mode, owner=owner)
            else:
                files.make_folder(place, mode=node.mode, owner=owner)


def usermod(files: FakeFiles, call: Call) -> Said:
    """Adds to groups (-a -G) and sets the day of expiry (-e)."""
    options = _options(call, "Ge")
    (name,) = options.rest
    if not any(user.name == name for user in parse_passwd(_text(files, PASSWD))):
        return Said(exit_code=6, stderr=f"usermod: user '{name}' does not exist")
    more = set(options.values.get("G", "").split(",")) - {""}
    group = _text(files, GROUP)
    unknown = more - {each.name for each in parse_group(group)}
    if unknown:
        return Said(exit_code=6, stderr=f"usermod: group '{min(unknown)}' does not exist")
    _put(files, GROUP, _with_member(group, name, more))
    if "e" in options.values:
        lines = []
        for line in _text(files, SHADOW).splitlines():
            fields = line.split(":")
            if fields[0] == name:
                fields[7] = str(_DAYS[options.values["e"]])
            lines.append(":".join(fields))
        _put(files, SHADOW, lines)
    return Said()


def groupadd(files: FakeFiles, call: Call) -> Said:
    """Adds a group with the id given."""
    options = _options(call, "g")
    _put(files, GROUP, [*_text(files, GROUP).splitlines(), f"{options.rest[0]}:x:{options.values['g']}:"])
    return Said()


def userdel(files: FakeFiles, call: Call) -> Said:
    """Takes the user out of every file, then its home."""
    options = _options(call, "")
    (name,) = options.rest
    user = next((user for user in parse_passwd(_text(files, PASSWD)) if user.name == name), None)
    if user is None:
        return Said(exit_code=6, stderr=f"userdel: user '{name}' does not exist")
    for path in (PASSWD, SHADOW):
        _put(files, path, [line for line in _text(files, path).splitlines() if line.split(":")[0] != name])
    lines = []
    for line in _text(files, GROUP).splitlines():
        *fields, members = line.split(":")
        if fields[0] != name:
            lines.append(":".join([*fields, ",".join(each for each in members.split(",") if each != name)]))
    _put(files, GROUP, lines)
    if "r" in options.values:
        files.remove(Path(user.home))
    return Said()


def chpasswd(files: FakeFiles, call: Call) -> Said:
    """With -e: hashes as they are; a user of passwd without a line in shadow gets one."""
    if call.argv[1:] != ("-e",):
        return Said(exit_code=2, stderr="chpasswd: only -e is played here")
    users = {user.name for user in parse_passwd(_text(files, PASSWD))}
    for number, line in enumerate(call.stdin.decode().splitlines(), 1):
        name, colon, hashed = line.partition(":")
        if not colon:
            return Said(exit_code=1, stderr=f"chpasswd: line {number}: missing new password")
        if name not in users:
            return Said(exit_code=1, stderr=f"chpasswd: line {number}: user '{name}' does not exist")
        shadow = _text(files, SHADOW)
        lines = []
        for old in shadow.splitlines():
            fields = old.split(":")
            if fields[0] == name:
                fields[1:3] = [hashed, str(TODAY)]
            lines.append(":".join(fields))
        if not any(each.name == name for each in parse_shadow(shadow)):
            lines.append(f"{name}:{hashed}:{TODAY}:0:99999:7:::")
        _put(files, SHADOW, lines)
    return Said()


def cp(files: FakeFiles, call: Call) -> Said:
    """Copies what is in a folder: -a FOLDER/. FOLDER."""
    source, target = Path(call.argv[-2]), Path(call.argv[-1])
    if files.info(source) is None:
        return Said(exit_code=1, stderr=f"cp: cannot stat '{source}': No such file or directory")
    _copy(files, source, target, owner=(0, 0))
    return Said()


def chown(files: FakeFiles, call: Call) -> Said:
    """Gives a file, or all below a folder, to a user: -h or -hR USER: PATH."""
    name, path = call.argv[-2].rstrip(":"), Path(call.argv[-1])
    user = next((user for user in parse_passwd(_text(files, PASSWD)) if user.name == name), None)
    if user is None:
        return Said(exit_code=1, stderr=f"chown: invalid user: '{name}:'")
    for each in sorted(files.nodes, reverse=True):  # what is in a folder before the folder
        if each == path or ("R" in call.argv[1] and path in each.parents):
            files.before()
            files.nodes[each] = replace(files.nodes[each], owner=(user.uid, user.gid))
    return Said()


def chmod(files: FakeFiles, call: Call) -> Said:
    """Takes others' right to write (go-w PATH), or sets a mode (OCTAL PATH)."""
    mode, path = call.argv[-2], Path(call.argv[-1])
    node = files.nodes.get(path)
    if node is None:
        return Said(exit_code=1, stderr=f"chmod: cannot access '{path}': No such file or directory")
    files.before()
    files.nodes[path] = replace(node, mode=node.mode & ~0o022 if mode == "go-w" else int(mode, 8))
    return Said()


PROGRAMS: dict[str, Callable[[FakeFiles, Call], Said]] = {
    "useradd": useradd,
    "usermod": usermod,
    "userdel": userdel,
    "groupadd": groupadd,
    "chpasswd": chpasswd,
    "cp": cp,
    "chown": chown,
    "chmod": chmod,
}
