"""Routers for the tests of the iosxe driver, and the golden files of their day 0.

The golden files are written anew by: .venv/bin/python -m tests.appliance.networkos.iosxe_cases
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from limpet.appliance.networkos.iosxe.day_zero import IosXeDayZero, plan_day_zero
from limpet.guest.lease import AcquiredLease
from limpet.guest.site import GuestPort, Nic, Site
from limpet.guest.translation import DayZero
from limpet.model.network import Route
from limpet.model.provisioning import OvfEnvironment, PublicKey
from limpet.model.secret import Secret

GOLDEN = Path(__file__).parent / "golden"
REGENERATE = ".venv/bin/python -m tests.appliance.networkos.iosxe_cases"
VM_ID = "8ED1A77B-7A3B-4B6B-A4C0-1E2F3A4B5C6D"
PASSWORD = "What? A password! ^C"


def rsa_key(number: int = 1, bits: int = 2048) -> str:
    """A public key as a .pub file has it; nobody has its private half."""
    fields = (b"ssh-rsa", b"\x01\x00\x01", b"\x00" + bytes([number]) * (bits // 8))
    blob = b"".join(len(each).to_bytes(4) + each for each in fields)
    return f"ssh-rsa {b64encode(blob).decode()} alice@example.com"


def mac_of(number: int) -> str:
    return f"00:0d:3a:00:00:{number:02x}"


def lease(number: int, *, gateway: str | None = None, domain: str | None = None) -> AcquiredLease:
    """Of the NIC of that number, in 10.0.`number`.0/24."""
    way = Route(destination=IPv4Network("0.0.0.0/0"), gateway=IPv4Address(gateway or f"10.0.{number}.1"))
    return AcquiredLease(
        interface=f"eth{number - 1}",
        mac=mac_of(number),
        address=IPv4Address(f"10.0.{number}.4"),
        prefix=24,
        routes=(way,),
        dns=(IPv4Address("10.0.0.53"),),
        domain=domain,
        server=IPv4Address("168.63.129.16"),
        obtained=0.0,
    )


def site(
    nics: int = 1, *, port: GuestPort | None = None, dns: tuple[str, ...] = (), leases: bool = True
) -> Site:
    """The primary NIC is the last of a site, and the first of a router."""
    every = [
        Nic(name=f"eth{number - 1}", mac=mac_of(number), primary=number == 1)
        for number in (*range(2, nics + 1), 1)
    ]
    held = {mac_of(number): lease(number) for number in range(1, nics + 1)} if leases else {}
    return Site(
        nics=tuple(every),
        port=port or GuestPort(),
        leases=held,
        dns=tuple(map(IPv4Address, dns)),
        host_name="r",
    )


def leased(where: Site, *numbers: int) -> Site:
    """The same, with leases of these NICs alone."""
    return replace(where, leases={mac_of(number): lease(number) for number in numbers})


def environment(
    *,
    custom: bytes | None = None,
    host: str = "router-1",
    user: str | None = "alice",
    password: str | None = PASSWORD,
    keys: tuple[str, ...] = (),
    disable: bool | None = None,
) -> OvfEnvironment:
    return OvfEnvironment(
        host_name=host,
        user_name=user,
        user_password=None if password is None else Secret(password),
        custom_data=None if custom is None else Secret(b64encode(custom).decode()),
        disable_ssh_password_authentication=disable,
        public_keys=tuple(PublicKey(path="", value=key) for key in keys),
    )


def day_zero(asked: OvfEnvironment, where: Site | None = None) -> IosXeDayZero:
    return plan_day_zero(DayZero(vm_id=VM_ID, environment=asked), where or site())


SECTIONS = b"""\
Section: IOS configuration
ip name-server 10.0.0.53
!
interface GigabitEthernet2
 description inside
 ip address dhcp
 ip nat inside
 no shutdown
!
crypto ikev2 keyring partner
 peer partner
  address 203.0.113.9
  pre-shared-key tell-nobody
!
interface Tunnel0
 ip address 10.255.0.1 255.255.255.252
 tunnel source GigabitEthernet1
 tunnel mode ipsec ipv4
 tunnel destination 203.0.113.9
!
end

Section: Python package
csr_azure_ha 3.1.0 {--user}
ncclient

Section: scripts
https://example.com/setup.py?sig=token --id tell-nobody
Section: License
TechPackage:ax
"""

CONTROLLER = b"""\
Content-Type: multipart/mixed; boundary="==BOUNDARY=="
MIME-Version: 1.0

--==BOUNDARY==
Content-Type: text/cloud-config; charset="us-ascii"
MIME-Version: 1.0

#cloud-config
vinitparam:
 - uuid : C8K-00000000-0000-0000-0000-000000000000
 - vbond : 203.0.113.1
 - otp : 00000000000000000000000000000000
 - org : example
 - rcc : true

--==BOUNDARY==
Content-Type: text/cloud-boothook; charset="us-ascii"

#cloud-boothook
  system
   system-ip 10.255.255.1
   site-id 100
  !
--==BOUNDARY==
"""


def cases() -> dict[str, IosXeDayZero]:
    """The routers of the golden files, by name."""
    wide = GuestPort(
        outer_address=IPv4Interface("172.31.9.9/29"), inner_address=IPv4Interface("172.31.9.10/29")
    )
    keyed = environment(password=None, keys=(rsa_key(1), rsa_key(2, 4096)), disable=True)
    return {
        "password-user": day_zero(environment()),
        "key-user": day_zero(keyed),
        "sdwan": day_zero(environment(custom=CONTROLLER)),
        "sections": day_zero(environment(custom=SECTIONS), site(2)),
        "three-nics": day_zero(
            environment(host="7-up.contoso.example"), site(3, dns=("10.0.0.53", "10.0.0.54"))
        ),
        "eight-nics": day_zero(environment(), site(8)),
        "one-nic-without-lease": day_zero(environment(), leased(site(3), 1, 2)),
        "custom-subnet": day_zero(environment(), site(port=wide)),
        "no-user-no-lease": day_zero(environment(user=None, password=None), site(2, leases=False)),
    }


def golden_files() -> dict[str, bytes]:
    """What the golden files hold, by name."""
    files = {}
    for name, case in cases().items():
        texts = {
            "configuration.txt": case.configuration.reveal().encode() if case.configuration else None,
            "shown.txt": case.describe().encode(),
            "controller.cfg": case.controller.reveal() if case.controller else None,
        }
        files.update({f"iosxe-{name}-{kind}": text for kind, text in texts.items() if text is not None})
    return files


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.glob("iosxe-*"):
        old.unlink()
    for file, content in golden_files().items():
        (GOLDEN / file).write_bytes(content)
