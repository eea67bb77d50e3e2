"""What is sent to the admin API to break it: each is answered, and nothing of it stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.emulator.test_admin import asking, from_vm1, refused

if TYPE_CHECKING:
    import httpx
    from tests.emulator.fabrics import Running


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "where"),
    [
        ("GET", "/v1/vms/vm1/requests?after=" + "0" * 5000, None, 422, "query.after"),
        ("GET", "/v1/vms/vm1/requests?limit=%D9%A1", None, 422, "query.limit"),
        ("POST", "/v1/vms", b"[" * 100_000, 400, "body"),
        ("POST", "/v1/vms", b'{"name":' + b"9" * 5000 + b"}", 400, "body"),
        ("POST", "/v1/vms", b'{"\\ud800":1}', 422, "body.\ufffd"),
        ("POST", "/v1/vms/vm1/goal-state", b'{"changes":[{"handler":"\\ud800"}]}', 422, "body.changes"),
        ("POST", "/v1/faults", {"endpoint": "*", "delay": 10**400}, 400, "body"),
        ("POST", "/v1/faults", {"endpoint": "*", "delay": 10**60}, 422, "body.delay"),
        ("POST", "/v1/faults", {"endpoint": "*", "path": "*?" * 200, "status": 500}, 422, "body.path"),
        ("PUT", "/v1/vms/vm1/appliance", b"{" * 5000, 400, "body"),
    ],
)
def test_what_would_break_a_reader_is_refused_with_its_place(
    method: str, path: str, body: Any, status: int, where: str
) -> None:
    refused(method, path, body, status, where)


@pytest.mark.parametrize("value", ["nan", "1e999", "-inf", "9" * 64])
def test_a_number_that_json_does_not_have_does_not_hide_the_telemetry(value: str) -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        parameter = f'<Param Name="a" Value="{value}" T="mt:float64" />'
        event = f'<Provider id="p"><Event id="1"><![CDATA[{parameter}]]></Event></Provider>'
        vm = from_vm1(fabric)
        body = f"<TelemetryData>{event}</TelemetryData>".encode()
        assert vm.wire("POST", "/machine?comp=telemetrydata", body).status == 200
        fabric.fabric.update(lambda _: vm.world)
        answer = await client.get("/v1/vms/vm1/telemetry")
        assert answer.status_code == 200
        assert float(answer.json()[0]["parameters"]["a"]) == pytest.approx(float(value), nan_ok=True)

    asking(talk)


def test_half_a_surrogate_pair_is_shown_as_what_cannot_be_shown() -> None:
    async def talk(client: httpx.AsyncClient, _fabric: Running) -> None:
        body = b'{"families":[{"name":"Prod","uris":["\\ud800"]}],"requiredFeatures":["\\udfff"]}'
        assert (await client.post("/v1/vms/vm1/goal-state", content=body)).status_code == 200
        said = b'{"version":1,"words":"\\ud800"}'
        assert (await client.put("/v1/vms/vm1/appliance", content=said)).status_code == 200
        shown = (await client.get("/v1/vms/vm1")).json()
        assert (shown["families"][0]["uris"], shown["requiredFeatures"]) == (["\ufffd"], ["\ufffd"])
        assert shown["appliance"]["document"]["words"] == "\ufffd"

    asking(talk)
