"""How the guest shell's logs are bounded (R12): half of the room is the journal's, half that of files, cut from inside.

The units that do it are written into the root file system before each start, so that an image need not have them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 1024 * 1024
SCRIPT = r"""
most=$1 turns=50
list() { find /var/log -xdev -type f ! -path '/var/log/journal/*' -printf '%b %p\n'; }
while [ $turns -gt 0 ] && [ "$(list | awk '{ sum += $1 } END { print sum * 512 }')" -gt "$most" ]; do
  file=$(list | sort -rn | head -n 1 | cut -d ' ' -f 2-)
  case $file in
    *.gz|*.xz|*.old|*.[0-9]) rm -f "$file" ;;
    *) tail -c 65536 "$file" > /run/limpet-log && cat /run/limpet-log > "$file" ;;
  esac
  turns=$((turns - 1))
done
exit 0
"""
"""The largest file goes, or keeps its end, until the files of /var/log take no more than $1 bytes. Whoever writes one goes on in it."""

_HEAD = "# Written by limpet at each start of the guest shell.\n"


def bounds(log: int) -> Mapping[str, str]:
    """The files that hold logs to `log` bytes, by their paths inside."""
    units = "etc/systemd/system"
    return {
        "etc/systemd/journald.conf.d/90-limpet.conf": journal(log),
        "usr/local/lib/limpet/cut-logs": SCRIPT.lstrip(),
        f"{units}/limpet-logs.service": (
            f"{_HEAD}[Unit]\nDescription=Cut logs that have grown too large (limpet)\n\n"
            f"[Service]\nType=oneshot\nExecStart=/bin/sh /usr/local/lib/limpet/cut-logs {max(MIB, log // 2)}\nNice=19\n"
        ),
        f"{units}/limpet-logs.timer": (
            f"{_HEAD}[Unit]\nDescription=Cut logs that have grown too large (limpet)\n\n"
            "[Timer]\nOnBootSec=2min\nOnUnitInactiveSec=5min\n"
        ),
        f"{units}/timers.target.d/limpet.conf": f"{_HEAD}[Unit]\nWants=limpet-logs.timer\n",
    }


def journal(log: int) -> str:
    """Half of it is the journal's, on the disk; in memory it is small."""
    return (
        f"{_HEAD}[Journal]\n"
        f"SystemMaxUse={max(8, log // 2 // MIB)}M\nSystemMaxFileSize={max(1, log // 8 // MIB)}M\n"
        f"RuntimeMaxUse={max(4, min(16, log // 8 // MIB))}M\nForwardToConsole=no\n"
    )
