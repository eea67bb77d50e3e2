"""Operations that change what the fabric wants of a VM, or the VM itself."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING

from limpet.emulator.admin import views
from limpet.emulator.admin.base import Api, answer, body
from limpet.emulator.admin.problems import Problem
from limpet.emulator.admin.publishing import PUBLICATION, SOURCES, publication
from limpet.emulator.admin.reading import Body, Member, check
from limpet.emulator.fabric import NameTaken
from limpet.emulator.world import goalstates
from limpet.emulator.world.changes import ChangeRefused
from limpet.emulator.world.goalstates import Publication
from limpet.emulator.world.vm import Account, JitUser, Nic, VirtualMachine
from limpet.model.extensions import Source
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from limpet.emulator.world.state import World

LONGEST_NAME = 60

NIC: tuple[Member, ...] = (
    Member(name="mac", type="string", required=True, about="such as 00:0d:3a:00:00:05"),
    Member(name="address", type="string", required=True, about="what DHCP gives it, such as 10.0.1.5"),
)
NEW_VM: tuple[Member, ...] = (
    Member(name="name", type="string", required=True, about="letters, digits and hyphens"),
    Member(
        name="address", type="string", required=True, about="the address that the VM's requests come from"
    ),
    Member(name="location", type="string", about="as the metadata service tells it"),
    Member(name="userName", type="string", about="the administrator, as the metadata service tells it"),
    Member(name="computerName", type="string", about="the host name, as the metadata service tells it"),
    Member(name="publicKeys", type="array", item_type="string", about="the administrator's ssh keys"),
    Member(name="disablePassword", type="boolean", about="whether ssh takes keys only; true when left out"),
    Member(
        name="password", type="string", about="the administrator's password; on the provisioning disc only"
    ),
    Member(name="userData", type="string", about="user data in base64"),
    Member(name="customData", type="string", about="custom data in base64; on the provisioning disc only"),
    Member(
        name="hasCustomData",
        type="boolean",
        about="whether the metadata service tells of custom data; left out: when there is some",
    ),
    Member(
        name="ppsType",
        type="string",
        choices=("None", "Running", "Savable", "PreprovisionedOSDisk"),
        about="of a pre-provisioned VM; None when left out",
    ),
    Member(
        name="provisionGuestAgent",
        type="boolean",
        nullable=True,
        about="as the provisioning disc says; null: it says nothing; true when left out",
    ),
    Member(
        name="mac", type="string", about="of its primary NIC; left out: 00:0d:3a and the address's last bytes"
    ),
    Member(name="nics", type="array", items=NIC, about="its other NICs; they have no way to the platform"),
)
NICS: tuple[Member, ...] = (
    Member(name="nics", type="array", required=True, items=NIC, about="all its NICs beside the primary one"),
)
ROTATION: tuple[Member, ...] = (
    Member(
        name="retire",
        type="boolean",
        about="true: leave older certificates out, so that older settings can no longer be decrypted",
    ),
)
HOLD: tuple[Member, ...] = (
    Member(
        name="channel", type="string", choices=tuple(SOURCES), about="how to say so; fabric when left out"
    ),
)
JIT_USER: tuple[Member, ...] = (
    Member(name="name", type="string", required=True, about="the account's name"),
    Member(
        name="password", type="string", required=True, about="in the clear: it is encrypted when asked for"
    ),
    Member(
        name="expiration",
        type="string",
        required=True,
        about="such as Tue, 01 Jan 2030 00:00:00 GMT, or another text",
    ),
)
USERS: tuple[Member, ...] = (
    Member(
        name="users",
        type="array",
        required=True,
        nullable=True,
        items=JIT_USER,
        about="the just-in-time users; null: goal states name no list",
    ),
)


async def add_vm(api: Api, request: Request) -> Response:
    """Bring a VM into the world."""
    asked = await body(request, NEW_VM)
    name, address = asked.get("name"), asked.get("address")
    if not 0 < len(name) <= LONGEST_NAME or not all(c.isascii() and (c.isalnum() or c == "-") for c in name):
        raise asked.refuse(
            "name", f"{name[:80]!r} is not a VM's name", "letters, digits and hyphens, up to 60"
        )
    try:
        address = str(ip_address(address))
    except ValueError as error:
        raise asked.refuse("address", f"{address[:80]!r} is not an address", "such as 10.0.0.4") from error
    described = _description(asked)
    mac = "" if "mac" not in asked else _mac(asked, "mac")
    nics = _nics(api.fabric.world, asked, {address})
    try:
        vm = await api.fabric.add_vm(name, address, mac=mac)
    except NameTaken as error:
        raise Problem(409, str(error), where="body", todo="choose another, or DELETE the VM first") from error
    compute = replace(vm.compute, location=asked.get("location", vm.compute.location))
    _replace(api, name, lambda vm: replace(vm, account=described, compute=compute, more_nics=nics))
    return answer(views.vm_whole(api.fabric.world, api.named(name)), 201)


async def set_nics(api: Api, request: Request) -> Response:
    """Attach or detach NICs while the VM runs."""
    vm = api.vm(request)
    asked = await body(request, NICS)
    primary = vm.nics[0]
    nics = _nics(api.fabric.world.without_vm(vm.name), asked, {primary.address, primary.mac})
    _replace(api, vm.name, lambda vm: replace(vm, more_nics=nics))
    return answer(views.vm_whole(api.fabric.world, api.named(vm.name)))


async def remove_vm(api: Api, request: Request) -> Response:
    """Forget a VM."""
    name = api.vm(request).name

    api.fabric.update(lambda world: world.without_vm(name).tell(api.now, "vm-removed", name))
    return answer({"removed": name})


async def publish(api: Api, request: Request) -> Response:
    """A new goal state."""
    vm = api.vm(request)
    asked = await body(request, PUBLICATION)
    certificate = vm.certificates[0] if vm.certificates else None
    return _published(api, vm.name, publication(asked, certificate, api.encrypt))


async def hold(api: Api, request: Request) -> Response:
    """Ask the agent to leave extensions alone for now."""
    return await _held(api, request, on_hold=True)


async def unhold(api: Api, request: Request) -> Response:
    """Let extensions be processed again."""
    return await _held(api, request, on_hold=False)


async def rotate_certificates(api: Api, request: Request) -> Response:
    """A new tenant certificate and incarnation."""
    name = api.vm(request).name
    retire = (await body(request, ROTATION)).get("retire", False)
    certificate = await api.fabric.certificate()
    _replace(api, name, lambda vm: goalstates.rotate_certificates(vm, certificate, retire=retire))
    return _told(api, name, "certificates")


async def hibernate(api: Api, request: Request) -> Response:
    """Resume the VM elsewhere."""
    name = api.vm(request).name
    await body(request, ())
    certificate = await api.fabric.certificate()
    _replace(api, name, lambda vm: goalstates.hibernate(vm, certificate))
    return _told(api, name, "hibernated")


async def list_users(api: Api, request: Request) -> Response:
    """Another list of just-in-time users."""
    name = api.vm(request).name
    wanted = (await body(request, USERS)).get("users")
    users = None
    if wanted is not None:
        users = tuple(
            JitUser(name=user["name"], password=Secret(user["password"]), expiration=user["expiration"])
            for user in wanted
        )
    _replace(api, name, lambda vm: goalstates.list_users(vm, users))
    return _told(api, name, "users")


def _description(asked: Body) -> Account:
    custom_data, password = asked.get("customData"), asked.get("password")
    return Account(
        user_name=asked.get("userName", Account().user_name),
        computer_name=asked.get("computerName", ""),
        disable_password=asked.get("disablePassword", True),
        public_keys=tuple(asked.get("publicKeys", [])),
        user_data=asked.get("userData", ""),
        has_custom_data=asked.get("hasCustomData", custom_data is not None),
        password=None if password is None else Secret(password),
        custom_data=None if custom_data is None else Secret(custom_data),
        pps_type=asked.get("ppsType", "None"),
        provision_guest_agent=asked.get("provisionGuestAgent", True),
    )


def _mac(asked: Body, name: str) -> str:
    found = asked.get(name).replace(":", "").replace("-", "").upper()
    if len(found) != 12 or not set(found) <= set("0123456789ABCDEF"):
        raise asked.refuse(name, f"{asked.get(name)[:40]!r} is not a MAC", "such as 00:0d:3a:00:00:04")
    return str(found)


def _nics(world: World, asked: Body, taken: set[str]) -> tuple[Nic, ...]:
    """The NICs beside the primary one: each address is given once. Raises: Problem."""
    found = []
    for number, members in enumerate(asked.get("nics", [])):
        nic = check(members, NIC, f"{asked.where}.nics[{number}]")
        address = nic.get("address")
        try:
            address = str(IPv4Address(address))
        except ValueError as error:
            raise nic.refuse("address", f"{address[:80]!r} is not IPv4", "such as 10.0.1.5") from error
        mac = _mac(nic, "mac")
        if not taken.isdisjoint({address, mac}) or world.at(address) or world.with_mac(mac):
            raise nic.refuse("address", "another NIC has this address or MAC", "choose others")
        taken |= {address, mac}
        found.append(Nic(mac=mac, address=address))
    return tuple(found)


async def _held(api: Api, request: Request, *, on_hold: bool) -> Response:
    name = api.vm(request).name
    channel = (await body(request, HOLD)).get("channel", "fabric")
    return _published(api, name, Publication(source=SOURCES[channel], on_hold=on_hold))


def _published(api: Api, name: str, wanted: Publication) -> Response:
    if wanted.source is Source.FAST_TRACK and not api.fabric.world.settings.fast_track:
        raise Problem(
            409,
            "the host plugin does not support vmSettings",
            where="body.channel",
            todo="publish by fabric, or start the emulator with FastTrack",
        )
    try:
        api.fabric.update(lambda world: goalstates.publish(world, name, wanted, api.now))
    except ChangeRefused as error:
        raise Problem(422, str(error), where="body.changes", todo="nothing was published") from error
    return answer(goalstates.summary(api.named(name)))


def _replace(api: Api, name: str, transition: Callable[[VirtualMachine], VirtualMachine]) -> None:
    api.named(name)
    api.fabric.update(lambda world: world.with_vm(transition(world.vm(name))))


def _told(api: Api, name: str, kind: str) -> Response:
    found = views.vm_whole(api.fabric.world, api.named(name))
    told = {key: found[key] for key in ("incarnation", "containerId", "certificates")}
    api.fabric.update(lambda world: world.tell(api.now, kind, name, **told))
    return answer(found)
