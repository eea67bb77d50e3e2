"""Packages that are not what they should be: each is the handler's error, and nothing of it stays or escapes."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.scenario.handlers import SAMPLE, enable, manifest, raw_package, zipped
from tests.scenario.stage import LAYOUT, LIBRARY, Stage, stage

from limpet.agent.artifacts import DOCUMENT_LIMIT
from limpet.agent.packages import BUDGET, PACKAGE_LIMIT
from limpet.model.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = {"HandlerManifest.json": manifest()}
MIB = 1024 * 1024
WORKED = ["Sample-1.0.0 install", "Sample-1.0.0 enable"]


def with_name(name: str) -> bytes:
    """A package with one member whose name is as given, whatever zip writers make of it."""
    placeholder = "x" * len(name.encode())
    return zipped({**GOOD, placeholder: b"x"}).replace(placeholder.encode(), name.encode())


def special(mode: int, target: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("HandlerManifest.json", manifest())
        info = zipfile.ZipInfo("bin/x")
        info.create_system = 3
        info.external_attr = (mode | 0o777) << 16
        bundle.writestr(info, target)
    return buffer.getvalue()


def doubled() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            bundle.writestr("HandlerManifest.json", manifest())
    return buffer.getvalue()


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        bundle.writestr("HandlerManifest.json", manifest())
        for number in range(3):
            bundle.writestr(f"zeros-{number}", bytes(30 * MIB))
    return buffer.getvalue()


def lying() -> bytes:
    """A member that says it is small and is not."""
    content = bytearray(zipped({**GOOD, "long": b"y" * 1000}))
    start = content.rindex(b"PK\x01\x02")  # the last entry of the table of contents
    content[start + 24 : start + 28] = (10).to_bytes(4, "little")
    return bytes(content)


PACKAGES: list[tuple[str, Callable[[], bytes], str]] = [
    ("a way out", lambda: with_name("../../../etc/cron.d/x"), "leads out of its folder"),
    ("a way out in the middle", lambda: with_name("bin/../../../x"), "leads out of its folder"),
    ("an absolute name", lambda: with_name("/etc/cron.d/x"), "has an absolute name"),
    ("a drive", lambda: with_name("C:/x"), "has an absolute name"),
    ("a backslash", lambda: with_name("bin\\..\\x"), "has a backslash"),
    ("a control character", lambda: with_name("bin/\x01x"), "has no usable name"),
    ("a symbolic link", lambda: special(stat.S_IFLNK, b"/etc/passwd"), "is a link"),
    ("a device", lambda: special(stat.S_IFCHR, b""), "neither a file nor a folder"),
    ("a double", doubled, "is there twice"),
    ("a file that is a folder too", lambda: zipped({**GOOD, "bin": b"", "bin/x": b""}), "is a file and a folder"),
    ("a bomb", bomb, "which is not accepted"),
    ("a lie about its size", lying, "is damaged"),
    ("damage", lambda: zipped(GOOD).replace(b"Command", b"COMMAND", 1), "is damaged"),
    ("nothing", lambda: b"", "not a usable zip"),
    ("a web page", lambda: b"<html>sign in</html>", "not a usable zip"),
    ("half", lambda: zipped(GOOD)[:-30], "not a usable zip"),
    ("no manifest", lambda: zipped({"bin/x": b""}), "the package has no HandlerManifest.json"),
    ("a manifest that is a folder", lambda: zipped({"HandlerManifest.json/x": b""}), "has no HandlerManifest.json"),
]  # fmt: skip


def offering(content: bytes) -> Stage:
    play = stage()
    play.core.host(raw_package(content))
    play.publish(enable())
    play.turn()
    return play


@pytest.mark.parametrize(("kind", "make", "told"), PACKAGES, ids=[kind for kind, _, _ in PACKAGES])
def test_a_package_with_something_wrong_is_refused_and_leaves_nothing(
    kind: str, make: Callable[[], bytes], told: str
) -> None:
    play = offering(make())
    assert play.played == []
    assert play.entry().status == "NotReady"
    assert play.entry().code == (Code.UNKNOWN if "anifest" in kind else Code.DOWNLOAD)
    assert play.message().startswith("Failed to download artifacts: Contoso.Sample 1.0.0: ")
    assert told in play.message()
    assert play.files.info(LAYOUT.archive(SAMPLE, "1.0.0")) is None
    below = sorted(str(path.relative_to(LIBRARY)) for path in play.files.nodes if SAMPLE in str(path))
    assert below == ["Contoso.Sample-1.0.0", "Contoso.Sample-1.0.0/config", "Contoso.Sample-1.0.0/config/HandlerStatus"]  # fmt: skip
    assert {path.parts[1] for path in play.files.nodes if len(path.parts) > 1} == {"var"}
    play.host()
    play.publish(enable())
    play.turn()
    assert play.played == WORKED


MANIFESTS = [
    ("not JSON", b"{", Code.HANDLER_MANIFEST_INVALID),
    ("empty", b"", Code.HANDLER_MANIFEST_INVALID),
    ("not UTF-8", b"\xff\xfe", Code.HANDLER_MANIFEST_INVALID),
    ("zero-width characters", "[{\u200b}]".encode(), Code.HANDLER_MANIFEST_INVALID),
    ("an object", b"{}", Code.UNKNOWN),
    ("nothing", b"[]", Code.UNKNOWN),
    ("null inside", b'[{"handlerManifest": null}]', Code.UNKNOWN),
    ("a command of numbers", b'[{"handlerManifest": {"installCommand": 5}}]', Code.UNKNOWN),
    ("too deep", b"[" * 5000, Code.HANDLER_MANIFEST_INVALID),
    ("too large", b" " * (5 * MIB), Code.HANDLER_MANIFEST_NOT_FOUND),
]


@pytest.mark.parametrize(("kind", "content", "code"), MANIFESTS, ids=[kind for kind, _, _ in MANIFESTS])
def test_a_handler_manifest_that_cannot_be_used_is_the_handlers_error(
    kind: str, content: bytes, code: Code
) -> None:
    play = offering(zipped({"HandlerManifest.json": content}))
    assert play.played == []
    assert play.entry().code == code
    assert "HandlerManifest.json" in play.message()


@pytest.mark.parametrize(
    "name", ["HandlerManifest.json", "inner/HandlerManifest.json", "a/b/HandlerManifest.json"]
)
def test_a_manifest_with_a_byte_order_mark_or_deeper_down_is_found_and_put_right(name: str) -> None:
    play = offering(zipped({name: b"\xef\xbb\xbf" + manifest()}))
    assert play.played == WORKED
    assert play.files.read(play.folder().manifest_file, at_most=10_000) == manifest()


def test_the_manifest_nearest_to_the_root_counts() -> None:
    play = offering(zipped({"a/HandlerManifest.json": manifest(), "HandlerManifest.json": manifest(enableCommand=None)}))  # fmt: skip
    assert play.played == WORKED[:1]


def test_downloads_are_bounded_in_size_and_time() -> None:
    play = offering(zipped(GOOD))
    bounds = [(request.limit, request.timeout) for request in play.machine.fetcher.requests]
    assert bounds == [(DOCUMENT_LIMIT, 60), (PACKAGE_LIMIT, BUDGET)]


def test_a_zip_that_lies_ready_is_used_and_kept() -> None:
    play = stage()
    play.host()
    play.files.replace(LAYOUT.archive(SAMPLE, "1.0.0"), zipped(GOOD))
    play.publish(enable())
    play.turn()
    assert play.played == WORKED
    assert play.files.info(LAYOUT.archive(SAMPLE, "1.0.0")) is not None


def test_a_zip_that_lies_ready_and_is_broken_gives_way_to_a_download() -> None:
    play = stage()
    play.host()
    play.files.replace(LAYOUT.archive(SAMPLE, "1.0.0"), b"half a zip")
    play.publish(enable())
    play.turn()
    assert play.played == WORKED
    assert play.files.info(LAYOUT.archive(SAMPLE, "1.0.0")) is None


def test_every_location_of_a_package_is_tried() -> None:
    play = stage()
    play.host()
    play.publish(enable())
    # The manifest names a second place that has nothing.
    play.core.alter(
        "blob-download",
        lambda body: body.replace(b"<Uri>", b"<Uri>http://storage.example/packages/nothing.zip</Uri><Uri>"),
    )
    for _ in range(4):
        play.publish(enable())
        play.files.remove(play.folder().path)
        play.turn()
        assert play.played == WORKED
