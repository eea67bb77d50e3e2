"""The page's files, its stream, what an appliance tells, and who may ask."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.datastructures import Headers
from tests.emulator.fabrics import HOST, Running, admin_app, running
from tests.emulator.processes import emulator
from tests.emulator.scenes import document
from tests.emulator.test_admin import asking
from tests.emulator.test_admin_events import on_a_socket
from tests.emulator.test_hostplugin import STATUS, put_status
from tests.emulator.worlds import Client

from limpet.emulator.admin.guarding import HEADERS, objection
from limpet.emulator.commands.serve import page_address
from limpet.emulator.dashboard import serving
from limpet.emulator.dashboard.appliance import LARGEST_DOCUMENT
from limpet.emulator.exchange import Service
from limpet.emulator.listening import HostPort, page_socket
from limpet.model.errors import ConfigurationError
from limpet.model.extensions import BlobType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

APPLIANCE = "/v1/vms/vm1/appliance"


def text(name: str) -> str:
    return files("limpet.emulator.dashboard").joinpath(name).read_text(encoding="utf-8")


def test_every_file_of_the_page_is_served_with_its_type_and_the_guarding_headers() -> None:
    async def talk(client: httpx.AsyncClient, _fabric: Running) -> None:
        for path, (name, media) in serving.FILES.items():
            answer = await client.get(path)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == media
            assert answer.text == text(name)
            assert answer.headers["content-security-policy"] == serving.CONTENT_SECURITY_POLICY
            assert (
                HEADERS.items() <= {k.title(): v for k, v in answer.headers.items()}.items() | HEADERS.items()
            )
            for header, value in HEADERS.items():
                assert answer.headers[header] == value

    asking(talk)


def test_the_policy_lets_nothing_in_but_our_own_files() -> None:
    policy = dict(part.strip().split(" ", 1) for part in serving.CONTENT_SECURITY_POLICY.split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert not re.search(r"unsafe|data:|\*|http", serving.CONTENT_SECURITY_POLICY)


def test_the_page_has_no_inline_script_or_style_and_nothing_from_elsewhere() -> None:
    page = text("page.html")
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page)
    for link in re.findall(r"(?:src|href)=\"([^\"]*)\"", page):
        assert link.startswith(("/dashboard/", "#", "/openapi.json"))
    assert not re.search(r"https?:|@import|url\(", text("page.css"))
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|https?:", text("page.js")
    )


def test_every_element_that_the_script_asks_for_is_on_the_page() -> None:
    page, script = text("page.html"), text("page.js")
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    asked = set(re.findall(r'\$\("([^"]+)"\)', script))
    assert asked
    assert asked <= ids
    assert len(re.findall(r'\bid="', page)) == len(ids)
    assert set(re.findall(r'(?:aria-labelledby|for|href)="#?([\w-]+)"', page)) <= ids


def test_what_an_appliance_tells_is_in_the_vms_view_and_told_as_an_event() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        assert (await client.get("/v1/vms/vm1")).json()["appliance"] is None
        answer = await client.put(APPLIANCE, json={**document("steady"), "more": {"x": 1}})
        assert answer.json() == {"stage": "steady", "holder": "guest-shell"}
        view = (await client.get("/v1/vms/vm1")).json()["appliance"]
        assert view["document"] == document("steady")
        assert view["gaps"] == []
        events = [event for event in fabric.fabric.world.events.ring if event.kind == "appliance"]
        assert [event.data["document"] for event in events] == [document("steady")]
        await client.put(APPLIANCE, json=document("steady"))
        assert fabric.fabric.world.events.ring.latest == events[-1]

    asking(talk)


def test_the_gap_is_of_the_fabrics_own_record() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        await client.put(APPLIANCE, json=document("preparing"))
        agent = Client(fabric.fabric.world, now=fabric.fabric.clock.now())
        put_status(agent, STATUS, BlobType.BLOCK)
        fabric.fabric.update(lambda _: agent.world)
        await client.put(APPLIANCE, json=document("handing-over"))
        (gap,) = (await client.get("/v1/vms/vm1")).json()["appliance"]["gaps"]
        assert gap["until"] is None
        vm = fabric.fabric.world.vm("vm1")
        assert gap["since"] == vm.inbox.statuses.items[-1].at

    asking(talk)


@pytest.mark.parametrize(
    ("content", "status", "where"),
    [
        (b"", 400, "body"),
        (b"{", 400, "body"),
        (b"[" * 30_000, 400, "body"),
        (b"[]", 422, "body"),
        (b"{}", 422, "body.version"),
        (b'{"version": 1, "since": NaN}', 400, "body"),
        (b'{"version": 1, "stage": "flying"}', 422, "body.stage"),
        (b" " * (LARGEST_DOCUMENT + 1), 413, "body"),
    ],
)  # fmt: skip
def test_a_document_that_is_wrong_is_refused_with_its_place(content: bytes, status: int, where: str) -> None:
    async def talk(client: httpx.AsyncClient, _fabric: Running) -> None:
        answer = await client.put(APPLIANCE, content=content)
        assert (answer.status_code, answer.json()["where"]) == (status, where)
        assert (await client.get("/v1/vms/vm1")).json()["appliance"] is None
        assert (await client.put("/v1/vms/nobody/appliance", content=content)).status_code == 404

    asking(talk)


async def told(lines: AsyncIterator[str], kind: str) -> dict[str, Any]:
    """The data of the next message of this kind."""
    async for line in lines:
        if line == f"event: {kind}":
            found: dict[str, Any] = json.loads((await anext(lines)).removeprefix("data: "))
            return found
    raise AssertionError("the stream has ended")


def test_the_stream_tells_the_whole_page_at_once_and_again_when_it_changes(tmp_path: Path) -> None:
    async def whole() -> None:
        async with (
            running() as fabric,
            asyncio.timeout(120),
            on_a_socket(fabric, tmp_path / "admin.sock") as client,
            client.stream("GET", "/v1/dashboard") as answer,
        ):
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            assert (await told(lines, "choices"))["kinds"]
            first = await told(lines, "page")
            assert (first["vm"], first["vms"]) == (None, [])
            assert abs(first["now"] - fabric.fabric.clock.now()) < 20
            await fabric.get(Service.WIRE_SERVER, "/machine/?comp=goalstate")
            while (found := await told(lines, "page"))["vm"] is None or not found["vm"]["requests"]:
                pass
            assert found["vm"]["requests"][0]["endpoint"] == "goal-state"
            rule = {"endpoint": "goal-state", "status": 503}
            assert (await client.post("/v1/faults", json=rule)).status_code == 201
            while not any(each["on"] for each in found["faults"]["switches"]):
                found = await told(lines, "page")

    asyncio.run(whole())


SAME = {
    "host": "127.0.0.1:10088",
    "origin": "http://127.0.0.1:10088",
    "content-type": "application/json",
    "content-length": "2",
}
JSON_ = {"content-type": "application/json", "content-length": "2"}
LOCAL = {"host": "127.0.0.1:10088"}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", LOCAL),
        ("GET", {"host": "localhost:10088"}),
        ("GET", {"host": "[::1]:10088"}),
        ("GET", {**LOCAL, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}),
        ("POST", SAME),
        ("POST", {**SAME, "sec-fetch-site": "same-origin"}),
        ("DELETE", {**LOCAL, "origin": "http://127.0.0.1:10088"}),
        ("POST", LOCAL),
        ("POST", {**LOCAL, "content-type": "application/x-www-form-urlencoded", "content-length": "9"}),
    ],
)
def test_our_own_page_and_programs_may_ask(method: str, headers: dict[str, str]) -> None:
    assert objection(method, Headers(headers), over_tcp=True) is None


@pytest.mark.parametrize(
    ("method", "headers", "where"),
    [
        ("GET", {}, "Host"),
        ("GET", {"host": "evil.example"}, "Host"),
        ("GET", {"host": "127.0.0.1.evil.example:10088"}, "Host"),
        ("GET", {"host": "10.0.0.4:10088"}, "Host"),
        ("GET", {"host": "[::1"}, "Host"),
        ("GET", {"host": "evil@127.0.0.1.example"}, "Host"),
        ("POST", {**SAME, "origin": "http://evil.example"}, "Origin"),
        ("POST", {**SAME, "origin": "http://127.0.0.1:3000"}, "Origin"),
        ("POST", {**SAME, "origin": "https://127.0.0.1:10088"}, "Origin"),
        ("POST", {**SAME, "origin": "null"}, "Origin"),
        ("GET", {**LOCAL, "origin": "http://evil.example"}, "Origin"),
        ("POST", {**LOCAL, **JSON_, "sec-fetch-site": "cross-site"}, "Sec-Fetch-Site"),
        ("POST", {**LOCAL, "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}, "Sec-Fetch-Site"),
        ("GET", {**LOCAL, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, "Sec-Fetch-Site"),
        ("POST", {**SAME, "content-type": "text/plain"}, "Content-Type"),
        ("POST", {**SAME, "content-type": "application/x-www-form-urlencoded"}, "Content-Type"),
    ],
)
def test_foreign_pages_and_foreign_names_may_not(method: str, headers: dict[str, str], where: str) -> None:
    problem = objection(method, Headers(headers), over_tcp=True)
    assert problem is not None
    assert problem.where == where


def test_a_refused_request_changes_nothing() -> None:
    async def whole() -> None:
        async with running() as fabric, asyncio.timeout(120):
            transport = httpx.ASGITransport(app=admin_app(fabric))
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}:10088") as client:
                rule = {"endpoint": "goal-state", "status": 503}
                refused = await client.post(
                    "/v1/faults", json=rule, headers={"Origin": "http://evil.example"}
                )
                assert refused.status_code == 403
                assert refused.headers["x-content-type-options"] == "nosniff"
                assert fabric.fabric.world.faults == ()
                taken = await client.post("/v1/faults", json=rule, headers={"Origin": f"http://{HOST}:10088"})
                assert taken.status_code == 201
            async with httpx.AsyncClient(transport=transport, base_url="http://evil.example:10088") as client:
                assert (await client.get("/")).status_code == 403
                assert (await client.get("/v1/vms/x/ovf-env")).json()["where"] == "Host"

    asyncio.run(whole())


def test_the_page_may_have_a_second_socket_that_listens_already(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as listener:
        listener.set_inheritable(True)
        number = listener.fileno()
        with emulator(tmp_path, "--dashboard", f"fd:{number}", pass_fds=(number,)) as found:
            url = found.ready["dashboard"]
            assert url == f"http://{HOST}:{listener.getsockname()[1]}/"
            assert "<title>limpet emulator</title>" in httpx.get(url, trust_env=False, timeout=120).text
            assert found.ready["admin"].startswith("unix:")
            with found.client() as api:
                assert api.vms() == []


def test_the_page_is_where_the_admin_api_is(tmp_path: Path) -> None:
    with emulator(tmp_path, "--admin", f"{HOST}:0") as found:
        assert found.ready["dashboard"] == f"http://{found.ready['admin']}/"
    with emulator(tmp_path) as found:
        assert found.ready["dashboard"] is None


def test_a_second_socket_is_refused_where_others_could_reach_it() -> None:
    idle = socket.socket().detach()
    with pytest.raises(ConfigurationError, match="no socket that listens"), page_socket(idle):
        pass
    with pytest.raises(ConfigurationError, match="fd:999"), page_socket(999):
        pass
    with (
        pytest.raises(ConfigurationError, match="loopback"),
        page_socket(HostPort(host="192.0.2.1", port=1)),
    ):
        pass


@pytest.mark.parametrize("text_", ["fd:", "fd:x", "fd:12345678", "localhost:80", "127.0.0.1"])
def test_where_the_page_cannot_be_is_wrong_usage(text_: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="fd:NUMBER"):
        page_address(text_)


def test_the_page_may_be_at_an_address_or_at_an_open_socket() -> None:
    assert page_address("127.0.0.1:0") == HostPort(host="127.0.0.1", port=0)
    assert page_address("fd:7") == 7
