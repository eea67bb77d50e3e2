"""The admin API about provisioning: discs, reports, what a pre-provisioned VM waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.emulator.test_admin import asking
from tests.emulator.worlds import Client

from limpet.emulator.exchange import Service

if TYPE_CHECKING:
    import httpx
    from tests.emulator.fabrics import Running


def test_what_is_known_of_a_provisioning_is_shown_without_secrets() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        described = {
            "name": "vm2",
            "address": "10.0.0.5",
            "mac": "00:0D:3A:AA:BB:CC",
            "nics": [{"mac": "00-0d-3a-00-00-ff", "address": "10.0.1.9"}],
            "password": "between us",
            "customData": "c2VjcmV0",
        }
        assert "between us" not in (await client.post("/v1/vms", json=described)).text
        vm2 = Client(fabric.fabric.world, source="10.0.0.5")
        vm2.wire("POST", "/provisioning/health", b'{"state":"Ready"}', User_Agent="azure-init v0")
        fabric.fabric.update(lambda _: vm2.world)
        found = (await client.get("/v1/vms/vm2/provisioning")).json()
        assert [(report["form"], report["words"], report["agent"]) for report in found["reports"]] == [
            ("json", "Ready", "azure-init v0")
        ]
        assert found["reports"][0]["at"] == vm2.now
        assert found["nics"] == [
            {"mac": "000D3AAABBCC", "address": "10.0.0.5", "leasedAt": None},
            {"mac": "000D3A0000FF", "address": "10.0.1.9", "leasedAt": None},
        ]
        assert (await client.get("/v1/vms/vm2/health")).json() == found["reports"]
        line = next(vm for vm in (await client.get("/v1/vms")).json() if vm["name"] == "vm2")
        assert (line["health"], line["healthAt"], line["hostName"]) == ("Ready", vm2.now, None)
        document = (await client.get("/v1/vms/vm2/ovf-env")).json()["document"]
        assert "<UserPassword>between us</UserPassword>" in document

    asking(talk)


def test_nics_come_and_go_while_the_vm_runs() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        primary = (await client.get("/v1/vms/vm1/provisioning")).json()["nics"][0]
        first = {"mac": "00:0d:3a:00:00:f1", "address": "10.0.1.4"}
        second = {"mac": "00:0d:3a:00:00:f2", "address": "10.0.2.4"}
        for wanted in ([first], [first, second], [second], []):
            assert (await client.put("/v1/vms/vm1/nics", json={"nics": wanted})).status_code == 200
            found = (await client.get("/v1/vms/vm1/provisioning")).json()["nics"]
            assert found[0] == primary
            assert [nic["address"] for nic in found[1:]] == [nic["address"] for nic in wanted]
            assert len(fabric.fabric.world.vm("vm1").nics) == len(wanted) + 1
        for taken in ({**first, "mac": primary["mac"]}, {**first, "address": primary["address"]}):
            assert (await client.put("/v1/vms/vm1/nics", json={"nics": [taken]})).status_code == 422

    asking(talk)


def test_a_pre_provisioned_vm_is_given_to_somebody_and_taken_back() -> None:
    async def talk(client: httpx.AsyncClient, fabric: Running) -> None:
        async def data() -> tuple[int, str]:
            target = "/metadata/reprovisiondata?api-version=2019-06-01"
            reply = Client(fabric.fabric.world).call(Service.IMDS, "GET", target, b"", {"Metadata": "true"})
            return reply.status, reply.body.decode()

        assert (await data())[0] == 404
        assert (await client.put("/v1/vms/vm1/reprovision", json={})).json() == {"given": True}
        assert "<HostName>vm1</HostName>" in (await data())[1]
        await client.put("/v1/vms/vm1/reprovision", json={"document": "<Environment/>"})
        assert await data() == (200, "<Environment/>")
        assert (await client.put("/v1/vms/vm1/reprovision", json={"document": None})).json() == {
            "given": False
        }
        assert (await data())[0] == 404

    asking(talk)
