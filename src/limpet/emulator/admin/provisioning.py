"""Operations on how VMs are provisioned: the disc, what they reported, what a pre-provisioned VM waits for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.emulator.admin import views
from limpet.emulator.admin.base import Api, answer, body
from limpet.emulator.admin.reading import Member
from limpet.emulator.media.disc import environment_of
from limpet.model.secret import Secret
from limpet.wire.ovfenv import render_ovf_environment

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

REPROVISION: tuple[Member, ...] = (
    Member(
        name="document",
        type="string",
        nullable=True,
        about="the ovf-env.xml to give; left out: that of the VM's account; null: none any more",
    ),
)


async def provisioning(api: Api, request: Request) -> Response:
    """What the fabric knows of a VM's provisioning."""
    return answer(views.provisioning(api.vm(request)))


async def health(api: Api, request: Request) -> Response:
    """The latest provisioning reports, oldest first."""
    return answer(views.health_reports(api.vm(request)))


async def ovf_environment(api: Api, request: Request) -> Response:
    """The document of the VM's provisioning disc, secrets included: the admin API is its owner's alone."""
    document = render_ovf_environment(environment_of(api.vm(request)))
    return answer({"document": document.decode()})


async def reprovision(api: Api, request: Request) -> Response:
    """Give a pre-provisioned VM to somebody."""
    found, asked = api.vm(request), await body(request, REPROVISION)
    if "document" in asked:
        text = asked.get("document")
        data = None if text is None else Secret(text.encode())
    else:
        given = replace(found, reprovision_data=Secret(b""))  # what it is asked for is in no pool any more
        data = Secret(render_ovf_environment(environment_of(given)))
    api.fabric.update(lambda world: world.with_vm(replace(world.vm(found.name), reprovision_data=data)))
    return answer({"given": data is not None})
