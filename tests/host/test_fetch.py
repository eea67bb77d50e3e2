"""Downloads over real sockets in a real worker: resumption, redirects, proxies, TLS, and a worker that dies."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.host.servers import Peer, answering, saying, serving
from tests.host.zips import zipped

from limpet.host.fetch import WorkerFetcher
from limpet.model.errors import FabricRefused, FabricUnreachable, HostError
from limpet.wire.http import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.servers import Conversation

BODY = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def no_other_worker() -> None:
    """Those of tests before, here and elsewhere, may still be ending; they would be counted as this one's."""
    await_worker_end()


@pytest.fixture
def fetcher() -> Iterator[WorkerFetcher]:
    worker = WorkerFetcher(user_agent="limpet/test")
    yield worker
    worker.close()
    await_worker_end()


def await_worker_end() -> None:
    for thread in threading.enumerate():
        if thread.name == "fetch-worker-end":
            thread.join(60)
            assert not thread.is_alive()


def workers() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread or a child that has just ended
            found += [
                int(child)
                for child in (task / "children").read_text().split()
                if b"fetch_worker" in command_line(child)
            ]
    return found


def command_line(process: str) -> bytes:
    """What it was started with; one whose program is just being put in its place has none for a moment."""
    while True:
        line = Path(f"/proc/{process}/cmdline").read_bytes()
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        if line or state in {"Z", "X"}:
            return line
        os.sched_yield()


def fetch(
    fetcher: WorkerFetcher, url: str, folder: Path, *, timeout: float = 20, proxied: bool = True
) -> bytes:
    fetcher.fetch(
        url, folder / "got", headers={"x-secret": "1"}, limit=len(BODY), timeout=timeout, proxied=proxied
    )
    assert [path.name for path in folder.iterdir()] == ["got"]
    return (folder / "got").read_bytes()


def cut_at(end: int, *, etag: str = '"1"') -> Conversation:
    """The first `end` bytes of the body, or of what is asked for, and no more."""

    def converse(peer: Peer) -> None:
        head = peer.request()
        start = int(head.partition(b"Range: bytes=")[2].partition(b"-")[0] or 0)
        status = "206 Partial" if start else "200 OK"
        rest = BODY[start:]
        where = f"Content-Range: bytes {start}-{len(BODY) - 1}/{len(BODY)}\r\n" if start else ""
        peer.say(f"HTTP/1.1 {status}\r\nETag: {etag}\r\n{where}Content-Length: {len(rest)}\r\n\r\n".encode())
        peer.say(BODY[start:end])

    return converse


