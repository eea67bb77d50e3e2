"""The sample handlers, run as an agent runs them. Source: extensions.md §1.6, §4, §5, §6."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.emulator.openssl import openssl

from limpet.emulator.certificates import pki
from limpet.emulator.storage.packages import load_package, manifest_of
from limpet.model.extensions import ExtensionSettings
from limpet.model.ids import SequenceNumber
from limpet.model.manifest import Operation
from limpet.model.secret import Secret
from limpet.model.status import ExtensionState, ExtensionStatus
from limpet.wire.handlerfiles import render_handler_environment, render_settings
from limpet.wire.statusfile import parse_status_file

if TYPE_CHECKING:
    from limpet.emulator.certificates.pki import TenantCertificate

EXAMPLES = Path(__file__).parents[2] / "examples"
PASSWORD = "between you and the vm"
QUOTED = 'say "hi" \\ \N{SNOWMAN}\n'


@pytest.fixture(scope="module")
def tenant() -> TenantCertificate:
    return pki.new_tenant_certificate()


@dataclass
class Vm:
    """The agent's folders; `leave` what an agent would, then run a handler's commands."""

    root: Path
    tenant: TenantCertificate
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def library(self) -> Path:
        return self.root / "lib"

    def base(self, handler: str) -> Path:
        return self.library / handler

    def log(self, handler: str) -> str:
        return "".join(
            path.read_text(encoding="utf-8") for path in self.logs(handler).iterdir() if path.is_file()
        )

    def logs(self, handler: str) -> Path:
        return self.root / "log" / handler.rpartition("-")[0]

    def unpack(self, handler: str) -> None:
        """As after a download."""
        base = self.base(handler)
        with zipfile.ZipFile(io.BytesIO(load_package(EXAMPLES / handler).zip_bytes)) as package:
            package.extractall(base)
        for path in base.rglob("*"):
            path.chmod(path.stat().st_mode | 0o100)
        for folder in (base / "config", base / "status", self.logs(handler)):
            folder.mkdir(parents=True, exist_ok=True)
        document = render_handler_environment(
            name=handler.rpartition("-")[0],
            log_folder=str(self.logs(handler)),
            config_folder=str(base / "config"),
            status_folder=str(base / "status"),
            heartbeat_file=str(base / "heartbeat.log"),
            events_folder=str(self.logs(handler) / "events"),
        )
        (base / "HandlerEnvironment.json").write_bytes(document)

    def settle(self, handler: str, sequence: int, public: Any = None, protected: Any = None) -> None:
        """Write the settings of one sequence number."""
        secret = thumbprint = None
        if protected is not None:
            secret = Secret(pki.encrypt_for(self.tenant, json.dumps(protected).encode()))
            thumbprint = self.tenant.thumbprint
        settings = ExtensionSettings(
            name=handler.rpartition("-")[0],
            sequence_number=SequenceNumber(sequence),
            public=public,
            protected=secret,
            thumbprint=thumbprint,
        )
        (self.base(handler) / "config" / f"{sequence}.settings").write_bytes(render_settings(settings))

    def keep_certificate(self) -> None:
        """As after the bundle was opened."""
        for kind, suffix, der in (
            ("x509", "crt", self.tenant.certificate),
            ("pkey", "prv", self.tenant.private_key.reveal()),
        ):
            path = self.library / f"{self.tenant.thumbprint}.{suffix}"
            path.write_bytes(openssl(kind, "-inform", "DER", stdin=der))

    def run(
        self, handler: str, operation: Operation, sequence: int = 0, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its commands through a shell, in its folder."""
        base = self.base(handler)
        manifest = manifest_of(load_package(EXAMPLES / handler).zip_bytes, handler)
        environment = {
            "PATH": os.environ["PATH"],
            "ConfigSequenceNumber": str(sequence),
            "AZURE_GUEST_AGENT_EXTENSION_PATH": str(base),
            "AZURE_GUEST_AGENT_EXTENSION_VERSION": handler.rpartition("-")[2],
            **more,
        }
        return subprocess.run(
            ["/bin/sh", "-c", f"{base}/{manifest.commands[operation]}"],
            cwd=base, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def status(self, handler: str, name: str = "0") -> ExtensionStatus:
        return parse_status_file((self.base(handler) / "status" / f"{name}.status").read_bytes())


@pytest.fixture
def vm(tmp_path: Path, tenant: TenantCertificate) -> Vm:
    return Vm(tmp_path, tenant)


HELLO, NEXT = "Limpet.Sample.Hello-1.0.0", "Limpet.Sample.Hello-1.1.0"
FAILS, NOOP = "Limpet.Sample.Fails-1.0.0", "Limpet.Sample.Noop-1.0.0"


def text(status: ExtensionStatus) -> str:
    assert status.message is not None
    return status.message.message


def part(status: ExtensionStatus) -> str:
    (only,) = status.substatus
    assert only.message is not None
    return only.message.message


@pytest.mark.parametrize("handler", [HELLO, NEXT, FAILS, NOOP])
@pytest.mark.parametrize("operation", [each for each in Operation if each is not Operation.ENABLE])
def test_every_command_but_enable_succeeds_without_settings(
    vm: Vm, handler: str, operation: Operation
) -> None:
    vm.unpack(handler)
    done = vm.run(handler, operation)
    assert (done.returncode, done.stderr) == (0, "")


def test_hello_greets_and_opens_what_is_protected(vm: Vm) -> None:
    vm.unpack(HELLO)
    vm.keep_certificate()
    vm.settle(HELLO, 0, {"greeting": QUOTED}, {"password": PASSWORD})
    done = vm.run(HELLO, Operation.ENABLE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "greeted\n", "")
    status = vm.status(HELLO)
    assert (status.status, status.code, status.operation) == (ExtensionState.SUCCESS, 0, "Enable")
    assert text(status) == f"{QUOTED} (greeting 1, from version 1.0.0)"
    assert part(status) == f"opened; the password has {len(PASSWORD)} characters"


def test_hello_keeps_its_secrets(vm: Vm) -> None:
    vm.unpack(HELLO)
    vm.keep_certificate()
    vm.settle(HELLO, 0, {}, {"password": PASSWORD})
    done = vm.run(HELLO, Operation.ENABLE)
    written = [path.read_bytes() for path in vm.root.rglob("*") if path.is_file()]
    assert PASSWORD not in done.stdout + done.stderr
    assert not any(PASSWORD.encode() in content for content in written)


@pytest.mark.parametrize(
    ("public", "expected"),
    [
        (None, "Hello"),
        ({}, "Hello"),
        ({"other": 1}, "Hello"),
        ({"greeting": "a"}, "a"),
        ({"seconds": 0}, "Hello"),
    ],
)
def test_hello_does_with_few_settings(vm: Vm, public: Any, expected: str) -> None:
    vm.unpack(HELLO)
    vm.settle(HELLO, 0, public)
    assert vm.run(HELLO, Operation.ENABLE).returncode == 0
    assert text(vm.status(HELLO)) == f"{expected} (greeting 1, from version 1.0.0)"
    assert part(vm.status(HELLO)) == "there are none"


@pytest.mark.parametrize("content", [None, b""], ids=["no file", "an empty file"])
def test_hello_does_without_settings(vm: Vm, content: bytes | None) -> None:
    vm.unpack(HELLO)
    if content is not None:
        (vm.base(HELLO) / "config" / "0.settings").write_bytes(content)
    assert vm.run(HELLO, Operation.ENABLE).returncode == 0
    assert text(vm.status(HELLO)) == "Hello (greeting 1, from version 1.0.0)"


def test_hello_works_once_on_the_same_settings(vm: Vm) -> None:
    vm.unpack(HELLO)
    for sequence, count in ((3, 1), (3, 1), (4, 2), (4, 2)):
        vm.settle(HELLO, sequence, {"greeting": "hi"})
        assert vm.run(HELLO, Operation.ENABLE, sequence).returncode == 0
        assert f"greeting {count}," in text(vm.status(HELLO, str(sequence)))


def test_hello_says_what_is_wrong_when_the_certificate_is_missing(vm: Vm) -> None:
    vm.unpack(HELLO)
    vm.settle(HELLO, 0, {}, {"password": PASSWORD})
    done = vm.run(HELLO, Operation.ENABLE)
    words = f"the protected settings cannot be opened: is their certificate in {vm.library}?"
    assert (done.returncode, done.stderr.startswith(words)) == (53, True)
    status = vm.status(HELLO)
    assert (status.status, status.code) == (ExtensionState.ERROR, 53)
    assert text(status).startswith(words)
    assert words in vm.log(HELLO)


def test_an_update_takes_the_count_along_and_greets_anew(vm: Vm) -> None:
    vm.unpack(HELLO)
    vm.settle(HELLO, 2)
    vm.run(HELLO, Operation.ENABLE, 2)
    vm.run(HELLO, Operation.DISABLE, 2)
    vm.unpack(NEXT)
    for carried in ("status/2.status", "mrseq"):  # what agents copy. Source: extensions.md §3.7
        (vm.base(NEXT) / carried).write_bytes((vm.base(HELLO) / carried).read_bytes())
    vm.settle(NEXT, 2)
    assert vm.run(NEXT, Operation.UPDATE, 2, AZURE_GUEST_AGENT_UPDATING_FROM_VERSION="1.0.0").returncode == 0
    assert vm.run(HELLO, Operation.UNINSTALL, 2).returncode == 0
    assert vm.run(NEXT, Operation.INSTALL, 2).returncode == 0
    assert vm.run(NEXT, Operation.ENABLE, 2).returncode == 0
    assert text(vm.status(NEXT, "2")) == "Hello again (greeting 2, from version 1.1.0)"
    assert "came from 1.0.0" in vm.log(NEXT)


def test_both_versions_of_hello_are_one_program() -> None:
    first, second = ((EXAMPLES / handler / "bin" / "hello").read_bytes() for handler in (HELLO, NEXT))
    assert first == second


FAILING = [
    (None, "The public setting 'folder' is missing."),
    (
        {"folder": "/nonexistent/x"},
        "The folder /nonexistent/x, from the public setting 'folder', does not exist.",
    ),
]


@pytest.mark.parametrize(("public", "problem"), FAILING)
def test_fails_says_what_is_wrong_and_what_to_do(vm: Vm, public: Any, problem: str) -> None:
    vm.unpack(FAILS)
    vm.settle(FAILS, 0, public)
    done = vm.run(FAILS, Operation.ENABLE)
    assert done.returncode == 53
    status = vm.status(FAILS)
    assert (status.status, status.code) == (ExtensionState.ERROR, 53)
    assert text(status) == done.stderr.strip()
    assert text(status).startswith(problem)
    assert text(status).endswith("Nothing was changed.")


def test_fails_is_mended_by_new_settings(vm: Vm) -> None:
    vm.unpack(FAILS)
    vm.settle(FAILS, 1, {"folder": "/"})
    assert vm.run(FAILS, Operation.ENABLE, 1).returncode == 0
    assert vm.status(FAILS, "1").status is ExtensionState.SUCCESS


@pytest.mark.parametrize(("extension", "file"), [(None, "5"), ("one", "one.5")])
def test_noop_succeeds_for_one_extension_and_for_several(vm: Vm, extension: str | None, file: str) -> None:
    vm.unpack(NOOP)
    named = {} if extension is None else {"ConfigExtensionName": extension}
    assert vm.run(NOOP, Operation.ENABLE, 5, **named).returncode == 0
    assert vm.status(NOOP, file).status is ExtensionState.SUCCESS


@pytest.mark.parametrize("handler", [HELLO, FAILS])
def test_an_unknown_command_is_refused(vm: Vm, handler: str) -> None:
    vm.unpack(handler)
    program = vm.base(handler) / "bin" / handler.split(".")[2].partition("-")[0].lower()
    done = subprocess.run(
        [program, "dance"], cwd=vm.base(handler), capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr.startswith("usage: ")) == (2, True)
