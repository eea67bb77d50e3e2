"""Custom data of an IOS XE router: the CSR 1000v's sections, or the SD-WAN bootstrap, which is passed on as it is.

Sections begin with a line ``Section: NAME``, in any letters: ``IOS configuration``, ``Scripts``, ``Python package``, ``License``.
Source: network-appliance.md §1.4, and the vendor's published examples, all of which have the first line. Text without any
section is not applied: no text was found that says it would be, and a shell script taken for configuration would be worse
than none. Every secret of a customer may be in custom data (pre-shared keys, tokens): notes never repeat a line.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.appliance.networkos.iosxe.names import LONGEST_LINE
from limpet.appliance.networkos.iosxe.scan import ConfigurationLine, scan
from limpet.guest.custom_data import decoded
from limpet.model.errors import MalformedDocument
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = "custom data"
LARGEST = 256 * 1024
"""Bytes; the platform's limit is 64 KiB, and base64 in base64 makes it more."""

_MOST_LAYERS = 4
"""The text itself, and base64 around it: of a tool, of a person who did not know of the tool, and of one more."""
_GZIP = b"\x1f\x8b"
CONTROLLER_FILE = "ciscosdwan_cloud_init.cfg"
_MOST_NOTES = 32
_MOST_ENTRIES = 256
_BREAKS = re.compile(r"\r\n|\r|\n")
_HEADER = re.compile(r"[ \t]*section[ \t]*:(.*)", re.IGNORECASE)
_AWS = re.compile(r"[ \t]*ios-config-\d+[ \t]*=", re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+\Z")
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,63}\Z")
_LICENCE = re.compile(r"techpackage[ \t]*:[ \t]*([A-Za-z0-9][A-Za-z0-9_-]{0,63})\Z", re.IGNORECASE)
_MULTIPART = re.compile(r"content-type[ \t]*:[ \t]*multipart/", re.IGNORECASE)
_PART = re.compile(r"text/cloud-(?:config|boothook)", re.IGNORECASE)
_VINITPARAM = re.compile(r"^[ \t]*vinitparam[ \t]*:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """What a person should know of the custom data. line: counted from 1; None where it concerns no line."""

    problem: str
    line: int | None = None

    def describe(self) -> str:
        """One line for people."""
        return self.problem if self.line is None else f"line {self.line}: {self.problem}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """A script to be fetched and run in the guest shell after configuration. Address and arguments may hold tokens."""

    url: Secret[str]
    arguments: Secret[tuple[str, ...]]
    shown: str
    line: int

    def describe(self) -> str:
        """One line for people: neither a query nor arguments are in it."""
        return f"run {self.shown} in the guest shell"


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """A Python package for the guest shell. version: None for the newest. user: installed for the user guestshell alone."""

    name: str
    version: str | None = None
    user: bool = False
    line: int = 0

    def describe(self) -> str:
        """One line for people."""
        wanted = self.name if self.version is None else f"{self.name} {self.version}"
        return f"install the Python package {wanted} in the guest shell{' for its user' if self.user else ''}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomData:
    """What custom data asks for. controller: the SD-WAN bootstrap, byte for byte; the rest is empty then."""

    configuration: tuple[ConfigurationLine, ...] = ()
    scripts: tuple[Script, ...] = ()
    packages: tuple[Package, ...] = ()
    tech_package: str | None = None
    controller: Secret[bytes] | None = None
    notes: tuple[Note, ...] = ()


def parse_custom_data(content: Secret[bytes]) -> CustomData:
    """Read custom data, plain or in base64. Raises: MalformedDocument, when it is too large or is not text."""
    raw = content.reveal()
    if len(raw) > LARGEST:
        raise MalformedDocument(DOCUMENT, f"it has {len(raw)} bytes; at most {LARGEST} are read")
    raw = _out_of_base64(raw)
    text = _text(raw)
    if _is_multipart(text):
        return _multipart(text, raw)
    return _Reading().read(text)


def _out_of_base64(raw: bytes) -> bytes:
    """What is inside, where that is something that is read here, or would be if it were not compressed; else the same."""
    inside = raw
    for _ in range(_MOST_LAYERS):
        if inside.startswith(_GZIP):
            return inside
        try:
            text = _text(inside)
        except MalformedDocument:
            break
        if _is_known(text):
            return inside
        inner = decoded(Secret(text)) if text.strip() else None
        if inner is None:
            break
        inside = inner.reveal()
    return raw


def _text(raw: bytes) -> str:
    """Raises: MalformedDocument, which names the place and never the content."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise MalformedDocument(
                DOCUMENT, "it begins like UTF-16 and is not; give plain text in UTF-8"
            ) from None
    if raw.startswith(_GZIP):
        raise MalformedDocument(DOCUMENT, "it is compressed with gzip; give it as plain text")
    try:
        text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise MalformedDocument(DOCUMENT, f"line {line} is not text in UTF-8; give plain text") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise MalformedDocument(DOCUMENT, f"line {line} has a zero byte in it: it is no text")
    return text


