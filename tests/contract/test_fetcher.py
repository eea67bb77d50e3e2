"""The Fetcher port: the same behaviour from memory and from a worker process."""

from __future__ import annotations

import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.host.servers import Peer, serving
from tests.host.zips import PACKAGE, claiming_size, member, renamed, with_flags, zipped

from limpet.host.fake import FakeClock, FakeFetcher, FakeFiles
from limpet.host.fetch import WorkerFetcher
from limpet.host.files import RealFiles
from limpet.model.errors import FabricBusy, FabricRefused, FabricStale, FabricUnreachable, HostError
from limpet.wire.http import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.host.ports import Fetcher, Files

MANY = 1 << 24


@dataclass
class Bench:
    """A fetcher, where its files go, and what the web holds: responses by target."""

    fetcher: Fetcher
    files: Files
    folder: Path
    base: str
    web: dict[str, Response]
    asked: Callable[[], bytes]

    def fetch(self, target: str, *, limit: int = MANY) -> bytes:
        self.fetcher.fetch(
            self.base + target, self.folder / "got", headers={"x-ms-version": "1"}, limit=limit, timeout=20
        )
        return self.files.read(self.folder / "got", at_most=MANY)

    def unpack(self, archive: bytes) -> dict[str, bytes]:
        self.files.replace(self.folder / "p.zip", archive)
        self.fetcher.unpack(self.folder / "p.zip", self.folder / "handler")
        return dict(self.tree(self.folder / "handler"))

    def tree(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        for name in self.files.names(folder):
            info = self.files.info(folder / name)
            assert info is not None
            if info.is_folder:
                yield from ((f"{name}/{below}", content) for below, content in self.tree(folder / name))
            else:
                assert info.is_file
                yield name, self.files.read(folder / name, at_most=MANY)


@pytest.fixture(params=["fake", "real"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    web: dict[str, Response] = {}
    nothing = Response(status=404)
    if request.param == "fake":
        files = FakeFiles(FakeClock())
        files.make_folder(Path("/f"))
        fetcher = FakeFetcher(files, lambda asked: web.get(asked.url.removeprefix("http://web"), nothing))

        def last() -> bytes:
            return b"".join(
                f"{name}: {value}\n".encode() for name, value in fetcher.requests[-1].headers.items()
            )

        yield Bench(fetcher, files, Path("/f"), "http://web", web, last)
        return

    def converse(peer: Peer) -> None:
        head = peer.request()
        response = web.get(head.split()[1].decode(), nothing)
        extra = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
        peer.answer(response.body, status=f"{response.status} Word", headers=extra)

    with serving(converse) as server:
        worker = WorkerFetcher()
        yield Bench(worker, RealFiles(), tmp_path, server.url(""), web, lambda: server.requests[-1])
        worker.close()


def test_a_body_is_put_at_its_destination_and_the_headers_were_sent(bench: Bench) -> None:
    bench.web["/a?sig=x"] = Response(status=200, body=b"content")
    assert bench.fetch("/a?sig=x") == b"content"
    assert b"x-ms-version: 1" in bench.asked()
    assert bench.files.names(bench.folder) == ["got"]


def test_a_second_download_takes_the_place_of_the_first(bench: Bench) -> None:
    bench.web["/a"] = Response(status=200, body=b"one")
    bench.web["/b"] = Response(status=200, body=b"")
    assert bench.fetch("/a") == b"one"
    assert bench.fetch("/b") == b""


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, FabricRefused), (403, FabricBusy), (503, FabricBusy), (410, FabricStale), (304, FabricRefused),
        (204, FabricRefused), (203, FabricRefused), (206, FabricBusy),
    ],
)  # fmt: skip
def test_another_answer_than_a_success_is_refused_with_its_status_and_leaves_no_file(
    bench: Bench, status: int, kind: type[FabricRefused]
) -> None:
    bench.web["/a"] = Response(status=status)
    with pytest.raises(FabricRefused) as refused:
        bench.fetch("/a")
    assert type(refused.value) is kind
    assert refused.value.status == status
    assert bench.files.names(bench.folder) == []


@pytest.mark.parametrize("status", [200, 201, 202])
def test_each_of_the_three_successes_brings_the_file(bench: Bench, status: int) -> None:
    bench.web["/a"] = Response(status=status, body=b"content")
    assert bench.fetch("/a") == b"content"
    assert bench.files.names(bench.folder) == ["got"]


