"""mount and umount of overlays and image files, lxc-*, systemd-nspawn behind its shell script, mv, cp, tar, sha256sum.

A container is a process of /proc with its environment; what is written in a mounted overlay is a change when that is unmounted.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.mounts import read_mountinfo
from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel
from limpet.host.fake_programs import disks, image_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles, Node

_MOUNTS = Path("/proc/self/mountinfo")
_CONTAINERS = Path("/run/fake-containers")  # each a file with the process id of its first process
_FIRST_PROCESS = 1000
_OURS = ("overlay", "squashfs", "ext4")


def _mount(files: FakeFiles, call: Call) -> Said:
    words = call.argv
    if words[1:3] == ("-t", "overlay"):
        return _mount_overlay(files, words[4], Path(words[-1]))
    if words[1:3] == ("-t", "squashfs"):
        return _mount_image(files, Path(words[-2]), Path(words[-1]))
    if words[1:3] == ("-t", "ext4"):
        return _mount_volume(files, Path(words[-2]), Path(words[-1]))
    if words[1] == "--bind":
        return _bind(files, Path(words[-2]), Path(words[-1]))
    return disks.PROGRAMS["mount"](files, call)


def _mount_volume(files: FakeFiles, image: Path, point: Path) -> Said:
    node = files.nodes.get(image)
    if node is None or node.content != image_files.FORMATTED:
        return Said(stderr=f"mount: {point}: wrong fs type, bad option, bad superblock.", exit_code=32)
    with by_the_kernel(files):
        for inner, held in files.volumes.get(image, {}).items():
            files.nodes[point / inner] = held
        _add_mount(files, f"62 1 7:1 / {point} rw,noatime - ext4 {image} rw\n")
    return Said()


def _bind(files: FakeFiles, source: Path, point: Path) -> Said:
    if source not in files.nodes or point not in files.nodes:
        return Said(stderr=f"mount: {point}: mount point does not exist.", exit_code=32)
    with by_the_kernel(files):
        for path, shown in _below(files, source).items():
            files.nodes[point / path] = shown.node
        _add_mount(files, f"63 1 7:1 {source} {point} rw,noatime - ext4 bound rw\n")
    return Said()


def _mount_overlay(files: FakeFiles, options: str, point: Path) -> Said:
    layers = dict(option.split("=", 1) for option in options.split(","))
    lower, upper = Path(layers["lowerdir"]), Path(layers["upperdir"])
    for folder in (lower, upper, Path(layers["workdir"]), point):
        found = files.info(folder)
        if found is None or not found.is_folder:
            return Said(stderr=f"mount: {point}: special device overlay does not exist.", exit_code=32)
    with by_the_kernel(files):
        shown = {**_below(files, lower), **_below(files, upper)}
        for path, node in shown.items():
            if not node.is_whiteout:
                files.nodes[point / path] = node.node
        files.nodes[Path(layers["workdir"], "work")] = files.nodes[lower]
        _add_mount(files, f"60 1 0:50 / {point} rw,relatime - overlay overlay rw,{options}\n")
    return Said()


class _Shown:
    """A node of a layer. A whiteout is a file of this content, as the kernel has a device of number 0:0."""

    mark = b"\0whiteout"

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def is_whiteout(self) -> bool:
        return self.node.content == self.mark


def _below(files: FakeFiles, folder: Path) -> dict[Path, _Shown]:
    return {
        path.relative_to(folder): _Shown(node) for path, node in files.nodes.items() if folder in path.parents
    }


def _mount_image(files: FakeFiles, image: Path, point: Path) -> Said:
    found = files.info(image)
    if found is None or not found.is_file:
        return Said(stderr=f"mount: {point}: failed to setup loop device for {image}.", exit_code=32)
    content = files.nodes[image].content
    held = next((files.volumes[path] for path in files.volumes if _content(files, path) == content), None)
    if held is None:
        return Said(stderr=f"mount: {point}: wrong fs type, bad option, bad superblock.", exit_code=32)
    with by_the_kernel(files):
        for inner, node in held.items():
            files.make_folder((point / inner).parent)
            files.nodes[point / inner] = node
        _add_mount(files, f"61 1 7:0 / {point} ro,relatime - squashfs /dev/loop0 ro\n")
    return Said()


def _content(files: FakeFiles, path: Path) -> bytes | None:
    """A copy of an image file has what the image has."""
    node = files.nodes.get(path)
    return None if node is None else node.content


def _umount(files: FakeFiles, call: Call) -> Said:
    point = Path(call.argv[-1])
    lines = _mounts(files)
    here = [line for line in lines if read_mountinfo(line)[0].point == str(point)]
    if not here:
        return Said(stderr=f"umount: {point}: not mounted.", exit_code=32)
    if not any(f" - {kind} " in here[-1] for kind in _OURS):
        return disks.PROGRAMS["umount"](files, call)
    with by_the_kernel(files):
        _unmounted(files, point, here[-1])
        lines.remove(here[-1])
        files.replace(_MOUNTS, "".join(lines).encode())
    return Said()


def _unmounted(files: FakeFiles, point: Path, line: str) -> None:
    """What was written is in the upper layer, and nothing is seen at the mount point any more."""
    inside = {path.relative_to(point): node for path, node in files.nodes.items() if point in path.parents}
    for path in inside:
        del files.nodes[point / path]
    mount = read_mountinfo(line)[0]
    if mount.filesystem == "ext4":
        if mount.source == "bound":
            bound = Path(line.split(" ")[3])
            files.nodes.update({bound / path: node for path, node in inside.items()})
        else:
            files.volumes[Path(mount.source)] = inside
        return
    options = dict(re.findall(r"(lowerdir|upperdir)=([^, \n]*)", line))
    if not options:
        return
    lower, upper = Path(options["lowerdir"]), Path(options["upperdir"])
    if upper not in files.nodes:
        return
    for path, node in inside.items():
        if files.nodes.get(lower / path) != node:
            for parent in reversed(path.parents):
                files.nodes.setdefault(upper / parent, files.nodes[upper])
            files.nodes[upper / path] = node


def _lxc_start(files: FakeFiles, call: Call) -> Said:
    name = _option(call, "--name")
    text = files.read(Path(_option(call, "--rcfile")), at_most=1 << 20).decode()
    settings: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" = ")
        settings.setdefault(key, []).append(value)
    if files.info(Path(_option(call, "--lxcpath"))) is None:
        return Said(exit_code=1, stderr=f"lxc-start: You lack access to {_option(call, '--lxcpath')}")
    binds = [Path(value.split(" ")[0]) for value in settings.get("lxc.mount.entry", [])]
    return _started(
        files,
        name,
        Path(settings["lxc.rootfs.path"][0].removeprefix("dir:")),
        Path(settings["lxc.namespace.share.net"][0]),
        dict(value.split("=", 1) for value in settings.get("lxc.environment", [])),
        binds,
    )


def _started(
    files: FakeFiles, name: str, root: Path, network: Path, environment: Mapping[str, str], binds: list[Path]
) -> Said:
    if _process(files, name):
        return Said(exit_code=1, stderr=f"Container {name} is already running")
    missing = next((each for each in (root / "sbin/init", network, *binds) if files.info(each) is None), None)
    if missing is not None:
        return Said(exit_code=1, stderr=f"cannot start {name}: {missing}: No such file or directory")
    with by_the_kernel(files):
        numbers = [int(each) for each in files.names(Path("/proc")) if each.isdecimal()]
        process = max([_FIRST_PROCESS, *numbers]) + 1
        folder = Path("/proc", str(process))
        files.make_folder(folder)
        variables = "".join(f"{key}={value}\0" for key, value in environment.items())
        files.replace(folder / "environ", variables.encode())
        files.replace(
            folder / "status", f"Name:\tsystemd\nState:\tS (sleeping)\nNSpid:\t{process}\t1\n".encode()
        )
        files.make_folder(_CONTAINERS)
        files.replace(_CONTAINERS / name, str(process).encode())
    return Said(stdout=f"{process}\n")


def _lxc_info(files: FakeFiles, call: Call) -> Said:
    process = _process(files, _option(call, "--name"))
    return (
        Said(stdout=f"{process}\n")
        if process
        else Said(exit_code=1, stdout=f"{_option(call, '--name')} doesn't exist\n")
    )


def _lxc_stop(files: FakeFiles, call: Call) -> Said:
    name = _option(call, "--name")
    if not _process(files, name):
        return Said(exit_code=2, stderr=f"lxc-stop: {name} is not running")
    ended(files, name)
    return Said()


def _sh(files: FakeFiles, call: Call) -> Said:
    """The scripts of the runtimes, and the one that lists a tree, known by what is in them."""
    if call.argv[1] == "-c":
        script, rest = call.argv[2], list(call.argv[4:])
    else:
        script, rest = files.read(Path(call.argv[1]), at_most=1 << 16).decode(), list(call.argv[2:])
    if "systemd-nspawn" in rest:
        line = rest[rest.index("systemd-nspawn") :]
        values = {word.partition("=")[0]: word.partition("=")[2] for word in line}
        environment = dict(word.split("=", 2)[1:] for word in line if word.startswith("--setenv="))
        binds = [Path(word.partition("=")[2].split(":")[0]) for word in line if word.startswith("--bind")]
        root, network = Path(values["--directory"]), Path(values["--network-namespace-path"])
        return _started(files, values["--machine"], root, network, environment, binds)
    if "resize2fs" in script or "mount --bind" in script:
        return _volume(files, script, rest)
    if "mountpoint" in script:
        for name in set(files.names(Path(rest[0]))) - {Path(rest[1]).name}:
            files.remove(Path(rest[0], name))
        return Said()
    if "cgroup.kill" in script:
        for name in files.names(_CONTAINERS):
            if rest[0] in {str(_process(files, name)), "0"}:
                ended(files, name)
        return Said()
    if "sha256sum" in script:
        lines = [
            f"{hashlib.sha256(shown.node.content).hexdigest()} *./{path}\n"
            for path, shown in sorted(_below(files, Path(rest[0])).items())
            if shown.node.content is not None
        ]
        files.replace(Path(rest[1]), "".join(lines).encode())
        return Said()
    return Said(exit_code=127, stderr="sh: not known here")


def _volume(files: FakeFiles, script: str, rest: list[str]) -> Said:
    """A mounted volume is made larger; what is in a folder moves into one."""
    if "mount --bind" in script:
        return _adopted(files, Path(rest[0]), Path(rest[1]))
    here = any(mount.point == rest[0] for line in _mounts(files) for mount in read_mountinfo(line))
    return Said() if here else Said(exit_code=1, stderr=f"nothing is mounted at {rest[0]}")


def _adopted(files: FakeFiles, share: Path, content: Path) -> Said:
    """What is in a folder moves into its volume, whose place it takes."""
    if any(mount.point == str(share) for line in _mounts(files) for mount in read_mountinfo(line)):
        return Said()
    if content not in files.nodes:
        files.before()
        files.nodes[content] = files.nodes[share]
    for path in _below(files, share):
        files.before()
        files.nodes[content / path] = files.nodes[share / path]
    for path in _below(files, share):
        files.before()
        del files.nodes[share / path]
    return _bind(files, content, share)


def _sha256sum(files: FakeFiles, call: Call) -> Said:
    path = Path(call.argv[-1])
    node = files.nodes.get(path)
    if node is None or node.content is None:
        return Said(exit_code=1, stderr=f"sha256sum: {path}: No such file or directory")
    return Said(stdout=f"{hashlib.sha256(node.content).hexdigest()} *{path}\n")


def _env(files: FakeFiles, call: Call) -> Said:
    """With --chdir, sha256sum --check of a list."""
    tree = Path(call.argv[1].removeprefix("--chdir="))
    for line in files.read(Path(call.argv[-1]), at_most=1 << 24).decode().splitlines():
        digest, _, name = line.partition(" *")
        node = files.nodes.get(tree / name.removeprefix("./"))
        if node is None or node.content is None or hashlib.sha256(node.content).hexdigest() != digest:
            return Said(exit_code=1, stdout=f"{name}: FAILED\n")
    return Said()


def _mv(files: FakeFiles, call: Call) -> Said:
    source, target = Path(call.argv[-2]), Path(call.argv[-1])
    if files.names(target):
        return Said(exit_code=1, stderr=f"mv: cannot overwrite '{target}': Directory not empty")
    if source not in files.nodes:
        return Said(exit_code=1, stderr=f"mv: cannot stat '{source}': No such file or directory")
    for path in [path for path in files.nodes if path == source or source in path.parents]:
        files.nodes[target / path.relative_to(source)] = files.nodes.pop(path)
    return Said()


def _cp(files: FakeFiles, call: Call) -> Said:
    source, target = Path(call.argv[-2]), Path(call.argv[-1])
    if source not in files.nodes:
        return Said(exit_code=1, stderr=f"cp: cannot stat '{source}': No such file or directory")
    for path, shown in _below(files, source).items():
        files.before()  # a power cut leaves a part of it
        files.nodes[target / path] = shown.node
    return Said()


def _tar(files: FakeFiles, call: Call) -> Said:
    """Unpacks an archive whose content is in `volumes`."""
    values = dict(word.split("=", 1) for word in call.argv[1:] if "=" in word)
    archive, tree = Path(values["--file"]), Path(values["--directory"])
    if archive not in files.volumes:
        return Said(exit_code=2, stderr="tar: This does not look like a tar archive")
    for path, node in files.volumes[archive].items():
        files.before()
        files.nodes[tree / path] = node
    return Said()


def ended(files: FakeFiles, name: str) -> None:
    """A container's first process is gone, and it with it: asked to, killed, or out of memory."""
    process = _process(files, name)
    with by_the_kernel(files):
        files.remove(_CONTAINERS / name)
        files.remove(Path("/proc", str(process)))


