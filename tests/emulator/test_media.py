"""Provisioning discs: what is on them, in every variant, and the command that writes them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pycdlib import PyCdlib
from pycdlib.pycdlibexception import PyCdlibException

from limpet.emulator.media.image import FileSystem, disc
from limpet.emulator.media.variants import DOCUMENT, VARIANTS, medium
from limpet.model.errors import MalformedDocument
from limpet.model.ids import Thumbprint
from limpet.model.provisioning import KeyPair, OvfEnvironment, PlatformSettings, PublicKey
from limpet.model.secret import Secret
from limpet.wire.http import MIB
from limpet.wire.ovfenv import parse_ovf_environment, render_ovf_environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.processes import Command, Process

PASSWORD = "".join(map(chr, range(0x20, 0x7F))) + "äß€🐚"
ENVIRONMENT = OvfEnvironment(
    host_name="box",
    user_name="ada",
    user_password=Secret(PASSWORD),
    custom_data=Secret("aGVsbG8="),
    disable_ssh_password_authentication=False,
    public_keys=(PublicKey(path="/home/ada/.ssh/authorized_keys", value="ssh-ed25519 AAAA ada"),),
    key_pairs=(KeyPair(path="/home/ada/.ssh/id_rsa", fingerprint=Thumbprint("AB" * 20)),),
    platform=PlatformSettings(provision_guest_agent=True),
)
UDF, ROCK_RIDGE, JOLIET = "udf_path", "rr_path", "joliet_path"


def names(image: bytes, kind: str) -> list[str]:
    """The names at the root of a disc, as one of its file systems has them."""
    found = PyCdlib()
    found.open_fp(io.BytesIO(image))
    try:
        children = [each for each in found.list_children(**{kind: "/"}) if each is not None]
        plain = [
            each.rock_ridge.name() if kind == ROCK_RIDGE else each.file_identifier() for each in children
        ]
    finally:
        found.close()
    encoding = "utf-16-be" if kind == JOLIET else "utf-8"
    shown = [name.decode(encoding) for name in plain if len(name) > 2]
    return sorted(name for name in shown if name not in {".", ".."})


def has_udf(image: bytes) -> bool:
    found = PyCdlib()
    found.open_fp(io.BytesIO(image))
    try:
        return bool(found.has_udf())
    finally:
        found.close()


def content(image: bytes, name: str, kind: str = UDF) -> bytes:
    found, target = PyCdlib(), io.BytesIO()
    found.open_fp(io.BytesIO(image))
    try:
        found.get_file_from_iso_fp(target, **{kind: f"/{name}"})
    finally:
        found.close()
    return target.getvalue()


@pytest.mark.parametrize("kind", [UDF, ROCK_RIDGE, JOLIET])
def test_the_document_is_at_the_root_in_each_file_system(kind: str) -> None:
    image = medium(ENVIRONMENT).image()
    assert names(image, kind) == [DOCUMENT]
    assert parse_ovf_environment(content(image, DOCUMENT, kind)) == ENVIRONMENT


def test_names_keep_their_case_and_large_files_their_bytes() -> None:
    files = {"ovf-env.xml": b"a", "OVF-ENV.XML": b"b", "install": bytes(range(256)) * 9000, "empty": b""}
    image = disc(files)
    for kind in (UDF, ROCK_RIDGE, JOLIET):
        assert {name: content(image, name, kind) for name in files} == files


def test_a_disc_has_only_the_file_systems_that_were_asked_for() -> None:
    only_iso = disc({"x.txt": b"x"}, file_system=FileSystem.ISO_9660)
    assert names(only_iso, ROCK_RIDGE) == ["x.txt"]
    assert not has_udf(only_iso)
    only_udf = disc({"x.txt": b"x"}, file_system=FileSystem.UDF)
    assert (names(only_udf, UDF), names(only_udf, ROCK_RIDGE)) == (["x.txt"], [])


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_the_same_input_gives_the_same_bytes_whenever_and_wherever(zone: str) -> None:
    program = (
        "import hashlib; from limpet.emulator.media.image import disc;"
        "print(hashlib.sha256(disc({'ovf-env.xml': b'x' * 5000})).hexdigest())"
    )
    environment = {**os.environ, "TZ": zone}
    shown = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=120,
    )
    # Known in advance: not even another day changes it.
    assert shown.stdout.strip() == DIGEST


DIGEST = "4ba4d98c0531c8ad18e71be864e3ab713e2d0113a1ee03703c52cf0448198baa"

REFUSED = {
    "empty-document", "truncated", "not-xml", "doctype", "wrong-namespace", "two-provisioning-sections",
    "huge-document", "empty-user",
}  # fmt: skip
"""Whoever reads the document refuses it; what is wrong with the others is seen later."""
WITHOUT_A_DOCUMENT = {"no-document", "scvmm", "no-file-system", "cut-image"}


@pytest.mark.parametrize("variant", sorted(set(VARIANTS) - WITHOUT_A_DOCUMENT))
def test_each_variant_is_what_it_says(variant: str) -> None:
    document = medium(ENVIRONMENT, variant).files[DOCUMENT]
    if variant in REFUSED:
        with pytest.raises(MalformedDocument):
            parse_ovf_environment(document)
        return
    found = parse_ovf_environment(document)
    assert (found == ENVIRONMENT) is VARIANTS[variant].fine


def test_what_is_odd_in_the_values_of_a_document() -> None:
    def of(variant: str) -> OvfEnvironment:
        return parse_ovf_environment(medium(ENVIRONMENT, variant).files[DOCUMENT])

    users = {
        name: of(f"{name}-user").user_name for name in ("root", "long", "colon", "newline", "dots", "no")
    }
    assert users["root"] == "root"
    assert len(users["long"] or "") == 300
    assert ":" in (users["colon"] or "")
    assert "\n" in (users["newline"] or "")
    assert (users["dots"] or "").startswith("../")
    assert users["no"] is None
    assert of("odd-key").public_keys[0].value == "this is not a key"
    assert of("key-outside-home").public_keys[0].path == "/etc/cron.d/eve"
    custom_data = of("custom-data-not-base64").custom_data
    assert custom_data is not None
    assert len(custom_data.reveal()) == 64 * 1024
    assert "{" in custom_data.reveal()


def test_a_huge_document_is_xml_all_the_same() -> None:
    document = medium(ENVIRONMENT, "huge-document").files[DOCUMENT]
    assert len(document) > MIB
    assert document.replace(b"x" * (len(document) - 2000), b"").endswith(b"--></Environment>\n")


def test_a_disc_of_system_center_has_its_two_files_and_no_document() -> None:
    image = medium(ENVIRONMENT, "scvmm").image()
    assert names(image, UDF) == ["install", "linuxosconfiguration.xml"]
    assert content(image, "install").startswith(b"#!/bin/bash\n")


def test_two_documents_of_different_case_stand_side_by_side() -> None:
    image = medium(ENVIRONMENT, "two-documents").image()
    found = [parse_ovf_environment(content(image, name)).user_name for name in (DOCUMENT, DOCUMENT.upper())]
    assert found == ["ada", "other"]


@pytest.mark.parametrize("variant", ["no-file-system", "cut-image"])
def test_what_is_no_disc_cannot_be_opened(variant: str) -> None:
    image = medium(ENVIRONMENT, variant).image()
    with pytest.raises(PyCdlibException):
        content(image, DOCUMENT)


@pytest.mark.parametrize("cut", [0, 1, 100, 10_000_000])
def test_a_document_can_be_cut_at_any_byte(cut: int) -> None:
    whole = render_ovf_environment(ENVIRONMENT)
    assert medium(ENVIRONMENT, cut=cut).files[DOCUMENT] == whole[:cut]
    assert medium(ENVIRONMENT, "no-document", cut=cut).files == {"readme.txt": b"nothing here\n"}


def test_the_command_writes_what_it_is_told(command: Command, tmp_path: Path) -> None:
    key, password, day0, out = (tmp_path / name for name in ("key.pub", "password", "day0", "dvd.iso"))
    key.write_text("ssh-ed25519 AAAA ada\n", encoding="utf-8")
    password.write_text(f"{PASSWORD}\nnot this line\n", encoding="utf-8")
    day0.write_bytes(b"\0binary\xff")
    code, output, errors = command(
        "media", str(out), "--host-name", "box", "--user-name", "ada", "--password-file", str(password), "--key",
        str(key), "--key-fingerprint", "ab" * 20, "--key-pair", f"{'cd' * 20}=/home/ada/.ssh/id_rsa",
        "--custom-data", str(day0), "--disable-password-auth", "--provision-guest-agent", "false", "--pps",
        "Running", "--proxy-agent",
    )  # fmt: skip
    assert (code, errors) == (0, "")
    assert PASSWORD not in output
    assert "password in the clear" in output
    assert out.stat().st_mode & 0o777 == 0o600
    found = parse_ovf_environment(content(out.read_bytes(), DOCUMENT))
    home = "/home/ada/.ssh/authorized_keys"
    assert found == OvfEnvironment(
        host_name="box",
        user_name="ada",
        user_password=Secret(PASSWORD),
        custom_data=Secret("AGJpbmFyef8="),
        disable_ssh_password_authentication=True,
        public_keys=(
            PublicKey(path=home, value="ssh-ed25519 AAAA ada"),
            PublicKey(path=home, fingerprint=Thumbprint("AB" * 20)),
        ),
        key_pairs=(KeyPair(path="/home/ada/.ssh/id_rsa", fingerprint=Thumbprint("CD" * 20)),),
        platform=PlatformSettings(
            provision_guest_agent=False,
            preprovisioned_vm=True,
            preprovisioned_vm_type="Running",
            provision_guest_proxy_agent=True,
        ),
    )


def test_the_password_may_come_by_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "dvd.iso"
    subprocess.run(
        [sys.executable, "-m", "limpet", "emulator", "media", str(out), "--password-file", "-"],
        input=f"{PASSWORD}\r\n",
        encoding="utf-8",
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert parse_ovf_environment(content(out.read_bytes(), DOCUMENT)).user_password == Secret(PASSWORD)


def test_a_disc_is_that_of_a_vm_of_a_running_fabric(
    running: Process, command: Command, tmp_path: Path
) -> None:
    with running.client() as api:
        api.describe_vm(
            {
                "name": "with-disc",
                "address": "10.9.9.9",
                "userName": "ada",
                "computerName": "box",
                "password": PASSWORD,
                "publicKeys": ["ssh-ed25519 AAAA ada"],
                "customData": "aGVsbG8=",
                "disablePassword": False,
                "ppsType": "Savable",
                "provisionGuestAgent": None,
            }
        )
    out = tmp_path / "dvd.iso"
    code, output, _ = command("media", str(out), "--from-vm", "with-disc", "--admin", running.admin, "--json")
    assert code == 0
    assert json.loads(output)["files"].keys() == {DOCUMENT}
    found = parse_ovf_environment(content(out.read_bytes(), DOCUMENT))
    assert (found.host_name, found.user_name, found.user_password) == ("box", "ada", Secret(PASSWORD))
    assert found.custom_data == Secret("aGVsbG8=")
    assert found.platform == PlatformSettings(preprovisioned_vm=True, preprovisioned_vm_type="Savable")
    with running.client() as api:
        api.remove_vm("with-disc")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "say which file to write"),
        (("x.iso", "--broken", "nothing"), 2, "there is no variant 'nothing'"),
        (("x.iso", "--cut", "-1"), 2, "from 0 on"),
        (("x.iso", "--key-fingerprint", "12"), 2, "not a thumbprint"),
        (("x.iso", "--key-pair", "ab" * 20), 2, "THUMBPRINT=PATH"),
        (("x.iso", "--key", "/nonexistent"), 2, "/nonexistent: No such file"),
        (("/nonexistent/x.iso",), 2, "/nonexistent/x.iso: No such file"),
        (("x.iso", "--from-vm", "vm9", "--user-name", "ada"), 2, "--from-vm has what --user-name says"),
        (("x.iso", "--from-vm", "vm9", "--admin", "unix:/nonexistent"), 1, "no emulator answers"),
    ],
)
def test_slips_are_told(
    arguments: tuple[str, ...], code: int, said: str, command: Command, tmp_path: Path
) -> None:
    placed = [str(tmp_path / word) if word == "x.iso" else word for word in arguments]
    found, output, errors = command("media", *placed)
    assert (found, said in errors) == (code, True), output + errors
    assert not (tmp_path / "x.iso").exists()


def test_the_variants_are_listed_with_what_they_are(command: Command) -> None:
    code, output, _ = command("media", "--list", "--json")
    assert code == 0
    assert [each["name"] for each in json.loads(output)] == list(VARIANTS)
    assert "cannot" not in output
    assert "two-provisioning-sections  no " in command("media", "--list")[1]