def test_a_body_beyond_the_limit_is_not_kept(bench: Bench) -> None:
    bench.web["/a"] = Response(status=200, body=b"12345")
    with pytest.raises(FabricUnreachable, match="5 bytes; at most 4"):
        bench.fetch("/a", limit=4)
    assert bench.files.names(bench.folder) == []


def test_a_download_into_a_folder_that_is_missing_is_an_error_of_the_host(bench: Bench) -> None:
    bench.web["/a"] = Response(status=200)
    with pytest.raises(HostError, match="No such file"):
        bench.fetcher.fetch(bench.base + "/a", bench.folder / "no" / "x", headers={}, limit=1, timeout=20)


def test_a_small_request_is_answered_whatever_its_status(bench: Bench) -> None:
    bench.web["/blob"] = Response(status=409, headers={"X-Ms-Error": "Conflict"}, body=b"why")
    response = bench.fetcher.exchange(Request(method="PUT", url=bench.base + "/blob", body=b"status"))
    assert (response.status, response.headers["x-ms-error"], response.body) == (409, "Conflict", b"why")


def test_a_package_is_expanded_whole_and_its_files_can_be_executed(bench: Bench) -> None:
    tree = bench.unpack(zipped())
    assert tree == {name: content for name, content in PACKAGE.items() if not name.endswith("/")}
    for name in tree:
        info = bench.files.info(bench.folder / "handler" / name)
        assert info is not None
        assert info.mode & stat.S_IXUSR
    assert bench.files.names(bench.folder) == ["handler", "p.zip"]


def test_an_archive_without_members_gives_an_empty_folder(bench: Bench) -> None:
    assert bench.unpack(zipped({})) == {}
    assert bench.files.names(bench.folder) == ["handler", "p.zip"]


@pytest.mark.parametrize(("name", "path"), [("./a", "a"), (".//a", "a"), ("b/./a", "b/a"), ("b//a", "b/a")])
def test_empty_steps_in_a_name_are_passed_over(bench: Bench, name: str, path: str) -> None:
    assert bench.unpack(zipped({name: b"x"})) == {path: b"x"}


BAD = {
    "parent": (zipped({"../escaped": b""}), "leads out"),
    "parent inside": (zipped({"a/../../escaped": b""}), "leads out"),
    "absolute": (zipped({"/etc/escaped": b""}), "absolute"),
    "drive": (zipped({"C:/escaped": b""}), "absolute"),
    "backslash": (zipped({"..\\escaped": b""}), "backslash"),
    "null": (renamed(zipped({"aXb": b""}), b"aXb", b"a\0b"), "no usable name"),
    "control": (zipped({"a\x1b[2Jb": b""}), "no usable name"),
    "link": (zipped([(member("l", kind=stat.S_IFLNK), b"/etc/passwd")]), "is a link"),
    "device": (zipped([(member("d", kind=stat.S_IFCHR), b"")]), "neither a file nor a folder"),
    "fifo": (zipped([(member("f", kind=stat.S_IFIFO), b"")]), "neither a file nor a folder"),
    "folder without slash": (zipped([(member("d", kind=stat.S_IFDIR), b"")]), "file and a folder"),
    "folder with content": (zipped([("d/", b"content")]), "file and a folder"),
    "double": (renamed(zipped({"one": b"1", "two": b"2"}), b"two", b"one"), "twice"),
    "double in other words": (zipped({"a/b": b"1", "a/./b": b"2"}), "twice"),
    "file and folder": (zipped({"a": b"1", "a/b": b"2"}), "a file and a folder"),
    "encrypted": (with_flags(zipped({"a": b"x"}), 1), "encrypted"),
    "method": (zipped([(member("a", method=zipfile.ZIP_BZIP2), b"x")]), "method 12"),
    "crc": (zipped([(member("a", method=zipfile.ZIP_STORED), b"HELLO")]).replace(b"HELLO", b"JELLO"), "damaged"),
    "longer than it says": (claiming_size(zipped({"a": b"x" * 100}), 50), "damaged"),
    "shorter than it says": (claiming_size(zipped({"a": b"x" * 100}), 150), "damaged"),
    "bomb": (zipped({"a": bytes(80 * 1024 * 1024)}), "expands from"),
    "bomb that claims little": (claiming_size(zipped({"a": bytes(80 * 1024 * 1024)}), 1000), "damaged"),
    "claims terabytes": (claiming_size(zipped({"a": b"x"}), 0xFFFFFFFE), "expands from"),
    "cut": (zipped()[:-30], "not a usable zip"),
    "empty": (b"", "not a usable zip"),
    "text": (b"<html>not here</html>" * 100, "not a usable zip"),
}  # fmt: skip