def restarted(files: FakeFiles) -> None:
    """The machine starts anew after a power cut: no process, no mount and nothing in /run is left."""
    with by_the_kernel(files):
        for name in files.names(_CONTAINERS):
            ended(files, name)
        for line in reversed(_mounts(files)):
            mount = read_mountinfo(line)[0]
            if mount.filesystem in _OURS:
                _unmounted(files, Path(mount.point), line)
        files.replace(_MOUNTS, b"")
        for name in files.names(Path("/run")):
            files.remove(Path("/run", name))


def _process(files: FakeFiles, name: str) -> int:
    """0 when it does not run."""
    if files.info(_CONTAINERS / name) is None:
        return 0
    return int(files.read(_CONTAINERS / name, at_most=32))


def _option(call: Call, name: str) -> str:
    return call.argv[call.argv.index(name) + 1]


def _mounts(files: FakeFiles) -> list[str]:
    if files.info(_MOUNTS) is None:
        return []
    return files.read(_MOUNTS, at_most=1 << 20).decode().splitlines(keepends=True)


def _add_mount(files: FakeFiles, line: str) -> None:
    files.make_folder(_MOUNTS.parent)
    files.replace(_MOUNTS, ("".join(_mounts(files)) + line).encode())


PROGRAMS = {
    **image_files.PROGRAMS,
    "mount": _mount,
    "umount": _umount,
    "lxc-start": _lxc_start,
    "lxc-info": _lxc_info,
    "lxc-stop": _lxc_stop,
    "sh": _sh,
    "sha256sum": _sha256sum,
    "env": _env,
    "mv": _mv,
    "cp": _cp,
    "tar": _tar,
}
