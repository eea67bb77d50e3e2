"""Bad input to `limpet boot`, item by item: a clear reason in report and log, nothing half done, the machine still reachable.

docs/boot.md ("Bad input") names the test of each item. The same on real machines: tests/system/test_boot_bad_input.py.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.boot.networks import leads_to_the_wire_server
from tests.boot.whole import ALL_OVER, DISC, DISK, FILES, FRESH, KEY, PASSWORD, WISH, PlainCrypt, Vm, hash_of
from tests.plans import disks
from tests.plans.cases import put

from limpet.boot.preview import preview
from limpet.boot.result import Result, as_document, as_text
from limpet.emulator.media.variants import medium
from limpet.guest.openssh import parse_key
from limpet.model.provisioning import PublicKey
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EVERY_LETTER = string.printable.rstrip("\n\r\t\x0b\x0c") + "äß€ñ漢字🔑\u00a0\u200b'\"\\:$`"


@dataclass(frozen=True, kw_only=True)
class Case:
    """disc: the bytes of it. spoil: what else is wrong with the machine. task: which one fails. said: words of the reason.

    kept: whether the user can log in all the same. ready: whether the VM is provisioned all the same.
    """

    disc: Callable[[], bytes] = lambda: medium(WISH).image()
    spoil: Callable[[Vm], None] = lambda _vm: None
    task: str
    said: str
    kept: bool = True
    ready: bool = False
    also: Mapping[str, Any] = field(default_factory=dict)


def variant(name: str) -> Callable[[], bytes]:
    return lambda: medium(WISH, name).image()


def asking(**changes: Any) -> Callable[[], bytes]:
    return lambda: medium(replace(WISH, **changes)).image()


def key_at(path: str) -> Callable[[], bytes]:
    return asking(public_keys=(*WISH.public_keys, PublicKey(path=path, value=KEY)))


def disk(**words: Any) -> Callable[[Vm], None]:
    return lambda vm: disks.plug(vm.machine.files, DISK, words)


def no_space(vm: Vm) -> None:
    vm.machine.files.full = True


def io_errors(vm: Vm) -> None:
    vm.machine.files.broken[DISC] = "Input/output error"


def in_the_way(path: str, target: str) -> Callable[[Vm], None]:
    def spoil(vm: Vm) -> None:
        vm.machine.files.make_folder(Path(path).parent)
        vm.machine.files.link(Path(path), Path(target))

    return spoil


CASES: Mapping[str, Case] = {
    "ovf-env truncated": Case(disc=variant("truncated"), task="media", said="ovf-env.xml", kept=False),
    "ovf-env empty": Case(disc=variant("empty-document"), task="media", said="no element", kept=False),
    "ovf-env is not XML": Case(disc=variant("not-xml"), task="media", said="at line 1", kept=False),
    "ovf-env with entities": Case(disc=variant("doctype"), task="media", said="document type", kept=False),
    "ovf-env too large": Case(disc=variant("huge-document"), task="media", said="bytes", kept=False),
    "wrong namespace": Case(
        disc=variant("wrong-namespace"), task="media", said="ProvisioningSection is missing", kept=False
    ),
    "two provisioning sections": Case(
        disc=variant("two-provisioning-sections"), task="media", said="stands 2 times", kept=False
    ),
    "empty user": Case(disc=variant("empty-user"), task="media", said="UserName is empty", kept=False),
    "user root": Case(disc=variant("root-user"), task="account", said="root is a system account", kept=False),
    "user of the system": Case(
        disc=asking(user_name="nobody"), task="account", said="nobody is a system account", kept=False
    ),
    "name of 300 characters": Case(
        disc=variant("long-user"), task="account", said="300 characters", kept=False
    ),
    "name with colons": Case(
        disc=variant("colon-user"), task="account", said="other than letters", kept=False
    ),
    "name with a new line": Case(
        disc=asking(user_name="eve\nx:0:0"), task="account", said="other than letters", kept=False
    ),
    "name with ../": Case(disc=variant("dots-user"), task="account", said="other than letters", kept=False),
    "password with a line break": Case(
        disc=asking(user_password=Secret(f"{PASSWORD}\nroot:x")), task="password", said="line break"
    ),
    "password of 600 bytes": Case(
        disc=asking(user_password=Secret(PASSWORD * 50)), task="password", said="600 bytes; at most 511"
    ),
    "key that is not a key": Case(
        disc=asking(public_keys=(*WISH.public_keys, PublicKey(path="", value="this is not a key"))),
        task="ssh-key-2",
        said="log in by key 2 of 2",
    ),
    "key outside the home": Case(disc=key_at("/etc/cron.d/eve"), task="ssh-key-2", said="outside the home"),
    "key outside the home by dots": Case(
        disc=key_at("/home/alice/../../root/.ssh/authorized_keys"), task="ssh-key-2", said="outside the home"
    ),
    "key through a link": Case(
        disc=key_at("/home/alice/elsewhere/keys"),
        spoil=in_the_way("/home/alice/elsewhere", "/root/.ssh"),
        task="ssh-key-2",
        said="a link is in its place",
    ),
    "host name that is none": Case(
        disc=variant("odd-host-name"), task="host-name", said="the host name is not one"
    ),
    "host name of 300 characters": Case(
        disc=asking(host_name="x" * 300), task="host-name", said="300 characters"
    ),
    "custom data that is not base64": Case(
        disc=variant("custom-data-not-base64"), task="custom-data-decoding", said="not base64"
    ),
    "resource disk with data": Case(
        spoil=disk(
            size="1 GiB",
            table="mbr",
            partitions=[{**FRESH, "names": ["DATALOSS_WARNING_README.txt", "payroll.db"]}],
        ),
        task="resource-disk",
        said="left as it is",
        ready=True,
    ),
    "resource disk read-only": Case(
        spoil=disk(size="1 GiB", table="mbr", partitions=[FRESH], read_only=True),
        task="resource-disk",
        said="read-only",
        ready=True,
    ),
    "resource disk too small for the swap": Case(
        spoil=disk(size="100 MiB", table="mbr", partitions=[{**FRESH, "size": 98}]),
        task="swap",
        said="has room for a swap file of",
        ready=True,
        also={"swap_size": 500},
    ),
    "root full": Case(spoil=no_space, task="account", said="No space left on device", kept=False),
}


def told(vm: Vm, result: Result) -> str:
    """Everything that leaves the machine, or that somebody else than root may read."""
    lines = [as_text(result), json.dumps(as_document(result)), *map(repr, vm.machine.log.entries)]
    lines += [repr(report) for report in vm.core.vm.inbox.health.items]
    lines += [repr(call.argv) for call in vm.machine.commands.ran]
    lines += map(repr, vm.machine.key_values.pairs)
    lines += [
        repr(node.content)
        for path, node in vm.machine.files.nodes.items()
        if node.content and node.mode & 0o004 and path.parts[1] not in {"sys", "proc", "dev"}
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("name", CASES)
def test_bad_input_has_a_reason_leaves_nothing_half_done_and_the_next_boot_is_whole(name: str) -> None:
    case = CASES[name]
    vm = Vm.new(image=case.disc())
    case.spoil(vm)
    result = vm.boot(replace(ALL_OVER, **case.also))

    # A clear reason: in the result, in the log and in what the platform is told.
    broken = next(each for each in result.outcomes if each.failed and each.task.name == case.task)
    assert case.said in broken.describe()
    assert any(
        case.said in str(each["problem"]) for each in vm.machine.log.of("boot.task") if "problem" in each
    )
    report = "".join(pair.value for pair in vm.machine.key_values.pairs)
    assert case.said in report
    if case.ready:
        assert (result.state, result.exit_code, vm.reports[-1]) == ("ready", 0, "Ready")
        assert report.startswith("result=success|")
    else:
        assert (result.state, result.exit_code, vm.reports[-1]) == ("failed", 1, "ProvisioningFailed")
        assert report.startswith(("result=error|", "'result=error"))
        assert case.task in (vm.core.vm.inbox.health.items[-1].value.description or "")
        assert vm.text("/var/lib/limpet/provisioned.json") == ""

    # No secret: neither the password nor its hash.
    assert PASSWORD not in told(vm, result)
    assert "$6$salt" not in told(vm, result)

    # Nothing half done: nobody became root, nothing stands where it must not, no work file is left.
    assert vm.text("/etc/passwd").count(":0:0:") == 1
    assert vm.text("/etc/passwd").startswith(FILES["/etc/passwd"])
    strange = [
        str(path) for path in vm.machine.files.nodes if "eve" in path.name or path.name.startswith(".~")
    ]
    assert strange == []
    assert Path("/root/.ssh") not in vm.machine.files.nodes

    # Still reachable: there is a network, and who can be let in is.
    assert leads_to_the_wire_server(vm.machine)
    assert (KEY in vm.text("/home/alice/.ssh/authorized_keys")) is case.kept

    # A good disc makes it whole.
    vm.machine.files.full = False
    vm.machine.files.remove(Path("/home/alice/elsewhere"))
    vm.insert(medium(WISH).image())
    again = vm.restart()
    assert again.state == "ready", as_text(again)
    assert KEY in vm.text("/home/alice/.ssh/authorized_keys")
    assert vm.ready_count == (2 if case.ready else 1)


@pytest.mark.parametrize(
    "letter", [EVERY_LETTER, *"\t\x0b :'\"\\$`!äß€漢🔑\u00a0\u0301", " a ", "''", "$(reboot)"]
)
def test_a_password_of_any_letters_is_set_as_it_is(letter: str) -> None:
    vm = Vm.new(replace(WISH, user_password=Secret(f"{PASSWORD}{letter}")))
    # XML cannot carry every control character; what arrives is what counts.
    result = vm.boot()
    if letter == "\x0b":
        letter = "\ufffd"
    assert result.state == "ready", as_text(result)
    hashed = next(
        line.split(":")[1] for line in vm.text("/etc/shadow").splitlines() if line.startswith("alice:")
    )
    assert PlainCrypt().verifies(Secret(f"{PASSWORD}{letter}"), hashed)
    assert PASSWORD not in told(vm, result)


def test_a_user_that_exists_is_kept_and_gets_what_the_media_asks_for() -> None:
    vm = Vm.new()
    put(vm.machine, Path("/etc/passwd"), f"{FILES['/etc/passwd']}alice:x:1000:1000:A:/srv/alice:/bin/sh\n")
    put(vm.machine, Path("/etc/group"), "root:x:0:\nusers:x:100:\nalice:x:1000:\n")
    put(vm.machine, Path("/srv/alice/.ssh/authorized_keys"), "ssh-rsa AAAAB3Nza before\n")
    result = vm.boot()
    assert result.state == "ready", as_text(result)
    assert "alice:x:1000:1000:A:/srv/alice:/bin/sh\n" in vm.text("/etc/passwd")
    keys = vm.text("/srv/alice/.ssh/authorized_keys")
    assert "before" in keys
    assert KEY in keys


@pytest.mark.parametrize(
    ("files", "told"),
    [(".ssh/vendor %h/.ssh/more", ""), ("/etc/ssh/keys/%u", "sshd looks into /etc/ssh/keys/%u")],
)
def test_keys_are_where_sshd_looks_for_them_or_that_is_told(files: str, told: str) -> None:
    vm = Vm.new()
    put(vm.machine, Path("/etc/ssh/sshd_config"), f"AuthorizedKeysFile {files}\n")
    result = vm.boot()
    assert (result.state, result.exit_code) == ("ready", 0), as_text(result)
    assert KEY in vm.text("/home/alice/.ssh/authorized_keys")
    assert (KEY in vm.text("/home/alice/.ssh/vendor")) == (told == "")
    assert told in as_text(result)
    assert vm.text("/home/alice/.ssh/more") == ""


def test_an_sshd_that_is_to_have_one_host_key_only_has_that_one_and_the_fabric_is_told_of_it() -> None:
    vm = Vm.new()
    put(vm.machine, Path("/etc/ssh/sshd_config"), "HostKey /etc/ssh/ssh_host_rsa_key\n")
    assert vm.boot().state == "ready"
    keys = [name for name in vm.machine.files.names(Path("/etc/ssh")) if name.endswith("_key")]
    assert keys == ["ssh_host_ecdsa_key", "ssh_host_ed25519_key", "ssh_host_rsa_key"]
    (said,) = vm.core.vm.inbox.role_properties
    md5 = parse_key(vm.text("/etc/ssh/ssh_host_rsa_key.pub")).md5
    assert said.value.properties == (("CertificateThumbprint", md5),)


@pytest.mark.parametrize(
    ("config", "mark"), [("UsePAM yes\n", "!"), ("UsePAM no\n", "*"), ("Port 22\n", "*")]
)
@pytest.mark.parametrize("password", ["none", "", "!", "!$6$x$y", "$6$x$y"])
def test_an_sshd_that_does_not_ask_pam_lets_a_user_without_password_in_by_key(
    config: str, mark: str, password: str
) -> None:
    vm = Vm.new(replace(WISH, user_password=None))
    put(vm.machine, Path("/etc/ssh/sshd_config"), config)
    if password != "none":  # the image has the user
        put(
            vm.machine, Path("/etc/passwd"), f"{FILES['/etc/passwd']}alice:x:1000:1000::/home/alice:/bin/sh\n"
        )
        put(vm.machine, Path("/etc/group"), "root:x:0:\nusers:x:100:\nalice:x:1000:\n")
        shadow = f"root:*:20000:0:99999:7:::\nalice:{password}:20000:0:99999:7:::\n"
        put(vm.machine, Path("/etc/shadow"), {"content": shadow, "mode": 0o640, "owner": [0, 42]})
    assert vm.boot().state == "ready"
    assert hash_of(vm).startswith(mark)
    vm.machine.commands.ran.clear()
    vm.boot()
    assert vm.machine.commands.ran == []


def test_media_with_read_errors_is_told_when_metadata_provisions_instead() -> None:
    vm = Vm.new()
    io_errors(vm)
    result = vm.boot()
    assert (result.state, result.source) == ("ready", "instance metadata")
    assert any("/dev/sr0: Input/output error" in note for note in result.notes)
    assert "Input/output error" in repr(vm.machine.log.of("media.none"))


def test_media_with_read_errors_and_metadata_that_lets_nobody_in_is_a_failure() -> None:
    vm = Vm.new(public_keys=())
    io_errors(vm)
    result = vm.boot()
    assert (result.state, vm.reports[-1]) == ("failed", "ProvisioningFailed")
    assert "instance metadata has no SSH key" in result.why
    vm.machine.files.broken.clear()
    assert vm.restart().state == "ready"
    assert PASSWORD not in told(vm, result)


def test_media_with_read_errors_and_no_metadata_is_a_failure_that_names_the_drive() -> None:
    vm = Vm.new()
    io_errors(vm)
    vm.core.fail("instance-metadata", status=500)
    result = vm.boot()
    assert result.state == "failed"
    assert "/dev/sr0: Input/output error" in result.why
    assert "500" in result.why
    assert vm.reports[-1] == "ProvisioningFailed"


def test_without_any_media_or_metadata_the_reason_is_reported() -> None:
    vm = Vm.new(None)
    vm.core.fail("instance-metadata", status=404)
    result = vm.boot()
    assert (result.state, vm.reports[-1]) == ("failed", "ProvisioningFailed")
    assert "there is no media" in result.why
    assert vm.core.vm.inbox.health.items[-1].value.description


def test_a_dry_run_says_that_a_drive_cannot_be_read() -> None:
    vm = Vm.new()
    io_errors(vm)
    shown = preview(vm.ports, ALL_OVER).as_text()
    assert "none that can be read (" in shown
    assert "/dev/sr0: Input/output error" in shown


def test_a_machine_without_host_keys_gets_some_although_it_cannot_be_provisioned() -> None:
    vm = Vm.new(image=medium(WISH, "truncated").image())
    for path in [path for path in vm.machine.files.nodes if path.name.startswith("ssh_host_")]:
        vm.machine.files.remove(path)
    assert vm.boot().state == "failed"
    assert vm.text("/etc/ssh/ssh_host_ed25519_key.pub")
    vm.insert(medium(WISH).image())
    before = len(vm.machine.commands.ran)
    assert vm.restart().state == "ready"
    assert "ssh-keygen" in [
        call.argv[0] for call in vm.machine.commands.ran[before:]
    ]  # made anew, for their owner


def test_a_machine_that_cannot_be_provisioned_keeps_the_host_keys_it_has() -> None:
    vm = Vm.new(image=medium(WISH, "truncated").image())
    put(vm.machine, Path("/etc/ssh/ssh_host_rsa_key"), "-----BEGIN X\nx\n-----END X\n")
    vm.boot()
    assert "/etc/ssh/ssh_host_ed25519_key.pub" not in map(str, vm.machine.files.nodes)