def _lines(text: str) -> list[str]:
    return _BREAKS.split(text)


def _is_multipart(text: str) -> bool:
    """Whether its head, down to the first empty line, says multipart; or it is the bare cloud-config of SD-WAN."""
    for line in _lines(text[:4096].lstrip()):
        if not line.strip():
            break
        if _MULTIPART.match(line):
            return True
    return text.lstrip().startswith("#cloud-config") and _VINITPARAM.search(text) is not None


def _is_known(text: str) -> bool:
    return _is_multipart(text) or any(_HEADER.match(line) for line in _lines(text))


def _multipart(text: str, raw: bytes) -> CustomData:
    if _VINITPARAM.search(text) or (_PART.search(text) and "boothook" in text.lower()):
        return CustomData(controller=Secret(raw))
    return CustomData(
        notes=(
            Note(
                problem="it is a MIME document without vinitparam or a cloud-boothook: nothing of it is for IOS XE"
            ),
        )
    )


class _Reading:
    """One reading of a text with sections."""

    def __init__(self) -> None:
        self.configuration: list[tuple[int, str]] = []
        self.scripts: list[Script] = []
        self.packages: list[Package] = []
        self.tech_package: str | None = None
        self.notes: list[Note] = []
        self.unsaid = 0
        self.sections: dict[str, Callable[[int, str], None]] = {
            "ios configuration": self._configure,
            "scripts": self._script,
            "python package": self._package,
            "license": self._license,
        }

    def read(self, text: str) -> CustomData:
        """Read all lines."""
        section: Callable[[int, str], None] | None = self._before
        seen = False
        for number, line in enumerate(_lines(text), 1):
            header = _HEADER.match(line)
            if header:
                section = self.sections.get(" ".join(header[1].lower().split()))
                seen = True
                if section is None:
                    self._note(
                        number,
                        "this section is none of IOS configuration, Scripts, Python package and License: left out",
                    )
            elif section is not None:
                section(number, line)
        configuration = self._without_ends(_trimmed(self.configuration))
        if not seen and text.strip():
            self.notes = [self._unsectioned(text)]
        if self.unsaid:
            self.notes.append(Note(problem=f"{self.unsaid} more remarks of this kind are left out"))
        return CustomData(
            configuration=configuration,
            scripts=tuple(self.scripts),
            packages=tuple(self.packages),
            tech_package=self.tech_package,
            notes=tuple(self.notes),
        )

    def _without_ends(self, lines: tuple[ConfigurationLine, ...]) -> tuple[ConfigurationLine, ...]:
        """Without every ``end`` that is a command: nothing behind one would be applied, limpet's own lines included."""
        ends = {each.number for each in scan(lines).commands if each.command == "end"}
        for number in sorted(ends):
            self._note(number, "an end with lines behind it, which would not be applied: left out")
        return tuple(line for line in lines if line.number not in ends)

    def _note(self, number: int, problem: str) -> None:
        if len(self.notes) < _MOST_NOTES:
            self.notes.append(Note(problem=problem, line=number))
        else:
            self.unsaid += 1

    @staticmethod
    def _unsectioned(text: str) -> Note:
        if _AWS.match(text.lstrip()):
            problem = "it has the form of another cloud (ios-config-0001=…) and is not applied"
        else:
            problem = "it has no section and is not applied"
        return Note(problem=f"{problem}; begin it with a line 'Section: IOS configuration'", line=1)

    def _before(self, number: int, line: str) -> None:
        if line.strip() and not line.lstrip().startswith(("!", "#")):
            self._note(number, "text before the first section: left out")

    def _configure(self, number: int, line: str) -> None:
        self.configuration.append((number, line))
        if len(line) > LONGEST_LINE:
            self._note(number, f"it has {len(line)} characters; IOS takes at most {LONGEST_LINE} in a line")

    def _script(self, number: int, line: str) -> None:
        words = line.split()
        if not words or words[0].startswith(("!", "#")):
            return
        if not _URL.match(words[0]) or not words[0].isprintable():
            self._note(
                number, "a script is an address such as https://HOST/PATH, with arguments behind it: left out"
            )
        elif len(self.scripts) >= _MOST_ENTRIES:
            self._note(number, f"at most {_MOST_ENTRIES} scripts are taken: left out")
        else:
            arguments = _arguments(line.split(None, 1)[1:])
            self.scripts.append(
                Script(
                    url=Secret(words[0]),
                    arguments=Secret(arguments),
                    shown=_shown(words[0], len(arguments)),
                    line=number,
                )
            )

    def _package(self, number: int, line: str) -> None:
        words = line.split()
        if not words or words[0].startswith(("!", "#")):
            return
        user = words[-1].lower() in {"{--user}", "--user"}
        name, *rest = words[:-1] if user and len(words) > 1 else words
        if not _PACKAGE.match(name) or len(rest) > 1 or not all(map(_VERSION.match, rest)):
            self._note(
                number, "a Python package is NAME, NAME VERSION, or either with {--user} behind it: left out"
            )
        elif len(self.packages) >= _MOST_ENTRIES:
            self._note(number, f"at most {_MOST_ENTRIES} packages are taken: left out")
        else:
            self.packages.append(
                Package(name=name, version=rest[0] if rest else None, user=user, line=number)
            )

    def _license(self, number: int, line: str) -> None:
        text = line.strip()
        if not text or text.startswith(("!", "#")):
            return
        found = _LICENCE.match(text)
        if not found:
            self._note(number, "a licence is TechPackage:NAME: left out")
        elif self.tech_package is not None:
            self._note(number, "a second TechPackage: left out")
        else:
            self.tech_package = found[1]


def _arguments(rest: list[str]) -> tuple[str, ...]:
    """Words as a shell has them, quotes included; quotes that do not close are letters."""
    text = rest[0] if rest else ""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def _shown(url: str, count: int) -> str:
    """An address without what may be secret in it: query, fragment, and the name and password before the host."""
    scheme, _, rest = url.partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    arguments = f"{count} argument{'' if count == 1 else 's'}"
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path} with {arguments}"


def _trimmed(lines: list[tuple[int, str]]) -> tuple[ConfigurationLine, ...]:
    """Without the empty lines at both ends, and without an ``end`` as the last command: the rendering has its own."""
    kept = list(lines)
    while kept and kept[-1][1].strip().lower() in {"", "!", "end"}:
        kept.pop()
    while kept and not kept[0][1].strip():
        kept.pop(0)
    return tuple(ConfigurationLine(number=number, text=Secret(text)) for number, text in kept)
