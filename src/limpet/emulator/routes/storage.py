"""The blob store's answers. Source: wire-protocol.md §6.1; the published API of the storage service."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from limpet.emulator.exchange import Call, Headers, Reply
from limpet.emulator.storage import signatures
from limpet.emulator.storage.blobs import Blob, BlobRefused, create_page_blob, slice_of, write_pages
from limpet.emulator.world.intake import status_written
from limpet.model.extensions import BlobType

if TYPE_CHECKING:
    from limpet.emulator.routes.context import Context
    from limpet.emulator.storage.blobs import BlobStore
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import VirtualMachine

API_VERSION = "2014-02-14"


def get_blob(world: World, _vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """Download a blob, whole or a range; HEAD gives its properties."""
    try:
        path = _path(world, call)
        blob = world.blobs.blobs.get(path)
        if blob is None or not blob.public:
            signatures.check(world.settings.storage_key.reveal(), path, call.query, "r", context.now)
        blob = world.blobs.get(path)
        status, content, where = slice_of(blob, call.header("x-ms-range") or call.header("range"))
    except BlobRefused as refusal:
        return world, refused(refusal)
    headers: Headers = (
        ("Content-Type", blob.content_type),
        ("Accept-Ranges", "bytes"),
        ("ETag", blob.etag),
        ("Last-Modified", formatdate(blob.modified, usegmt=True)),
        ("x-ms-blob-type", blob.kind.value),
        ("x-ms-version", API_VERSION),
    )
    if where is not None:
        headers = (*headers, ("Content-Range", where))
    return world, Reply(status=status, body=content, headers=headers)


def put_blob(world: World, _vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """Write a blob: whole, as an empty page blob, or some pages of one."""
    return write(world, call, context.now, channel="direct")


def write(world: World, call: Call, now: float, *, channel: str) -> tuple[World, Reply]:
    """The same for a write that came through the host plugin.

    channel: ``direct`` or ``host-plugin``, for the record.
    """
    try:
        path = _path(world, call)
        signatures.check(world.settings.storage_key.reveal(), path, call.query, "w", now)
        blobs = _written(world.blobs, path, call, now)
    except BlobRefused as refusal:
        return world, refused(refusal)
    world = status_written(replace(world, blobs=blobs), path, channel, now)
    blob = blobs.get(path)
    headers = (
        ("ETag", blob.etag),
        ("Last-Modified", formatdate(blob.modified, usegmt=True)),
        ("x-ms-version", API_VERSION),
    )
    return world, Reply(status=201, headers=headers, remarks=_remarks(call))


def refused(refusal: BlobRefused) -> Reply:
    """An error as storage words it."""
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{refusal.code}</Code><Message>{escape(str(refusal))}</Message></Error>"
    )
    return Reply(
        status=refusal.status,
        body=body.encode(),
        headers=(("Content-Type", "application/xml"), ("x-ms-error-code", refusal.code)),
    )


def _written(blobs: BlobStore, path: str, call: Call, now: float) -> BlobStore:
    """The store after this write. Raises: BlobRefused."""
    component = call.query.get("comp", "").lower()
    if component == "page":
        span = call.header("x-ms-range") or call.header("range")
        return write_pages(blobs, path, span, call.header("x-ms-page-write"), call.body, now)
    if component:
        raise BlobRefused(400, "InvalidQueryParameterValue", f"comp={component[:40]} is not emulated")
    match call.header("x-ms-blob-type"):
        case BlobType.BLOCK.value:
            kind = call.header("content-type") or "application/octet-stream"
            return blobs.put(
                path, Blob(kind=BlobType.BLOCK, content=call.body, modified=now, content_type=kind)
            )
        case BlobType.PAGE.value:
            if call.body:
                raise BlobRefused(400, "InvalidHeaderValue", "a page blob is created empty, then written")
            return create_page_blob(blobs, path, call.header("x-ms-blob-content-length"), now)
        case None:
            raise BlobRefused(400, "MissingRequiredHeader", "x-ms-blob-type is missing")
        case other:
            raise BlobRefused(400, "InvalidHeaderValue", f"x-ms-blob-type {other[:40]!r} is not known")


def _path(world: World, call: Call) -> str:
    """The blob's path in the store. Raises: BlobRefused."""
    path = world.settings.storage_prefix
    if not call.path.startswith(f"{path}/"):
        raise BlobRefused(400, "InvalidUri", f"blobs are below {path}/")
    return call.path[len(path) + 1 :]


def _remarks(call: Call) -> tuple[str, ...]:
    return () if call.header("x-ms-version") else ("x-ms-version is missing",)