@pytest.mark.parametrize(("archive", "why"), BAD.values(), ids=BAD)
def test_a_bad_archive_is_refused_with_a_reason_and_leaves_nothing(
    bench: Bench, archive: bytes, why: str
) -> None:
    with pytest.raises(HostError, match=why):
        bench.unpack(archive)
    assert bench.files.names(bench.folder) == ["p.zip"]
    assert bench.files.info(bench.folder.parent / "escaped") is None


def test_the_member_that_is_refused_is_named(bench: Bench) -> None:
    with pytest.raises(HostError, match=r"p\.zip: 'bin/\.\./\.\./evil' leads out of its folder"):
        bench.unpack(zipped({"good": b"", "bin/../../evil": b""}))


def here_before(bench: Bench) -> dict[str, bytes]:
    """An older content of the folder, with what a handler has kept there."""
    found = {"mrseq": b"7", "config/HandlerState": b"FailedUpgrade", "bin/tool": b"old", "bin/more": b"more",
             "HandlerManifest.json": b"old", "a/b/HandlerManifest.json": b"old", "a/b/c": b"deep"}  # fmt: skip
    for name, content in found.items():
        bench.files.make_folder((bench.folder / "handler" / name).parent)
        bench.files.replace(bench.folder / "handler" / name, content, mode=0o600)
    return found


def test_what_a_handler_has_kept_in_its_folder_stays_and_manifests_are_the_packages(bench: Bench) -> None:
    old = here_before(bench)
    tree = bench.unpack(zipped({"bin/tool": b"new", "inner/HandlerManifest.json": b"new"}))
    kept = {name: content for name, content in old.items() if "Manifest" not in name}
    assert tree == {**kept, "bin/tool": b"new", "inner/HandlerManifest.json": b"new"}
    assert bench.files.names(bench.folder) == ["handler", "p.zip"]
    info = bench.files.info(bench.folder / "handler/mrseq")
    assert info is not None
    assert (info.mode, info.links) == (0o600, 1)


def test_a_file_and_a_folder_of_one_name_are_the_packages(bench: Bench) -> None:
    for name in ("one/x", "two"):
        bench.files.make_folder((bench.folder / "handler" / name).parent)
        bench.files.replace(bench.folder / "handler" / name, b"old")
    assert bench.unpack(zipped({"one": b"new", "two/y": b"new"})) == {"one": b"new", "two/y": b"new"}


@pytest.mark.parametrize("name", ["parent", "cut", "crc"])
def test_a_bad_archive_leaves_a_folder_as_it_was(bench: Bench, name: str) -> None:
    old = here_before(bench)
    with pytest.raises(HostError):
        bench.unpack(BAD[name][0])
    assert dict(bench.tree(bench.folder / "handler")) == old
    assert bench.files.names(bench.folder) == ["handler", "p.zip"]


def test_a_file_in_the_folders_place_gives_way(bench: Bench) -> None:
    bench.files.replace(bench.folder / "handler", b"in the way")
    assert bench.unpack(zipped({"a": b"x"})) == {"a": b"x"}


def test_an_archive_that_is_missing_is_said(bench: Bench) -> None:
    with pytest.raises(HostError, match=r"cannot expand no\.zip"):
        bench.fetcher.unpack(bench.folder / "no.zip", bench.folder / "handler")


def test_after_its_end_a_fetcher_begins_anew(bench: Bench) -> None:
    bench.fetcher.close()
    bench.fetcher.close()
    bench.web["/a"] = Response(status=200, body=b"x")
    assert bench.fetch("/a") == b"x"


def test_a_file_is_the_body_of_a_request(bench: Bench) -> None:
    bench.web["/log"] = Response(status=201, body=b"kept")
    content = bytes(range(256)) * 5000
    bench.files.replace(bench.folder / "logs.zip", content)
    request = Request(method="PUT", url=f"{bench.base}/log", headers={"x-ms-version": "2"}, timeout=20)
    answer = bench.fetcher.send(request, bench.folder / "logs.zip", size=MANY)
    assert (answer.status, answer.body) == (201, b"kept")
    assert b"x-ms-version: 2" in bench.asked()


def test_a_file_that_is_too_large_or_not_there_is_not_sent(bench: Bench) -> None:
    bench.files.replace(bench.folder / "logs.zip", b"12345")
    request = Request(method="PUT", url=f"{bench.base}/log", timeout=20)
    with pytest.raises(HostError):
        bench.fetcher.send(request, bench.folder / "logs.zip", size=4)
    with pytest.raises(HostError):
        bench.fetcher.send(request, bench.folder / "absent.zip", size=4)