def test_a_download_that_is_cut_goes_on_where_it_ended(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    with serving(cut_at(50_000), cut_at(80_000), cut_at(len(BODY))) as server:
        assert fetch(fetcher, server.url("/p.zip"), tmp_path) == BODY
        asked = [request.partition(b"Range: ")[2].partition(b"\r\n")[0] for request in server.requests]
        assert asked == [b"", b"bytes=50000-", b"bytes=80000-"]
        assert b'If-Range: "1"' in server.requests[1]


def test_a_download_that_changed_meanwhile_begins_anew(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    with serving(cut_at(50_000), answering(b"other", headers='ETag: "2"\r\n')) as server:
        assert fetch(fetcher, server.url(), tmp_path) == b"other"


def test_a_download_whose_identity_is_not_sure_begins_anew(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    with serving(cut_at(50_000, etag='W/"1"'), answering(BODY)) as server:
        assert fetch(fetcher, server.url(), tmp_path) == BODY
        assert b"Range:" not in server.requests[1]


def test_an_answer_to_another_range_than_was_asked_is_refused(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    wrong = answering(b"x", status="206 Partial", headers="Content-Range: bytes 0-0/102400\r\n")
    with (
        serving(cut_at(50_000), wrong) as server,
        pytest.raises(FabricUnreachable, match="asked to go on at 50000"),
    ):
        fetch(fetcher, server.url(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_download_that_is_always_cut_is_given_up(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    with serving(cut_at(50_000, etag="none")) as server:
        with pytest.raises(FabricUnreachable, match="cut after 50000 of 102400 bytes"):
            fetch(fetcher, server.url(), tmp_path)
        assert 1 < len(server.requests) <= 4
    assert not list(tmp_path.iterdir())


def redirecting(url: str) -> Conversation:
    return answering(status="302 Found", headers=f"Location: {url}\r\n")


def test_a_redirect_is_followed_and_other_hosts_do_not_see_the_headers(
    fetcher: WorkerFetcher, tmp_path: Path
) -> None:
    with serving(answering(b"there")) as there, serving(redirecting(there.url("/x?sig=1"))) as here:
        assert fetch(fetcher, here.url(), tmp_path) == b"there"
        assert b"x-secret" in here.requests[0]
        assert b"x-secret" not in there.requests[0]
        assert b"User-Agent: limpet/test" in there.requests[0]


def test_a_relative_redirect_stays_with_its_host(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    with serving(redirecting("../b"), answering(b"b")) as server:
        assert fetch(fetcher, server.url("/deep/er/a"), tmp_path) == b"b"
        assert server.requests[1].startswith(b"GET /deep/b ")
        assert b"x-secret" in server.requests[1]


def test_redirects_that_lead_in_a_circle_end(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    with (
        serving(redirecting("/again")) as server,
        pytest.raises(FabricUnreachable, match="more than 5 redirects"),
    ):
        fetch(fetcher, server.url(), tmp_path)


def test_at_the_fabric_no_redirect_is_followed(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    with serving(redirecting("/again")) as server:
        with pytest.raises(FabricRefused) as refused:
            fetch(fetcher, server.url(), tmp_path, proxied=False)
        assert refused.value.status == 302
        assert len(server.requests) == 1


def endless(peer: Peer) -> None:
    peer.request()
    peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not peer.ended.wait(0.02):
        peer.say(b"x")


def test_the_deadline_holds_against_an_endless_body(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    short = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
    with serving(short, endless) as server:
        fetch(fetcher, server.url(), tmp_path)  # the worker has all loaded from here on
        (tmp_path / "got").unlink()
        with pytest.raises(FabricUnreachable, match=r"no complete answer within 0\.3 s"):
            fetch(fetcher, server.url(), tmp_path, timeout=0.3)
    assert not list(tmp_path.iterdir())


def test_a_token_in_the_url_is_not_in_the_error(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    with serving(saying(b"garbage")) as server:
        with pytest.raises(FabricUnreachable) as failed:
            fetch(fetcher, server.url("/p?sig=TOKEN"), tmp_path)
        assert "TOKEN" not in str(failed.value)
        assert "/p: it is not HTTP" in str(failed.value)


def test_downloads_of_several_threads_run_side_by_side_in_one_worker(
    fetcher: WorkerFetcher, tmp_path: Path
) -> None:
    together = threading.Barrier(5, timeout=20)

    def meet(peer: Peer) -> None:
        target = peer.request().split()[1]
        together.wait()
        peer.answer(target)

    def one(name: str) -> None:
        fetcher.fetch(server.url(f"/{name}"), tmp_path / name, headers={}, limit=100, timeout=20)

    with serving(meet) as server:
        threads = [threading.Thread(target=one, args=(str(number),)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {str(n): f"/{n}" for n in range(5)}
    assert len(workers()) == 1


def test_a_worker_without_work_ends_and_the_next_job_starts_another(tmp_path: Path) -> None:
    fetcher = WorkerFetcher(idle=0.05)
    with serving(answering(b"x")) as server:
        for _ in range(2):
            assert fetch(fetcher, server.url(), tmp_path) == b"x"
            await_worker_end()
            assert workers() == []
    fetcher.close()


def test_a_worker_can_be_started_ahead_of_need_also_after_the_last_one_ended(tmp_path: Path) -> None:
    fetcher = WorkerFetcher(idle=3)
    with serving(answering(b"x")) as server:
        for _ in range(2):
            fetcher.warm()
            fetcher.warm()
            assert len(workers()) == 1
            assert fetch(fetcher, server.url(), tmp_path) == b"x"
            assert len(workers()) == 1
            await_worker_end()
    fetcher.close()


def kill_its_worker(peer: Peer) -> None:
    peer.request()
    for worker in workers():
        os.kill(worker, signal.SIGKILL)
    peer.socket.recv(1)


def test_a_worker_that_is_killed_is_replaced_and_its_job_done_again(
    fetcher: WorkerFetcher, tmp_path: Path
) -> None:
    with serving(kill_its_worker, answering(b"x")) as server:
        assert fetch(fetcher, server.url(), tmp_path) == b"x"


def test_a_job_that_kills_every_worker_is_an_error_of_the_host(
    fetcher: WorkerFetcher, tmp_path: Path
) -> None:
    with serving(kill_its_worker) as server:
        with pytest.raises(HostError, match="ended without an answer"):
            fetcher.fetch(server.url(), tmp_path / "got", headers={}, limit=1, timeout=20)
        assert len(server.requests) == 2


def test_a_table_of_contents_that_exhausts_memory_is_refused(fetcher: WorkerFetcher, tmp_path: Path) -> None:
    size = 700 * 1024 * 1024
    with (tmp_path / "huge.zip").open("wb") as archive:
        archive.truncate(size)
        archive.seek(size)
        archive.write(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, size, 0, 0))
    with pytest.raises(HostError, match="more memory"):
        fetcher.unpack(tmp_path / "huge.zip", tmp_path / "handler")
    assert not (tmp_path / "handler").exists()


def test_what_a_killed_worker_left_half_unpacked_is_cleared_away(
    fetcher: WorkerFetcher, tmp_path: Path
) -> None:
    (tmp_path / ".handler.unpacking" / "old").mkdir(parents=True)
    (tmp_path / "p.zip").write_bytes(zipped({"a": b""}))
    fetcher.unpack(tmp_path / "p.zip", tmp_path / "handler")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["handler", "p.zip"]
    assert [path.name for path in (tmp_path / "handler").iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("left", "kept"), [((".before", ".unpacking"), ["a", "mrseq"]), ((".before",), ["a"])]
)
def test_what_a_handler_had_kept_is_there_again_when_a_worker_was_killed_before_the_new_folder_took_its_place(
    fetcher: WorkerFetcher, tmp_path: Path, left: tuple[str, ...], kept: list[str]
) -> None:
    for suffix in left:  # where only the first is left, the new folder was in place, and has gone since
        (tmp_path / f".handler{suffix}").mkdir()
    (tmp_path / ".handler.before" / "mrseq").write_bytes(b"3")
    (tmp_path / "p.zip").write_bytes(zipped({"a": b""}))
    fetcher.unpack(tmp_path / "p.zip", tmp_path / "handler")
    assert sorted(path.name for path in (tmp_path / "handler").iterdir()) == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["handler", "p.zip"]


def test_a_large_request_and_answer_pass_through_the_worker(fetcher: WorkerFetcher) -> None:
    body = bytes(4 * 1024 * 1024)
    with serving(answering(body)) as server:
        response = fetcher.exchange(Request(method="PUT", url=server.url(), body=body))
        assert (response.status, len(response.body)) == (200, len(body))
        assert server.requests[0].endswith(body)


def test_a_configured_proxy_is_used_with_its_login_but_not_for_the_fabric(tmp_path: Path) -> None:
    with serving(answering(b"by proxy")) as proxy, serving(answering(b"directly")) as fabric:
        fetcher = WorkerFetcher(proxy=f"http://user:word@127.0.0.1:{proxy.port}")
        assert fetch(fetcher, "http://storage.invalid/p.zip", tmp_path) == b"by proxy"
        assert fetch(fetcher, fabric.url(), tmp_path, proxied=False) == b"directly"
        asked = Request(method="GET", url=fabric.url("/document"), proxied=False)
        assert fetcher.exchange(asked).body == b"directly"
        fetcher.close()
        (request,) = proxy.requests
        assert request.startswith(b"GET http://storage.invalid/p.zip HTTP/1.1\r\n")
        assert b"Basic " + base64.b64encode(b"user:word") in request


def test_through_a_proxy_https_is_tunnelled(tmp_path: Path) -> None:
    with serving(answering(status="403 Forbidden")) as proxy:
        fetcher = WorkerFetcher(proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(FabricUnreachable, match="403"):
            fetch(fetcher, "https://storage.invalid/p.zip?sig=TOKEN", tmp_path)
        fetcher.close()
        assert proxy.requests[0].startswith(b"CONNECT storage.invalid:443 ")
        assert b"TOKEN" not in proxy.requests[0]
