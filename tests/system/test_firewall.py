"""The rules for the wire server by the real nft and iptables, in a network of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from limpet.lab.commands import Result, bound_to_us, run
from limpet.lab.netns import Network, network
from limpet.lab.workspace import named

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

ROOT, NOBODY = 0, 65534
WIRE = "168.63.129.16"
PEER = """\
table ip walinuxagent {
	chain output {
		type filter hook output priority filter; policy accept;
		ip daddr 168.63.129.16 tcp dport 4242 counter accept
	}
}
"""
NO_NFT = "#!/bin/sh\necho 'netlink: Error: cache initialization failed: Protocol not supported' >&2\nexit 1\n"


@dataclass
class Guests:
    """A wire server and its users. before: a shell's lines that make this machine's programs those of another one."""

    network: Network
    process: subprocess.Popen[str]
    before: str

    def tell(self, do: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["is"]

    def reach(self, uid: int, port: int, kind: str = "tcp") -> bool:
        return bool(self.tell("reach", uid=uid, port=port, kind=kind))

    def run(self, *argv: str, stdin: str = "") -> Result:
        """A command of the machine that these programs are of."""
        return run(self.network.inside(masked(self.before, argv)), stdin=stdin)

    def limpet(self, *arguments: str) -> Result:
        return self.run(sys.executable, "-m", "limpet", "firewall", *arguments)

    def policy(self) -> dict[str, bool]:
        """Who reaches what."""
        return {
            "root": self.reach(ROOT, 80) and self.reach(ROOT, 32526),
            "another user": self.reach(NOBODY, 80) or self.reach(NOBODY, 32526),
            "DNS": self.reach(NOBODY, 53) and self.reach(NOBODY, 53, "udp") and self.reach(ROOT, 53),
        }


CLOSED = {"root": True, "another user": False, "DNS": True}
OPEN = {"root": True, "another user": True, "DNS": True}


def masked(before: str, argv: tuple[str, ...]) -> list[str]:
    """A command that sees other programs, in mounts of its own."""
    return [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-ec",
        f'{before}\nexec "$@"',
        "sh",
        *argv,
    ]


@contextmanager
def guests(before: str) -> Iterator[Guests]:
    with network(named("firewall")) as made:
        made.ip(f"addr add {WIRE}/32 dev lo")
        script = Path(__file__).with_name("wire_guests.py")
        argv = masked(before, (sys.executable, str(script)))
        process = subprocess.Popen(
            bound_to_us(made.inside(argv)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with process:
            try:
                assert process.stdout is not None
                assert json.loads(process.stdout.readline())["is"]
                yield Guests(network=made, process=process, before=before)
            finally:
                process.kill()


IPTABLES = ("iptables over nftables", "the older iptables")


@pytest.fixture(params=["nft", *IPTABLES])
def back_end(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Lines for `masked`: what the machine has."""
    return programs(request.param, tmp_path)


