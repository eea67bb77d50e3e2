"""Just-in-time users that the fabric asks for."""

from dataclasses import dataclass

from limpet.model.ids import Incarnation


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteUser:
    """One just-in-time user.

    encrypted_password: CMS EnvelopedData (DER) to the transport certificate; its plain text is UTF-16LE.
    expiration: the document's text, ``Tue, 01 Jan 2030 00:00:00 GMT``.
    invalid: why this entry cannot be used; it still counts as listed. Source: wire-protocol.md §12.
    """

    name: str
    encrypted_password: bytes
    expiration: str
    groups: tuple[str, ...] = ()
    invalid: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteAccess:
    """The list of just-in-time users of one incarnation."""

    incarnation: Incarnation | None
    version: str | None
    users: tuple[RemoteUser, ...]
