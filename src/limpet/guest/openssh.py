"""Public keys as OpenSSH writes them: one line with options, type, blob and comment. Source: sshd(8), RFC 4253 §6.6."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from dataclasses import dataclass

from limpet.model.errors import MalformedDocument

DOCUMENT = "public key"
LONGEST = 64 * 1024
"""Characters of one key's text, with options; OpenSSH's own limit for a line is near."""

_TYPE = re.compile(r"(?:ssh|ecdsa-sha2|sk-ssh|sk-ecdsa-sha2)-[A-Za-z0-9@.-]+\Z")
_BREAKS = re.compile(r"\r+\n?|\n")

# How many fields follow the type, and how long a field of fixed length is, where the format is known.
_FIELDS = {
    "ssh-ed25519": (1, 32),
    "ssh-rsa": (2, None),
    "ssh-dss": (4, None),
    "ecdsa-sha2-nistp256": (2, None),
    "ecdsa-sha2-nistp384": (2, None),
    "ecdsa-sha2-nistp521": (2, None),
    "sk-ssh-ed25519@openssh.com": (2, None),
    "sk-ecdsa-sha2-nistp256@openssh.com": (3, None),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One public key. options: what stands in front of the type, as it stands; blob: the key in binary."""

    kind: str
    blob: bytes
    options: str = ""
    comment: str = ""

    @property
    def line(self) -> str:
        """How it stands in authorized_keys, without the line's end."""
        text = b2a_base64(self.blob, newline=False).decode()
        return " ".join(word for word in (self.options, self.kind, text, self.comment) if word)

    @property
    def identity(self) -> tuple[str, str, bytes]:
        """What makes it the same as another: the comment does not count."""
        return (self.options, self.kind, self.blob)

    @property
    def sha256(self) -> str:
        """The fingerprint as ssh-keygen prints it today."""
        digest = _sha256(self.blob)
        return "SHA256:" + b2a_base64(digest, newline=False).decode().rstrip("=")

    @property
    def md5(self) -> str:
        """The fingerprint as ssh-keygen printed it before OpenSSH 6.8, without colons."""
        try:
            from _md5 import md5  # type: ignore[import-not-found] # noqa: PLC0415 - as below
        except ImportError:
            from hashlib import md5  # noqa: PLC0415
        digest: str = md5(self.blob, usedforsecurity=False).hexdigest()
        return digest


def _sha256(content: bytes) -> bytes:
    """By the interpreter's own code: hashlib would load a library of 5 MB, for a line of the log."""
    try:
        from _sha256 import sha256  # type: ignore[import-not-found] # noqa: PLC0415
    except ImportError:
        from hashlib import sha256  # noqa: PLC0415
    digest: bytes = sha256(content).digest()
    return digest


def parse_key(line: str) -> Key:
    """Read one line. Raises: MalformedDocument; the key's text is never in the message, it may be a private key."""
    if len(line) > LONGEST:
        raise MalformedDocument(DOCUMENT, f"it has {len(line)} characters; at most {LONGEST} are accepted")
    line = line.strip()
    if "PRIVATE KEY-----" in line:
        raise MalformedDocument(DOCUMENT, "it is a private key, which belongs on no other machine")
    if any(ord(letter) < 32 and letter != "\t" for letter in line) or "\x7f" in line:
        raise MalformedDocument(DOCUMENT, "it has control characters in it")
    options, rest = "", line
    kind, text, comment = _words(rest)
    if not _TYPE.match(kind):
        options, rest = _options(line)
        kind, text, comment = _words(rest)
    if not _TYPE.match(kind):
        raise MalformedDocument(DOCUMENT, "it has no type of key that sshd knows (ssh-, ecdsa-sha2-, sk-)")
    blob = _blob(text)
    fields = _fields(blob)
    if fields is None or not fields or fields[0] != kind.encode():
        if not blob.startswith(len(kind).to_bytes(4) + kind.encode()):
            raise MalformedDocument(
                DOCUMENT, f"it is called {kind[:40]}, but the key itself is not of that type"
            )
        fields = None  # certificates have numbers among their fields
    _check_fields(kind, fields)
    return Key(kind=kind, blob=blob, options=options, comment=comment)


def parse_keys(text: str) -> tuple[Key, ...]:
    """Every key of a text with one key a line; also one key that was broken into lines, as portals do, and keys in blocks.

    Raises: MalformedDocument, when a line is neither a key nor empty nor a comment, or when there is no key at all.
    """
    text = text.removeprefix("\ufeff")
    if "-- BEGIN " in text or "--BEGIN " in text:
        from limpet.guest.foreign_keys import foreign_keys  # noqa: PLC0415 - people mostly have OpenSSH's form

        if found := foreign_keys(_BREAKS.sub("\n", text)):
            return found
    lines = [line for line in _BREAKS.split(text) if line.strip() and not line.lstrip().startswith("#")]
    try:
        keys = tuple(parse_key(line) for line in lines)
    except MalformedDocument as error:
        if len(lines) < 2:
            raise
        try:
            keys = (parse_key(_BREAKS.sub("", text)),)
        except MalformedDocument:
            raise error from None
    if not keys:
        raise MalformedDocument(DOCUMENT, "it is empty")
    return keys


def _words(text: str) -> tuple[str, str, str]:
    words = text.split(None, 2)
    return tuple([*words, "", "", ""][:3])  # type: ignore[return-value] # it has three


def _options(line: str) -> tuple[str, str]:
    """Cut at the first white space outside quotes. Raises: MalformedDocument."""
    quoted, position = False, 0
    while position < len(line):
        letter = line[position]
        if letter == "\\" and line[position + 1 : position + 2] == '"':
            position += 1
        elif letter == '"':
            quoted = not quoted
        elif letter in " \t" and not quoted:
            return line[:position], line[position:].lstrip()
        position += 1
    if quoted:
        raise MalformedDocument(DOCUMENT, "a quote in its options does not end")
    return line, ""


def _blob(text: str) -> bytes:
    try:
        return a2b_base64(text.encode("ascii"), strict_mode=True)
    except (Error, ValueError):
        raise MalformedDocument(DOCUMENT, "what stands behind its type is not base64") from None


def _fields(blob: bytes) -> list[bytes] | None:
    """The length-prefixed fields; None when they do not fill the blob exactly."""
    fields, position = [], 0
    while position < len(blob):
        size = int.from_bytes(blob[position : position + 4])
        end = position + 4 + size
        if position + 4 > len(blob) or end > len(blob):
            return None
        fields.append(blob[position + 4 : end])
        position = end
    return fields


def _check_fields(kind: str, fields: list[bytes] | None) -> None:
    if kind not in _FIELDS:
        return
    count, size = _FIELDS[kind]
    if (
        fields is None
        or len(fields) != count + 1
        or not all(fields)
        or (size is not None and len(fields[1]) != size)
    ):
        raise MalformedDocument(DOCUMENT, f"it is cut short or not a {kind} key")
