"""Something in a machine that keeps its network OS from taking a NIC: it takes both names that the NIC could have there."""

from __future__ import annotations

from limpet.lab.appliance.sight import NOS

PROGRAM = "/usr/local/sbin/obstacle"
OBSTACLE = "obstacle.service"
OBSTACLE_TEXT = f"""\
[Unit]
Description=An obstacle in the network OS

[Service]
Type=exec
ExecStart={PROGRAM} take
ExecStopPost={PROGRAM} leave
"""


def obstacle(name: str, mac: str) -> str:
    """The program. name, mac: of the NIC, whose other name is made of its MAC's last three bytes."""
    other = f"nic{mac.replace(':', '')[-6:]}"
    return f"""\
#!/bin/sh
names="{name} {other}"
case $1 in
take)
    for name in $names; do
        until ip -n {NOS} link add name $name type bridge 2>/dev/null; do sleep 0.01; done
    done
    exec sleep infinity ;;
leave)
    for name in $names; do ip -n {NOS} link delete $name type bridge 2>/dev/null || true; done ;;
esac
"""
