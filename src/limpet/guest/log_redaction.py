"""Taking secrets out of logs as they stream by, whatever their encoding: text is looked at as Latin-1, byte for byte.

What is looked for: SAS tokens, passwords and keys by the names they are given, private keys, custom data and passwords of
provisioning documents, authorisation headers, hashes of crypt(3), logins in URLs, secrets in a network OS's configuration.
"""

from __future__ import annotations

import re

from limpet.model.redact import redacted

GONE = "<redacted>"
LONGEST_LINE = 1024 * 1024
"""A line beyond it is no log's: what cannot be cut at a word is left out, characters."""

# Every pattern begins with something fixed, so that a long run of letters is not looked at once for each of its characters.
_KEYED = re.compile(
    r"((?:password|passwd|passphrase|pwd|secret|account_?key|access_?key|api[_-]?key|private_?key|token)"
    r"(?:\\{0,4}[\"'])?\s{0,3}[:=]\s{0,3})"
    r"(?:\\{1,4}\"[^\"\n]*?\\{1,4}\"|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[^\s,;&\"'<>}\]]+)",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(--?(?:password|passwd|secret|token)[ =])\s*[^\s-][^\s]*", re.IGNORECASE)
_AUTHORISATION = re.compile(
    r"(authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:[A-Za-z]+ )?)[^\s\"',;]+", re.IGNORECASE
)
_BEARER = re.compile(r"(\bbearer )[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_CRYPTED = re.compile(r"\$(?:1|2[aby]|5|6|7|y|gy)\$[./A-Za-z0-9$=,]{8,}")
_LOGIN = re.compile(r"(https?://)[^\s/@:\"']{1,200}:[^\s/@\"']{1,200}@", re.IGNORECASE)
_CONFIGURED = re.compile(
    r"(\b(?:enable[ \t]+(?:password|secret)|neighbor[ \t]+\S{1,100}[ \t]+password"
    r"|username[ \t]+\S{1,100}[ \t]+(?:privilege[ \t]+\d{1,2}[ \t]+)?(?:password|secret)|key-string|authentication-key"
    r"|message-digest-key[ \t]+\d{1,3}[ \t]+md5|(?:isis[ \t]+|area-|domain-)password|authentication[ \t]+string"
    r"|snmp-server[ \t]+community|pre-shared-key|nhrp[ \t]+authentication|isakmp[ \t]+key|(?:radius|tacacs)-server[ \t]+key)"
    r"[ \t]+(?:(?:level[ \t]+\d{1,2}|clear|encrypted|md5|\d{1,2})[ \t]+(?=\S)){0,2})\S+",
    re.IGNORECASE,
)
"""What network operating systems keep secret in a configuration, as FRRouting and IOS XE write it."""
_CONFIGURED_ALONE = re.compile(
    r"^([ \t]{0,8}password[ \t]+(?:\d[ \t]+(?=\S))?)\S+(?=[ \t]*\r?$)", re.MULTILINE
)
_BEGIN = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
_END = "PRIVATE KEY-----"
_KEY_BLOCK = re.compile(rf"{_BEGIN}.*?-----END [A-Z0-9 ]{{0,40}}PRIVATE KEY-----", re.DOTALL)
_KEY_BEGUN = re.compile(rf"{_BEGIN}.*\Z", re.DOTALL)
_ELEMENT = r"(<(?:\w{1,40}:)?(?:\w{0,40}Password|CustomData|UserData)(?:\s[^<>]{0,400})?>)"
_ELEMENT_WHOLE = re.compile(rf"{_ELEMENT}[^<]+(?=<)", re.IGNORECASE)
_ELEMENT_BEGUN = re.compile(rf"{_ELEMENT}[^<]*\Z", re.IGNORECASE)


class Redactor:
    """One file's. Blocks go in whole lines; what begins in one may end in a later one."""

    def __init__(self) -> None:
        self._until: str | None = None

    def block(self, text: str) -> str:
        """The same without secrets."""
        if self._until is not None:
            before, found, text = text.partition(self._until)
            del before
            if not found:
                return ""
            text = found + text if self._until == "<" else text
            self._until = None
        text = _KEY_BLOCK.sub(f"<private key {GONE}>", text)
        text = _ELEMENT_WHOLE.sub(rf"\1{GONE}", text)
        begun = _KEY_BEGUN.search(text)
        if begun is not None:
            text, self._until = text[: begun.start()] + f"<private key {GONE}>", _END
        elif (begun := _ELEMENT_BEGUN.search(text)) is not None:
            text, self._until = text[: begun.end(1)] + GONE, "<"
        return _plain(text)


def _plain(text: str) -> str:
    text = redacted(text)
    text = _AUTHORISATION.sub(rf"\1{GONE}", text)
    text = _KEYED.sub(rf"\1{GONE}", text)
    text = _CONFIGURED.sub(rf"\1{GONE}", text)
    text = _CONFIGURED_ALONE.sub(rf"\1{GONE}", text)
    text = _OPTION.sub(rf"\1{GONE}", text)
    text = _BEARER.sub(rf"\1{GONE}", text)
    text = _LOGIN.sub(rf"\1{GONE}@", text)
    return _CRYPTED.sub(GONE, text)


class Lines:
    """Cuts a stream into blocks of whole lines, of bounded size."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._rest = ""
        self._dropping = False

    def feed(self, piece: str) -> str:
        """What can be looked at now."""
        if self._dropping:
            _, found, piece = piece.partition("\n")
            if not found:
                return ""
            self._dropping = False
            piece = "\n" + piece
        text = self._rest + piece
        cut = text.rfind("\n") + 1
        if not cut and len(text) > self._longest:
            cut = max(text.rfind(mark) for mark in (" ", "\t", "<", "\0")) + 1
            if not cut:
                self._rest, self._dropping = "", True
                return f"<a word of more than {self._longest} characters was left out>"
        self._rest = text[cut:]
        return text[:cut]

    def end(self) -> str:
        """What is left at the end."""
        rest, self._rest = self._rest, ""
        return rest
