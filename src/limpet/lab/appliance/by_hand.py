"""Raw commands for an appliance of the lab: what a network OS and the runtimes of a guest shell do, without limpet.

Everything raises LabError when it cannot be done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.lab.appliance.room import IMAGE
from limpet.lab.appliance.sight import GUEST, NOS
from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from limpet.lab.appliance.room import Appliance

STORE = "/var/lib/limpet/guest"
LXC = f"{STORE}/lxc"
LXC_CONFIGURATION = f"""\
lxc.uts.name = guestshell
lxc.rootfs.path = dir:{STORE}/root
lxc.include = /usr/share/lxc/config/common.conf
lxc.apparmor.profile = unconfined
lxc.namespace.share.net = /run/netns/{GUEST}
lxc.mount.auto = proc:rw sys:ro cgroup:rw:force
lxc.init.cmd = /sbin/init
lxc.cap.drop =
lxc.cap.drop = sys_module sys_rawio sys_time sys_boot mac_admin mac_override
lxc.seccomp.profile =
lxc.tty.max = 0
lxc.pty.max = 64
lxc.console.path = none
lxc.cgroup.relative = 1
lxc.mount.entry = {STORE}/state var/lib/waagent none bind,create=dir 0 0
"""
UNIT = ["systemd-run", "--quiet", "--unit=guest", "--property=Delegate=yes", "--property=KillMode=mixed"]
NAT = """\
table ip limpet_nat {
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "eth0" ip saddr 192.168.35.0/24 snat to 10.0.0.4
  }
}
"""
FRR_CONFIGURATION = """\
hostname router
ip route 0.0.0.0/0 10.0.0.1
interface eth0
 ip address 10.0.0.4/24
exit
interface vpg0
 ip address 192.168.35.1/24
exit
"""


def start_network_os(made: Appliance) -> None:
    """FRR in its namespace, with the guest's port on it and no NIC yet."""
    made.sh(f"""
        set -e
        ip netns add {NOS}; ip netns add {GUEST}
        ip -n {NOS} link set lo up; ip -n {GUEST} link set lo up
        ip link add gs0 netns {GUEST} type veth peer name vpg0 netns {NOS}
        ip -n {GUEST} addr add 192.168.35.2/24 dev gs0; ip -n {GUEST} link set gs0 up
        ip -n {NOS} link set vpg0 up; ip -n {GUEST} route add default via 192.168.35.1
        # Debian's agent looks for a route of its own to the platform, and else for DHCP.
        for address in 168.63.129.16 169.254.169.254; do ip -n {GUEST} route add $address via 192.168.35.1; done
        mkdir -p /etc/frr/{NOS} /run/frr/{NOS}
        echo 'service integrated-vtysh-config' > /etc/frr/{NOS}/vtysh.conf
        cat > /etc/frr/{NOS}/frr.conf <<'F'\n{FRR_CONFIGURATION}F
        chown -R frr:frr /etc/frr/{NOS} /run/frr
        ip netns exec {NOS} sysctl -qw net.ipv4.ip_forward=1
        ip netns exec {NOS} nft -f - <<'F'\n{NAT}F
        systemd-run --quiet --scope -- ip netns exec {NOS} /usr/lib/frr/zebra -N {NOS} -d -A 127.0.0.1
        systemd-run --quiet --scope -- ip netns exec {NOS} /usr/lib/frr/staticd -N {NOS} -d -A 127.0.0.1
    """)


def give_nics(made: Appliance) -> None:
    """Every NIC to the network OS, the primary one last."""
    for card in reversed(made.cards):
        made.sh(f"ip link set {card.name} netns {NOS} && ip -n {NOS} link set {card.name} up")
    made.sh(f"ip netns exec {NOS} vtysh -N {NOS} -b")
    wait_for(lambda: "default" in made.sh(f"ip -n {NOS} route"), "the default route", timeout=60)


def mount_guest(made: Appliance) -> None:
    """The guest's root: what is written on the data volume, over the image."""
    made.sh(f"""
        set -e
        mkdir -p {STORE}/upper {STORE}/work {STORE}/root {STORE}/state {LXC}/guest
        mount -t overlay -o lowerdir={IMAGE},upperdir={STORE}/upper,workdir={STORE}/work overlay {STORE}/root
    """)


def start_lxc(made: Appliance, *properties: str) -> str:
    """The guest by LXC; gives the process id of its init. properties: further ones of its unit."""
    made.machine.write(f"{LXC}/guest/config", LXC_CONFIGURATION)
    stop = f"--property=ExecStop=lxc-stop -P {LXC} -n guest -t 5"
    more = [f"--property={each}" for each in properties]
    made.run(
        [*UNIT, "--property=Type=exec", stop, *more, "lxc-start", "-F", "-P", LXC, "-n", "guest"]
    ).checked()
    made.run(["lxc-wait", "-P", LXC, "-n", "guest", "-s", "RUNNING", "-t", "60"]).checked()
    return made.run(["lxc-info", "-P", LXC, "-n", "guest", "-p", "-H"]).checked().strip()


def start_nspawn(made: Appliance) -> str:
    """The guest by nspawn; gives the process id of its init."""
    made.run(
        [
            *UNIT, "--property=Type=notify", "--setenv=SYSTEMD_NSPAWN_API_VFS_WRITABLE=network",
            "systemd-nspawn", "--quiet", "--keep-unit", "--register=no", "--boot", "--notify-ready=yes",
            "--console=passive", "--machine=guest", f"--directory={STORE}/root",
            f"--network-namespace-path=/run/netns/{GUEST}", "--capability=CAP_NET_ADMIN", "--resolv-conf=off",
            "--timezone=off", "--link-journal=no", f"--bind={STORE}/state:/var/lib/waagent",
        ]
    ).checked()  # fmt: skip
    main = made.run(["systemctl", "show", "--property=MainPID", "--value", "guest"]).checked().strip()
    return made.run(["pgrep", "--parent", main]).checked().split()[0]


def in_guest(made: Appliance, init: str, script: str) -> str:
    """What a script prints in the guest whose init is `init`."""
    return made.run(["nsenter", "-t", init, "-a", "sh", "-c", script], timeout=60).checked()


def await_started(made: Appliance, init: str) -> None:
    """Wait until the guest's systemd has started everything, and none of it failed."""
    ask = ["nsenter", "-t", init, "-a", "systemctl", "is-system-running"]
    states = {"running", "degraded"}
    state = wait_for(
        lambda: found if (found := made.run(ask).stdout.strip()) in states else None, "the guest", timeout=120
    )
    if state != "running":
        raise LabError(f"the guest shell of {made.name} is {state}")
