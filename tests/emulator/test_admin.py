from __future__ import annotations

import asyncio
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.emulator.fabrics import Running, admin_app, running
from tests.emulator.test_hostplugin import STATUS, put_status
from tests.emulator.worlds import Client

from limpet.emulator.admin.openapi import document
from limpet.emulator.admin.operations import OPERATIONS
from limpet.emulator.exchange import Service
from limpet.model.extensions import BlobType

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

VM = {"name": "vm1", "address": "10.0.0.4"}
PUBLISHED = {
    "handler": "Acme.Sample",
    "version": "1.0.0",
    "manifestUris": ["http://store.example/m.xml"],
    "public": {"k": "v"},
}


def asking(talk: Callable[[httpx.AsyncClient, Running], Coroutine[Any, Any, None]], **settings: Any) -> None:
    """Run `talk` with a client of the admin API and a fabric that has the VM vm1."""

    async def whole() -> None:
        async with running(**settings) as fabric, asyncio.timeout(120):
            transport = httpx.ASGITransport(app=admin_app(fabric), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
                assert (await client.post("/v1/vms", json=VM)).status_code == 201
                await talk(client, fabric)

    asyncio.run(whole())


def refused(method: str, path: str, body: Any, status: int, where: str) -> None:
    """A request is answered with what is wrong, where, and what to do."""

    async def talk(client: httpx.AsyncClient, _fabric: Running) -> None:
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        answer = await client.request(method, path, content=content)
        problem = answer.json()
        assert (answer.status_code, problem["where"]) == (status, where)
        assert problem["what"]
        assert problem["todo"]

    asking(talk)


def from_vm1(fabric: Running) -> Client:
    return Client(fabric.fabric.world)


def report_status(fabric: Running, content: bytes = STATUS) -> None:
    client = from_vm1(fabric)
    put_status(client, content, BlobType.BLOCK)
    fabric.fabric.update(lambda _: client.world)


def test_every_operation_is_in_the_openapi_document_with_its_parameters() -> None:
    described = document(OPERATIONS)
    found = {
        (method.upper(), path): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    assert described["openapi"] == "3.1.0"
    assert len(found) == len(OPERATIONS)
    for operation in OPERATIONS:
        shown = found[operation.method, operation.path]
        in_path = {p["name"] for p in shown["parameters"] if p["in"] == "path"}
        in_query = {p["name"] for p in shown["parameters"] if p["in"] == "query"}
        assert in_path == set(re.findall(r"{(\w+)}", operation.path))
        assert in_query == {parameter.name for parameter in operation.parameters}
        assert ("requestBody" in shown) is (operation.members is not None or operation.upload is not None)
        assert set(shown["responses"]) == {*map(str, operation.answers), "default"}
    assert len({operation["operationId"] for operation in found.values()}) == len(found)


def test_the_openapi_document_is_json_whose_references_lead_somewhere() -> None:
    described = json.loads(json.dumps(document(OPERATIONS)))
    references = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(described))
    assert references
    for reference in references:
        place = described
        for step in reference.split("/"):
            place = place[step]


def test_every_operation_can_be_reached_and_answers_json() -> None:
    async def talk(client: httpx.AsyncClient, _fabric: Running) -> None:
        described = (await client.get("/openapi.json")).json()
        for path, methods in described["paths"].items():
            for method in methods:
                if path in {"/v1/events", "/v1/dashboard"} or (method, path) == ("delete", "/v1/vms/{vm}"):
                    continue
                url = path.format(vm="vm1", rule="1", service="imds")
                answer = await client.request(method, url)
                problem = answer.json()
                assert answer.status_code != 405
                assert answer.is_success or set(problem) == {"what", "where", "todo"}, (method, path)
                assert answer.status_code < 500, (method, path, problem)

    asking(talk)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "where"),
    [
        ("GET", "/v1/vms/nobody", None, 404, "path"),
        ("GET", "/v1/nothing", None, 404, "path"),
        ("PATCH", "/v1/vms", None, 405, "path"),
        ("GET", "/v1/vms/vm1/status", None, 404, "path"),
        ("GET", "/v1/vms/vm1/requests?after=-1", None, 422, "query.after"),
        ("GET", "/v1/vms/vm1/requests?endpoint=nothing", None, 422, "query.endpoint"),
        ("GET", "/v1/vms/vm1/statuses?raw=maybe", None, 422, "query.raw"),
        ("POST", "/v1/vms", b"{", 400, "body"),
        ("POST", "/v1/vms", b"[]", 422, "body"),
        ("POST", "/v1/vms", {"name": "x"}, 422, "body"),
        ("POST", "/v1/vms", {"name": "x y", "address": "10.0.0.5"}, 422, "body.name"),
        ("POST", "/v1/vms", {"name": "x", "address": "far away"}, 422, "body.address"),
        ("POST", "/v1/vms", VM, 409, "body"),
        ("POST", "/v1/vms", {"name": "x", "address": "10.0.0.4"}, 409, "body"),
        ("POST", "/v1/vms/vm1/goal-state", {"chanel": "fabric"}, 422, "body.chanel"),
        ("POST", "/v1/vms/vm1/goal-state", {"channel": "slow"}, 422, "body.channel"),
        ("POST", "/v1/vms/vm1/goal-state", {"changes": [{}]}, 422, "body.changes[0]"),
        ("POST", "/v1/vms/vm1/goal-state", {"changes": [1]}, 422, "body.changes[0]"),
        ("POST", "/v1/vms/vm1/goal-state", {"changes": [{"handler": "A"}]}, 422, "body.changes"),
        (
            "POST",
            "/v1/vms/vm1/goal-state",
            {"changes": [{**PUBLISHED, "version": "new"}]},
            422,
            "body.changes[0].version",
        ),
        (
            "POST",
            "/v1/vms/vm1/goal-state",
            {"changes": [{**PUBLISHED, "sequence": -1}]},
            422,
            "body.changes[0].sequence",
        ),
        (
            "POST",
            "/v1/vms/vm1/goal-state",
            {"changes": [{**PUBLISHED, "sequence": True}]},
            422,
            "body.changes[0].sequence",
        ),
        (
            "POST",
            "/v1/vms/vm1/goal-state",
            {"changes": [{**PUBLISHED, "noSettings": True}]},
            422,
            "body.changes[0].noSettings",
        ),
        (
            "POST",
            "/v1/vms/vm1/goal-state",
            {"changes": [{**PUBLISHED, "protectedText": "MII="}]},
            422,
            "body.changes[0].thumbprint",
        ),
        ("POST", "/v1/vms/vm1/wait", {}, 422, "body"),
        ("POST", "/v1/vms/vm1/wait", {"condition": {}, "timeout": 1e9}, 422, "body.timeout"),
        ("POST", "/v1/vms/vm1/wait", {"condition": {"status": "fine"}}, 422, "body.condition.status"),
        ("POST", "/v1/faults", {"endpoint": "nothing", "status": 500}, 422, "body.endpoint"),
        ("POST", "/v1/faults", {"endpoint": "*"}, 422, "body.endpoint"),
        ("POST", "/v1/faults", {"endpoint": "*", "status": 500, "garbage": True}, 422, "body.garbage"),
        ("DELETE", "/v1/faults/9", None, 404, "path"),
        ("PUT", "/v1/services/mail", {"open": True}, 404, "path"),
        ("PUT", "/v1/services/imds", {"open": "yes"}, 422, "body.open"),
        ("PUT", "/v1/services/dhcp", {"open": True}, 409, "path"),
        ("POST", "/v1/vms", {"name": "v", "address": "10.0.0.5", "mac": "00:0d:3a"}, 422, "body.mac"),
        (
            "POST",
            "/v1/vms",
            {"name": "v", "address": "10.0.0.5", "mac": "00-0d-3a-00-00-04"},
            409,
            "body",
        ),
        (
            "POST",
            "/v1/vms",
            {"name": "v", "address": "10.0.0.5", "nics": [{"mac": "zz", "address": "10.0.1.5"}]},
            422,
            "body.nics[0].mac",
        ),
        (
            "POST",
            "/v1/vms",
            {"name": "v", "address": "10.0.0.5", "nics": [{"mac": "00:0d:3a:00:00:ff", "address": "there"}]},
            422,
            "body.nics[0].address",
        ),
        (
            "POST",
            "/v1/vms",
            {
                "name": "v",
                "address": "10.0.0.5",
                "nics": [{"mac": "00:0d:3a:00:00:ff", "address": "10.0.0.4"}],
            },
            422,
            "body.nics[0].address",
        ),
        ("POST", "/v1/faults", {"endpoint": "dhcp-*", "lie": "white"}, 422, "body.lie"),
        ("POST", "/v1/faults", {"endpoint": "dhcp-*", "lie": "nak", "cut": 5}, 422, "body.lie"),
        ("POST", "/v1/packages", b"not a zip", 422, "body"),
        ("GET", "/v1/events?after=x", None, 422, "Last-Event-ID"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_place_and_what_to_do(
    method: str, path: str, body: Any, status: int, where: str
) -> None:
    refused(method, path, body, status, where)


def test_a_publication_with_protected_settings_is_encrypted_to_the_vms_certificate() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        body = {"channel": "fast-track", "changes": [{**PUBLISHED, "protected": {"p": 1}}]}
        answer = await client.post("/v1/vms/vm1/goal-state", json=body)
        assert answer.status_code == 200
        assert answer.json()["source"] == "FastTrack"
        vm = fabric.fabric.world.vm("vm1")
        (settings,) = vm.newest.goal_state.handlers[0].settings
        assert settings.thumbprint == vm.certificates[0].thumbprint
        assert settings.protected is not None
        assert settings.protected.reveal() == f'{settings.thumbprint}:{{"p": 1}}'
        assert "p" not in (await client.get("/v1/vms/vm1")).json()["goalState"]["handlers"][0]

    asking(talk)


def test_fast_track_cannot_be_published_without_it() -> None:
    async def talk(client: httpx.AsyncClient, _fabric: Running) -> None:
        answer = await client.post("/v1/vms/vm1/goal-state", json={"channel": "fast-track"})
        assert answer.status_code == 409

    asking(talk, fast_track=False)


def test_a_whole_life_of_goal_states_can_be_published() -> None:
    async def talk(client: httpx.AsyncClient, _fabric: Running) -> None:
        for path, body in [
            ("goal-state", {"changes": [PUBLISHED], "requiredFeatures": ["MultipleExtensionsPerHandler"]}),
            ("goal-state", {"families": [{"name": "Prod", "version": "9.9.9.9", "isVersionFromRsm": True}]}),
            (
                "goal-state",
                {"statusBlob": "PageBlob", "changes": [{"handler": "Acme.Sample", "state": "disabled"}]},
            ),
            ("hold", {}),
            ("unhold", {"channel": "fast-track"}),
            ("rotate-certificates", {"retire": True}),
            ("hibernate", None),
        ]:
            answer = await client.post(f"/v1/vms/vm1/{path}", json=body)
            assert answer.status_code == 200, (path, answer.text)
        users = [{"name": "jit", "password": "SECRET", "expiration": "Tue, 01 Jan 2030 00:00:00 GMT"}]
        assert (await client.put("/v1/vms/vm1/users", json={"users": users})).status_code == 200
        whole = (await client.get("/v1/vms/vm1")).json()
        assert whole["incarnation"] == "7"
        assert whole["statusBlob"] == "PageBlob"
        assert whole["onHold"] is False
        assert whole["users"] == ["jit"]
        assert whole["families"][0]["version"] == "9.9.9.9"
        assert whole["requiredFeatures"] == ["MultipleExtensionsPerHandler"]
        assert "SECRET" not in json.dumps(whole)

    asking(talk)


def test_a_status_can_be_waited_for_and_read() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        body = {"condition": {"afterStatus": 0, "handler": "Acme.Gone", "gone": True}, "timeout": 20}
        waiting = asyncio.create_task(client.post("/v1/vms/vm1/wait", json=body))
        await asyncio.sleep(0)
        report_status(fabric)
        answer = await waiting
        assert answer.status_code == 200
        assert answer.json()["vm"]["statusReports"] == 1
        found = (await client.get("/v1/vms/vm1/status?raw=true")).json()
        assert found["status"]["guest"]["agentVersion"] == "9.9.9.9"
        assert json.loads(found["raw"])["version"] == "1.1"

    asking(talk)


def test_a_condition_that_does_not_hold_in_time_is_said() -> None:
    async def talk(client: httpx.AsyncClient, _fabric: Running) -> None:
        body = {"condition": {"incarnation": "9"}, "timeout": 0.05}
        assert (await client.post("/v1/vms/vm1/wait", json=body)).status_code == 408

    asking(talk)


def test_a_status_that_cannot_be_read_is_among_the_statuses_only() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        report_status(fabric, b"{")
        assert (await client.get("/v1/vms/vm1/status")).status_code == 404
        (found,) = (await client.get("/v1/vms/vm1/statuses")).json()
        assert found["status"] is None
        assert found["problem"]

    asking(talk)


def test_requests_are_shown_with_those_of_strangers_apart() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        await fabric.get(Service.WIRE_SERVER, "/machine/?comp=goalstate")
        found = await client.get("/v1/strangers/requests")
        (entry,) = found.json()["requests"]
        assert (entry["vm"], entry["endpoint"], entry["status"]) == (None, "goal-state", 404)
        assert (await client.get("/v1/vms/vm1/requests")).json()["requests"] == []

    asking(talk, auto=False)


def test_a_package_is_hosted_with_its_manifest() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(
                "HandlerManifest.json", json.dumps([{"handlerManifest": {"enableCommand": "x"}}])
            )
        query = {"name": "Acme.Sample", "version": "1.2.3"}
        answer = await client.post("/v1/packages", params=query, content=packed.getvalue())
        assert answer.status_code == 201, answer.text
        url = answer.json()["url"]
        path = "/" + url.split("/", 3)[3]
        assert await fabric.get(Service.STORAGE, path) == (200, packed.getvalue())
        assert [package["version"] for package in (await client.get("/v1/packages")).json()] == ["1.2.3"]
        bare = {key: PUBLISHED[key] for key in ("handler", "public")}
        published = await client.post("/v1/vms/vm1/goal-state", json={"changes": [bare]})
        assert published.json()["handlers"][0]["version"] == "1.2.3"

    asking(talk)


def test_fault_rules_come_and_go() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        rule = {"endpoint": "versions", "status": 503, "count": 1}
        added = await client.post("/v1/faults", json=rule)
        assert added.status_code == 201
        assert (await fabric.get(Service.WIRE_SERVER, "/?comp=versions"))[0] == 503
        assert (await fabric.get(Service.WIRE_SERVER, "/?comp=versions"))[0] == 200
        (found,) = (await client.get("/v1/faults")).json()
        assert (found["applied"], found["spent"]) == (1, True)
        assert (await client.delete(f"/v1/faults/{found['id']}")).status_code == 200
        await client.post("/v1/faults", json=rule)
        assert (await client.delete("/v1/faults")).json() == {"removed": 1}

    asking(talk)


def test_a_service_is_closed_and_opened() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        assert (await client.put("/v1/services/host-plugin", json={"open": False})).json()["open"] is False
        with pytest.raises(ConnectionRefusedError):
            await fabric.get(Service.HOST_PLUGIN, "/health")
        assert (await client.get("/v1/fabric")).json()["services"]["host-plugin"]["open"] is False
        assert (await client.put("/v1/services/host-plugin", json={"open": True})).json()["open"] is True

    asking(talk)


def test_a_removed_vm_is_gone_and_its_name_is_free() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        report_status(fabric)
        assert (await client.delete("/v1/vms/vm1")).status_code == 200
        assert (await client.get("/v1/vms")).json() == []
        assert not fabric.fabric.world.blobs.blobs
        assert (await client.post("/v1/vms", json=VM)).status_code == 201

    asking(talk)
