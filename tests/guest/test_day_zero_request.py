"""What boot hands to a network OS's driver comes out as it went in, and nothing of it is shown."""

from __future__ import annotations

import base64
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.day_zero_request import parse_request, plan_worker, render_request, secrets_of
from limpet.guest.translation import OUTPUT, DayZero
from limpet.host.fake import FakeMachine
from limpet.host.fake_commands import Said
from limpet.model.errors import MalformedDocument
from limpet.model.ids import Thumbprint
from limpet.model.provisioning import OvfEnvironment, PublicKey
from limpet.model.secret import Secret

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
VM_ID = "c352f51a-e58a-53bb-830c-f3022225181f"
texts = st.text(max_size=40)
environments = st.builds(
    OvfEnvironment,
    host_name=texts,
    user_name=st.none() | texts,
    user_password=st.none() | texts.map(Secret),
    custom_data=st.none() | texts.map(Secret),
    disable_ssh_password_authentication=st.sampled_from([None, True, False]),
    public_keys=st.lists(
        st.builds(
            PublicKey,
            path=texts,
            fingerprint=st.none() | st.just(Thumbprint("AB" * 20)),
            value=st.none() | texts,
        ),
        max_size=3,
    ).map(tuple),
)


def shown(environment: OvfEnvironment) -> tuple[object, ...]:
    password, data = environment.user_password, environment.custom_data
    return (
        environment.host_name,
        environment.user_name,
        None if password is None else password.reveal(),
        None if data is None else data.reveal(),
        environment.disable_ssh_password_authentication,
        environment.public_keys,
    )


@given(environments)
def test_what_was_asked_for_arrives_as_it_was(environment: OvfEnvironment) -> None:
    request = render_request(DayZero(vm_id=VM_ID, environment=environment))
    vm_id, arrived = parse_request(request.reveal())
    assert vm_id == VM_ID
    assert shown(arrived) == shown(environment)


@given(
    st.binary(max_size=200) | st.sampled_from([b"[]", b"{}", b'{"version": 1}', b'{"version": 1, "vmId": 3}'])
)
def test_anything_else_is_refused_without_a_word_of_it(content: bytes) -> None:
    with pytest.raises(MalformedDocument) as caught:
        parse_request(content)
    assert len(str(caught.value)) < 120


def test_the_plan_shows_no_secret_and_is_empty_when_it_was_done() -> None:
    environment = OvfEnvironment(
        host_name="r1", user_password=Secret("hunter2"), custom_data=Secret("hostname x")
    )
    done = DayZero(vm_id=VM_ID, environment=environment, made_for=VM_ID.upper())
    (task,) = plan_worker(("python3", "worker"), DayZero(vm_id=VM_ID, environment=environment), timeout=9.0)
    assert "hunter2" not in repr(task)
    assert "hostname x" not in repr(task)
    assert plan_worker(("python3", "worker"), done, timeout=9.0) == ()


@pytest.mark.parametrize("encoded", [False, True])
def test_what_a_driver_says_is_not_quoted_with_the_secrets_that_it_was_told(encoded: bool) -> None:
    custom_data = "hostname r1\n psk swordfish\nend\n"
    if encoded:
        custom_data = base64.encodebytes(custom_data.encode()).decode()
    asked = OvfEnvironment(host_name="r1", user_password=Secret("hunter2"), custom_data=Secret(custom_data))
    (task,) = plan_worker(("driver",), DayZero(vm_id=VM_ID, environment=asked), timeout=9.0)
    machine = FakeMachine()
    machine.files.make_folder(OUTPUT.parent)
    machine.commands.programs["driver"] = lambda _files, _call: Said(
        exit_code=1, stderr=f"cannot parse {custom_data}\ncannot end: hunter2, psk swordfish\n"
    )
    (outcome,) = machine.interpreter.apply((task,))
    assert outcome.describe() == (
        "translation: cannot give the custom data to the network OS (run the network OS's driver with a secret on its input): "
        "cannot end: <redacted>, <redacted>. See /var/log/limpet-translation.log."
    )
    noted = machine.files.read(OUTPUT, at_most=10_000).decode()
    assert not [word for word in ("hunter2", "swordfish", custom_data.strip()) if word in noted]


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("program", ["cat >&2", 'read -r word; set -x; : "$word"'])
@pytest.mark.parametrize(
    "password",
    ["plain words", 'say "please"', "back\\slash", "it's mine", 'it\'s "both"', "pa\u00dfwort\u20ac"],
)
def test_neither_the_document_nor_a_shell_that_tells_what_it_does_says_a_secret(
    password: str, program: str, shell: str
) -> None:
    asked = OvfEnvironment(
        host_name="r1", user_password=Secret(password), custom_data=Secret(f"hostname r1\n psk {password}\n")
    )
    told = render_request(DayZero(vm_id=VM_ID, environment=asked)).reveal()
    alone = password.encode() + b"\n"
    words = [word for word in re.split(r"[^a-z]", password) if len(word) > 3]
    for stdin in (told + b"\n", alone):
        done = subprocess.run(
            [shell, "-c", program], input=stdin, capture_output=True, check=True, timeout=120, env=ENVIRONMENT
        )
        said = done.stderr.decode()
        assert all(word in said for word in words)
        for secret in secrets_of(told):
            said = said.replace(secret, "<redacted>")
        assert not [word for word in words if word in said], said
