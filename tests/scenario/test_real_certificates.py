"""Protected settings from the fabric's encryption to a handler's decryption: real keys, real openssl."""

from __future__ import annotations

import base64
import json
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenario.core import VM, Core
from tests.scenario.handlers import SAMPLE, enable, package
from tests.scenario.stage import Stage

from limpet.config.settings import Config
from limpet.emulator.certificates.pki import Sealer, TenantCertificate, encrypt_for, new_tenant_certificate
from limpet.emulator.clock import SystemClock
from limpet.emulator.world.goalstates import rotate_certificates
from limpet.host.fake import FakeMachine
from limpet.host.fake_work import FakeFetcher, FakeProcesses
from limpet.host.files import RealFiles
from limpet.host.vault import OpensslVault
from limpet.model.errors import HostError
from limpet.wire.certificates import Cipher

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


SECRET = b'{"password": "correct horse"}'


@cache
def tenant(number: int = 0) -> TenantCertificate:
    """One of a few certificates; each takes a tenth of a second to make."""
    return new_tenant_certificate(f"tenant-{number}")


class ToSomebodyElse(Sealer):
    """Encrypts to another certificate than the one that asks."""

    def encrypt_bundle(
        self, certificates: Sequence[TenantCertificate], transport_certificate_der: bytes, cipher: Cipher
    ) -> bytes:
        return super().encrypt_bundle(certificates, tenant(9).certificate, cipher)


def playing(tmp_path: Path) -> Stage:
    """A stage with real files and keys, and a handler whose settings are protected."""
    machine, files, library = FakeMachine(), RealFiles(), tmp_path / "lib"
    core = Core.start(machine.clock)
    core.sealer = Sealer(SystemClock())
    core.become(rotate_certificates(core.vm, tenant(), retire=True))
    processes = FakeProcesses(files, machine.clock)
    machine.files, machine.processes = files, processes  # type: ignore[assignment] # where scripts write
    ports: dict[str, Any] = {
        "files": files,
        "processes": processes,
        "vault": OpensslVault(library),
        "fetcher": FakeFetcher(files, core.exchange),
    }
    play = Stage(
        machine=machine, core=core, config=Config(library=library, log_dir=tmp_path / "log"), ports=ports
    )
    core.host(package())
    play.publish(protected(tenant()))
    return play


def protected(certificate: TenantCertificate) -> Any:
    return enable(protected=encrypt_for(certificate, SECRET), thumbprint=certificate.thumbprint)


def opened(play: Stage, number: int = 0) -> bytes:
    """What the handler gets of its protected settings, by the commands that handlers use. Source: extensions.md §5.2."""
    library = play.config.library
    text = (library / f"{SAMPLE}-1.0.0" / "config" / f"{number}.settings").read_text()
    inner = json.loads(text)["runtimeSettings"][0]["handlerSettings"]
    thumbprint = inner["protectedSettingsCertThumbprint"]
    decoded = subprocess.run(["base64", "-d"], input=inner["protectedSettings"].encode(), capture_output=True, check=True).stdout  # fmt: skip
    keys = [library / f"{thumbprint}.{kind}" for kind in ("crt", "prv")]
    command = ["openssl", "cms", "-inform", "DER", "-decrypt", "-recip", str(keys[0]), "-inkey", str(keys[1])]
    return subprocess.run(command, input=decoded, capture_output=True, check=True).stdout


def test_a_handler_can_open_its_protected_settings(tmp_path: Path) -> None:
    play = playing(tmp_path)
    play.turn()
    assert play.state() == "success"
    assert opened(play) == SECRET
    for path in play.config.library.glob("*.prv"):
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("kind", ["one line", "only 3DES"])
def test_bundles_come_in_other_shapes(kind: str, tmp_path: Path) -> None:
    play = playing(tmp_path)
    if kind == "one line":
        play.core.alter("certificates", lambda body: body.replace(b"\n", b""))
    else:
        play.core.fail("certificates", status=400, count=1)
    play.turn()
    assert opened(play) == SECRET


def test_a_bundle_for_another_key_is_the_handlers_error(tmp_path: Path) -> None:
    play = playing(tmp_path)
    play.core.sealer = ToSomebodyElse(SystemClock())
    play.live(5)
    assert play.played == []
    assert play.message().startswith(
        f"The certificate {tenant().thumbprint} that the protected settings are encrypted"
    )
    assert "no certificates with either cipher" in play.message()
    assert "PRIVATE KEY" not in play.log.text


def test_after_a_rotation_new_settings_open_with_the_new_key(tmp_path: Path) -> None:
    play = playing(tmp_path)
    play.turn()
    play.core.become(rotate_certificates(play.core.world.vm(VM), tenant(1), retire=True))
    play.publish(protected(tenant(1)))
    play.live(5)
    assert opened(play, 1) == SECRET


class Renewing(Sealer):
    """While the first bundle is on its way the transport key is lost, as a clock that was set makes a certificate invalid."""

    def __init__(self, library: Path) -> None:
        super().__init__(SystemClock())
        self.library = library
        self.asked = 0

    def encrypt_bundle(
        self, certificates: Sequence[TenantCertificate], transport_certificate_der: bytes, cipher: Cipher
    ) -> bytes:
        self.asked += 1
        if self.asked == 1:
            for name in ("TransportCert.pem", "TransportPrivate.pem"):
                (self.library / name).unlink()
        return super().encrypt_bundle(certificates, transport_certificate_der, cipher)


def test_a_bundle_for_a_key_that_was_renewed_meanwhile_is_asked_for_once_more(tmp_path: Path) -> None:
    play = playing(tmp_path)
    play.core.sealer = renewing = Renewing(play.config.library)
    play.turn()
    assert renewing.asked == 3  # with either cipher for the old key, and then for the new one
    assert play.state() == "success"
    assert opened(play) == SECRET


def test_a_bundle_for_another_key_is_not_asked_for_again_and_again(tmp_path: Path) -> None:
    play = playing(tmp_path)
    play.core.sealer = ToSomebodyElse(SystemClock())
    play.live(50)
    assert play.core.count("certificates") <= 4
    assert play.status.message is not None
    assert "the certificates cannot be had" in play.status.message.message


def test_each_stage_has_a_transport_key_of_its_own(tmp_path: Path) -> None:
    for name in ("boot", "guest"):
        (tmp_path / name).mkdir()
    boot, guest = (OpensslVault(tmp_path / name) for name in ("boot", "guest"))
    assert boot.transport_certificate() != guest.transport_certificate()
    sealer = Sealer(SystemClock())
    for_boot = sealer.encrypt_bundle(
        [tenant()], base64.b64decode(boot.transport_certificate()), next(iter(Cipher))
    )
    with pytest.raises(HostError, match="encrypted for another certificate"):
        guest.unpack_bundle(for_boot)
    assert dict(boot.unpack_bundle(for_boot))[tenant().thumbprint]
