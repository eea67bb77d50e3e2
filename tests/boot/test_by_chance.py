"""Boots by chance: whatever the media asks for and whenever power, network and fabric fail, what must never happen does not."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.boot.whole import ALL_OVER, KEY, VM_ID, WISH, Vm

from limpet.boot.result import as_document, as_text
from limpet.emulator.media.variants import medium
from limpet.host.fake import PowerCut
from limpet.model.ids import Thumbprint
from limpet.model.provisioning import KeyPair, OvfEnvironment, PlatformSettings, PublicKey
from limpet.model.secret import Secret

SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SECRET = "kept-from-all-7"

texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t:/.. -"), min_size=1, max_size=40
).filter(lambda text: text.strip())
names = st.one_of(
    st.sampled_from(["alice", "root", "nobody", "../x", "a:b", "-x", "x" * 300, "0", "ä", "a\nb"]), texts
)
keys = st.builds(
    PublicKey,
    path=st.sampled_from(
        ["", "$HOME/alice/.ssh/authorized_keys", "/etc/passwd", "/home/alice/../root/x", "relative"]
    )
    | texts,
    value=st.sampled_from([KEY, "ssh-rsa AAAA", "no key"]) | texts,
)
environments = st.builds(
    OvfEnvironment,
    host_name=st.sampled_from(["vm-001", "a b", "-x", "x" * 300, "a/b", "vm.example.org"]) | texts,
    user_name=names | st.none(),
    user_password=st.one_of(st.none(), texts.map(lambda text: Secret(SECRET + text))),
    custom_data=st.one_of(st.none(), texts.map(Secret), st.just(Secret("QQ=="))),
    disable_ssh_password_authentication=st.sampled_from([None, True, False]),
    public_keys=st.lists(keys, max_size=3).map(tuple),
    key_pairs=st.lists(
        st.builds(KeyPair, path=texts, fingerprint=st.just(Thumbprint("A" * 40))), max_size=1
    ).map(tuple),
    platform=st.builds(PlatformSettings, provision_guest_agent=st.sampled_from([None, True, False])),
)


@given(environments)
@SLOW
def test_whatever_the_media_asks_for_ends_with_a_word_and_no_secret_is_told(wish: OvfEnvironment) -> None:
    vm = Vm.new(wish)
    vm.machine.clock.after(3000, lambda: None)
    result = vm.boot()
    assert result.state in {"ready", "failed"}
    assert vm.reports[-1] == {"ready": "Ready", "failed": "ProvisioningFailed"}[result.state]
    told = [as_text(result), json.dumps(as_document(result)), *map(repr, vm.machine.log.entries)]
    told += [repr(report) for report in vm.core.vm.inbox.health.items]
    told += [repr(call.argv) for call in vm.machine.commands.ran]
    assert not [line for line in told if SECRET in line]
    # Nobody but the user gets in, and nothing is written beside what the duties own.
    assert vm.text("/etc/passwd").count(":0:0:") == 1
    assert not [
        path for path in vm.machine.files.nodes if "authorized_keys" in path.name and path.parts[1] != "home"
    ]


happenings = st.lists(
    st.fixed_dictionaries(
        {
            "cut": st.none() | st.integers(0, 110),
            "quiet": st.booleans(),
            "status": st.sampled_from([None, None, 503, 410, 500]),
            "endpoint": st.sampled_from(["health", "goal-state", "role-properties", "instance-metadata"]),
            "disc": st.booleans(),
        }
    ),
    min_size=1,
    max_size=5,
)


def live(vm: Vm, happening: dict[str, Any]) -> None:
    """One boot in which something goes wrong."""
    vm.dhcp.quiet = happening["quiet"]
    vm.core.heal()
    if happening["status"] is not None:
        vm.core.fail(happening["endpoint"], status=happening["status"])
    if not happening["disc"]:
        vm.take_disc()
    with suppress(PowerCut):
        vm.boot(cut=happening["cut"])
    vm.on()


@given(happenings)
@SLOW
def test_after_any_bad_days_one_good_boot_makes_the_machine_whole_and_nothing_was_done_twice(
    days: list[dict[str, Any]],
) -> None:
    vm = Vm.new()
    for happening in days:
        live(vm, happening)
    vm.dhcp.quiet = False
    vm.core.heal()
    result = vm.boot()
    assert result.state == "ready", as_text(result)
    assert vm.restart().state == "ready"
    assert max(vm.ready_by_boot) <= 1
    assert KEY in vm.text("/home/alice/.ssh/authorized_keys")
    assert json.loads(vm.text("/var/lib/limpet/provisioned.json"))["vmId"] == VM_ID
    assert vm.text("/etc/passwd").count("\nalice:") == 1
    assert vm.text("/etc/sudoers.d/waagent").count("alice ") == 1
    assert vm.machine.links.open == 0


@given(st.integers(0, 110))
@SLOW
def test_a_disk_copied_at_any_moment_of_a_boot_is_another_machine(cut: int) -> None:
    vm = Vm.new()
    with suppress(PowerCut):
        vm.boot(cut=cut)
    vm.machine.files.poke(Path("/sys/class/dmi/id/product_uuid"), b"11112222-3333-4444-5555-666677778888\n")
    vm.insert(medium(WISH).image())
    result = vm.restart(ALL_OVER)
    assert result.state == "ready", as_text(result)
    assert result.standing != "provisioned"
    assert json.loads(vm.text("/var/lib/limpet/provisioned.json"))["vmId"] != VM_ID