@pytest.fixture(params=IPTABLES)
def only_iptables(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same, of machines whose nft cannot be used."""
    return programs(request.param, tmp_path)


def programs(which: str, folder: Path) -> str:
    if which == "nft":
        return ""
    program = folder / "nft"
    program.write_text(NO_NFT, encoding="utf-8")
    program.chmod(0o755)
    lines = f"mount --bind {program} /usr/sbin/nft"
    if which == "the older iptables":
        lines += "\nmount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi"
    asked = ("unshare", "--net", "iptables", "-w", "-t", "security", "-S")
    known = run(masked(lines, asked))
    if known.exit_code:
        pytest.skip(f"this kernel does not know {which}: {known.stderr.strip()}")
    return lines


def test_only_root_reaches_the_wire_server_and_everybody_its_dns_until_the_rules_are_removed(
    back_end: str,
) -> None:
    with guests(back_end) as room:
        assert room.policy() == OPEN
        assert room.limpet("show").exit_code == 1
        room.limpet("apply").checked()
        assert room.policy() == CLOSED
        assert room.limpet("show").exit_code == 0
        assert json.loads(room.limpet("apply", "--json").checked())["state"] == "unchanged"
        room.limpet("remove").checked()
        assert room.policy() == OPEN
        assert json.loads(room.limpet("remove", "--json").checked())["state"] == "unchanged"


def test_connections_that_are_open_go_on(back_end: str) -> None:
    with guests(back_end) as room:
        # The kernel follows connections only from the first rule on that asks for their state.
        follow = "table ip before { chain c { type filter hook output priority 0; ct state new counter; }; }"
        run(room.network.inside(["nft", "-f", "-"]), stdin=f"{follow}\n").checked()
        assert room.tell("hold", name="kept", uid=NOBODY, port=80)
        room.limpet("apply").checked()
        assert room.tell("talk", name="kept")
        assert not room.reach(NOBODY, 80)


def test_a_dry_run_changes_nothing(back_end: str) -> None:
    with guests(back_end) as room:
        planned = json.loads(room.limpet("apply", "--dry-run", "--json").checked())
        assert planned["steps"]
        assert room.policy() == OPEN


@pytest.mark.parametrize("how", ["deleted", "emptied", "flushed with all others"])
def test_rules_that_somebody_removes_are_set_again_by_the_running_agent(how: str, tmp_path: Path) -> None:
    command = {
        "deleted": "delete table ip limpet",
        "emptied": "flush table ip limpet",
        "flushed with all others": "flush ruleset",
    }[how]
    with guests("") as room:
        room.tell("watch", log=str(tmp_path / "log"))
        assert room.tell("look_after_until_refused")
        room.run("nft", *command.split()).checked()
        assert room.reach(NOBODY, 80)
        assert room.tell("look_after_until_refused")
        assert room.policy() == CLOSED


def test_nobody_elses_rules_are_touched() -> None:
    with guests("") as room:
        room.run("nft", "-f", "-", stdin=PEER).checked()
        iptables = ["iptables", "-w", "-t", "security", "-A", "OUTPUT", "-d", f"{WIRE}/32", "-p", "tcp"]
        room.run(*iptables, "-m", "tcp", "--dport", "53", "-j", "ACCEPT").checked()
        before = room.run("nft", "list", "ruleset").checked()
        for _ in range(2):
            room.limpet("apply").checked()
            listed = room.run("nft", "list", "ruleset").checked()
            assert "table ip limpet" in listed
            room.limpet("remove").checked()
            assert room.run("nft", "list", "ruleset").checked() == before


def test_what_is_partly_there_is_completed_once(only_iptables: str) -> None:
    with guests(only_iptables) as room:
        room.limpet("apply").checked()
        listed = room.run("iptables", "-w", "-t", "security", "-S", "OUTPUT").checked()
        root_rule = next(line for line in listed.splitlines() if "uid-owner" in line)
        room.run("iptables", "-w", "-t", "security", *root_rule.replace("-A", "-D", 1).split()).checked()
        room.limpet("apply").checked()
        assert room.run("iptables", "-w", "-t", "security", "-S", "OUTPUT").checked() == listed
        assert room.policy() == CLOSED


def test_the_kernel_tells_of_changes_in_our_table_and_not_of_others() -> None:
    with guests("") as room:
        assert room.tell("news")
        assert not room.tell("news")
        room.run("nft", "add", "table", "ip", "other").checked()
        assert not room.tell("news")
        room.limpet("apply").checked()
        assert room.tell("news")
        assert not room.tell("news")
        room.run("nft", "flush", "ruleset").checked()
        assert room.tell("news")


def test_a_way_is_known_by_the_kernels_routes() -> None:
    with guests("") as room:
        assert room.tell("source", address=WIRE) == WIRE
        assert room.tell("source", address="192.0.2.1") is None
        room.network.ip(
            "link add d0 type veth peer name d1",
            "addr add 10.9.0.4/24 dev d0",
            "link set d0 up",
            "link set d1 up",
        )
        assert room.tell("source", address="192.0.2.1") is None
        room.network.ip("route add default via 10.9.0.1")
        assert room.tell("source", address="192.0.2.1") == "10.9.0.4"
