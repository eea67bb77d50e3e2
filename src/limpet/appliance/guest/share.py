"""The folder that the host shares with the guest shell, on a file system of its own: whoever writes there cannot fill the host (R12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest.layout import Layout
from limpet.guest.steps import MakeFolder, Run, Task

if TYPE_CHECKING:
    from limpet.appliance.guest.contract import ShellPlan, ShellSight
    from limpet.guest.steps import Step

ADOPT = r"""
share=$1 content=$2 incoming=$3
if [ "$share" -ef "$content" ]; then exit; fi
if [ -e "$incoming" ]; then rm -rf "$incoming"; fi
if ! [ -d "$content" ]; then
  rm -rf "$content.new"
  mkdir "$content.new" && chown --reference="$share" "$content.new" && chmod --reference="$share" "$content.new" || exit
  mv "$content.new" "$content" || exit
fi
full=
for each in "$share"/* "$share"/.[!.]* "$share"/..?*; do
  if [ -e "$each" ] || [ -L "$each" ]; then full=1; break; fi
done
if [ -n "$full" ]; then
  if ! { mkdir "$incoming" && cp -a --one-file-system "$share/." "$incoming" && sync -f "$incoming"; }; then
    rm -rf "$incoming"
    echo "what is in $share does not go into its volume" >&2
    exit 1
  fi
  cp -a --link --remove-destination "$incoming/." "$content" && sync -f "$content" || exit
  find "$share/." -xdev -mindepth 1 -delete
  rm -rf "$incoming"
fi
mount --bind "$content" "$share"
"""
"""What is in the folder already moves into the volume, all or nothing of it; then the volume is seen in the folder's place.

Arguments: the folder, its place in the volume, another one there. A power cut anywhere leaves a file in one of both places at least,
and the next start completes it. What the host has written while the volume was not mounted is newer than what is in it.
"""
_TIME_TO_MOVE = 600.0


def sharing(plan: ShellPlan, sight: ShellSight, *, bounded: bool) -> tuple[Task, ...]:
    """Bound it; nothing where it is, while a container uses it as it was, and where there are no loop devices."""
    shared = Layout.of(plan).share(plan)
    if not bounded or shared is None:
        return ()
    folder, volume = shared
    if folder in sight.shares:
        return volume.grown(sight.share_disk) if volume.point in sight.shares else ()
    if sight.running:
        return ()
    content, incoming = volume.point / "content", volume.point / "incoming"
    steps: list[Step] = [MakeFolder(plan.store, mode=0o700)]
    if volume.point not in sight.shares:
        steps.append(MakeFolder(folder))
        steps += volume.mounting(sight.share_disk)
    steps.append(
        Run(("sh", "-c", ADOPT, "sh", str(folder), str(content), str(incoming)), timeout=_TIME_TO_MOVE)
    )
    return (
        Task(
            name="guest-share",
            purpose=f"give {folder} a file system of its own",
            steps=tuple(steps),
            advice=f"Raise guest_shell.share, or take something out of {folder}; until then it has no bound.",
            required=False,
        ),
    )
