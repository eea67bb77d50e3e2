"""Public keys as other programs than OpenSSH write them: PuTTY's form (RFC 4716), PEM (SubjectPublicKeyInfo, PKCS #1), certificates."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64

from limpet.guest.certificate_key import certificate_key, info_key, rsa_key
from limpet.guest.openssh import DOCUMENT, Key, parse_key
from limpet.model.errors import MalformedDocument

_BLOCK = re.compile(
    r"-{4,5} ?BEGIN (SSH2 PUBLIC KEY|PUBLIC KEY|RSA PUBLIC KEY|CERTIFICATE) ?-{4,5}"
    r"([^-]*(?:-(?!---)[^-]*)*)-{4,5} ?END \1 ?-{4,5}"
)
"""No two parts of it may take the same letter: the time would grow with the cube of how many there are."""
_HEADER = re.compile(r"([^\s:]{1,64}):((?:[^\n]*\\\n)*[^\n]*)\n")
_LONGEST = 32 * 1024
_SPACE = re.compile(r"\s+")


def foreign_keys(text: str) -> tuple[Key, ...]:
    """Every key of a text with line feeds for line breaks; none where it has no such key, has anything besides, or is long.

    Raises: MalformedDocument, when one of them cannot be used.
    """
    if len(text) > _LONGEST or _BLOCK.sub("", text).strip():
        return ()
    blocks = [*_BLOCK.finditer(text)]
    try:
        return tuple(_key(block[1], block[2].strip(), block[0]) for block in blocks)
    except Error:
        raise MalformedDocument(DOCUMENT, "what stands in its block is not base64") from None
    except MalformedDocument as error:
        raise MalformedDocument(DOCUMENT, error.problem) from None


def _key(form: str, body: str, whole: str) -> Key:
    match form:
        case "SSH2 PUBLIC KEY":
            return _ssh2(body)
        case "CERTIFICATE":
            return certificate_key(whole.encode("ascii", "replace"))
        case "RSA PUBLIC KEY":
            return rsa_key(_octets(body))
        case _:
            return info_key(_octets(body))


def _ssh2(body: str) -> Key:
    """Headers, of which a comment is kept; then what authorized_keys has behind the type. Source: RFC 4716 §3."""
    comment = ""
    while header := _HEADER.match(body):
        if header[1].lower() == "comment":
            comment = header[2].replace("\\\n", "").strip().strip('"')
        body = body[header.end() :]
    blob = _octets(body)
    kind = blob[4 : 4 + int.from_bytes(blob[:4])][:64].decode("ascii", "replace")
    return parse_key(f"{kind} {_SPACE.sub('', body)} {comment}")


def _octets(body: str) -> bytes:
    return a2b_base64(_SPACE.sub("", body).encode("ascii", "replace"), strict_mode=True)
