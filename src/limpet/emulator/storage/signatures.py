"""Shared access signatures: the right to a blob, carried by its URL.

A real signature is an HMAC over the token's fields and the blob's path; so is this one, with a shorter text under it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from limpet.emulator.storage.blobs import BlobRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "2018-03-28"
FOREVER = "9999-01-01T00:00:00Z"


def token(key: bytes, path: str, permissions: str, expiry: str = FOREVER) -> str:
    """The query that opens the blob at `path`. permissions: letters of ``rw``."""
    fields = {"sv": VERSION, "sr": "b", "sk": "system-1", "sp": permissions, "se": expiry}
    signed = {**fields, "sig": _signature(key, path, fields)}
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in signed.items())


def check(key: bytes, path: str, query: Mapping[str, str], permission: str, now: float) -> None:
    """Let a call with a good token pass. Raises: BlobRefused, as storage refuses one without."""
    if "sig" not in query:
        raise BlobRefused(
            404, "ResourceNotFound", "the blob is private; its URL needs a shared access signature"
        )
    fields = {name: query.get(name, "") for name in ("sv", "sr", "sk", "sp", "se")}
    if not hmac.compare_digest(_signature(key, path, fields).encode(), query["sig"].encode()):
        raise BlobRefused(403, "AuthenticationFailed", "the signature does not fit the URL")
    try:
        expiry = datetime.fromisoformat(fields["se"]).timestamp()
    except ValueError as error:
        raise BlobRefused(403, "AuthenticationFailed", f"se is not a time: {fields['se'][:40]!r}") from error
    if expiry < now:
        raise BlobRefused(403, "AuthenticationFailed", f"the signature expired at {fields['se']}")
    if permission not in fields["sp"]:
        raise BlobRefused(
            403, "AuthorizationPermissionMismatch", f"the signature does not allow {permission!r}"
        )


def _signature(key: bytes, path: str, fields: Mapping[str, str]) -> str:
    text = "\n".join([path, *(f"{name}={value}" for name, value in sorted(fields.items()))])
    return base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()
