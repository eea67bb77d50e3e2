"""The images of the guest shell on this machine: which one is started, how a damaged one is found, how a new one is put in place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.guest import slots as deciding
from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.layout import SQUASHFS
from limpet.appliance.guest.slots import FILE, RECORD, SLOTS, TREE, Image, Slots
from limpet.guest.appliance_profile import LARGEST as PROFILE_LARGEST
from limpet.guest.appliance_profile import LAUNCHER, PROFILE, exchange_of, why_not
from limpet.guest.steps import Copy, MakeFolder, Remove, Run, Task, Write
from limpet.host.facts.reading import bytes_of, is_there, text_of
from limpet.host.reported import boot_id
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from limpet.guest.steps import Step
    from limpet.host.ports import Commands, FileInfo, Files

FACTORY = (Path("/opt/guest-shell/image.squashfs"), Path("/opt/guest-shell/root"))
"""Where a vendor puts the image that an appliance comes with; it is never written to, and the last one that is fallen back to."""
LIST = "files.sha256"
TIME_TO_CHECK = 300.0
_SQUASHFS = b"hsqs"
"""How such a file begins. Source: the kernel's fs/squashfs/squashfs_fs.h, SQUASHFS_MAGIC."""
_NEEDED = (Path("sbin/init"), Path("usr/lib/systemd/systemd"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """The image to be started. slot: None for the one that the appliance came with. passed: what is wrong with better ones."""

    path: Path
    slot: str | None
    passed: tuple[str, ...] = ()


def image_to_start(files: Files) -> Path:
    """The image that is to be started. Raises: HostError, when there is none."""
    return choose(files).path


def choose(files: Files, *, store: Path = STORE) -> Chosen:
    """The best image that passes a cheap look. Raises: HostError, when there is none."""
    slots, boot = read_slots(files, store=store), boot_id(files) or "unknown"
    order = deciding.order(slots, boot)
    factory = [Chosen(path=path, slot=None) for path in FACTORY if files.info(path) is not None]
    proven = [slot for slot in order if not factory or deciding.may_be_tried(slots, slot, boot)]
    passed: list[str] = []
    for slot in proven:
        try:
            image = read_image(files, slot, store=store)
        except (MalformedDocument, HostError) as error:
            passed.append(f"slot {slot}: {error}")
            continue
        if image is None:
            continue
        problem = glance(files, image)
        if problem is None:
            return Chosen(path=image.path, slot=slot, passed=tuple(passed))
        passed.append(f"slot {slot}: {problem}")
    if factory:
        return replace(factory[0], passed=tuple(passed))
    said = f" ({'; '.join(passed)})" if passed else ""
    raise HostError(
        f"there is no image of a guest shell that can be started{said}. Put one in place with: limpet guestshell upgrade FILE"
    )


def read_slots(files: Files, *, store: Path = STORE) -> Slots:
    """Which slot is what; a file that is not there or cannot be read is as if no image had been confirmed. Raises: HostError."""
    try:
        return deciding.parse_slots(
            files.read(store / "images" / deciding.DOCUMENT, at_most=deciding.LARGEST)
        )
    except (FileNotFoundError, MalformedDocument):
        return Slots()


def read_image(files: Files, slot: str, *, store: Path = STORE) -> Image | None:
    """What is in a slot; None where nothing is. Raises: MalformedDocument, HostError."""
    try:
        content = files.read(store / "images" / slot / RECORD, at_most=deciding.LARGEST)
    except FileNotFoundError:
        return None
    return deciding.parse_image(content)


def glance(files: Files, image: Image) -> str | None:
    """What is visibly wrong with an image; None when nothing is. Costs next to nothing: it is done before each start."""
    info = files.info(image.path)
    if info is None:
        return f"{image.path} is missing"
    if image.size is not None:
        return (
            None
            if info.is_file and info.size == image.size
            else f"{image.path} is not {image.size} bytes long"
        )
    return None if info.is_folder and _is_root(files, image.path) else f"{image.path} is no root file system"


def _is_root(files: Files, tree: Path) -> bool:
    return all(files.names(tree / each.parent) for each in _NEEDED)


def unlike_an_image(files: Files, commands: Commands, source: Path, info: FileInfo) -> str | None:
    """What is visibly wrong with something that is to be put in place; None when nothing is."""
    if info.is_folder:
        return (
            None if _is_root(files, source) else f"{source} is no root file system: it has no systemd in it"
        )
    if info.size == 0:
        return f"{source} is empty"
    head = commands.run(("head", "--bytes=4", "--", str(source))) if is_file_image(source) else None
    if head is not None and head.exit_code == 0 and head.stdout != _SQUASHFS:
        return f"{source} is no squashfs file"
    return None


def in_use(files: Files, slot: str, *, store: Path = STORE) -> str | None:
    """Why a slot must not be touched now; None when it may be. A file that is mounted may go, a tree must stay while it is."""
    tree = store / "images" / slot / TREE
    mounts = (text_of(files, Path("/proc/self/mountinfo"), at_most=1024 * 1024) or "").splitlines()
    if not any(f"lowerdir={tree}," in line for line in mounts):
        return None
    return (
        f"the guest shell runs from slot {slot}, whose image has not worked yet: wait until it has, or stop it first"
        " with: limpet guestshell disable"
    )


def inspect(files: Files, commands: Commands, slot: str, *, store: Path = STORE) -> str | None:
    """What is wrong with the image in a slot, every byte of it read; None when nothing is. Seconds. Raises: HostError."""
    try:
        image = read_image(files, slot, store=store)
    except MalformedDocument as error:
        return str(error)
    if image is None:
        return "the slot is empty"
    problem = glance(files, image)
    if problem is not None:
        return problem
    if image.size is not None:
        found = digest_of(commands, image.path)
        return None if found == image.digest else f"{image.path} is damaged: its SHA-256 is {found[:16]}…"
    listed = store / "images" / slot / LIST
    if files.info(listed) is None or digest_of(commands, listed) != image.digest:
        return f"the list of the files in {image.path} is damaged"
    done = commands.run(
        ("env", f"--chdir={image.path}", "sha256sum", "--check", "--quiet", "--strict", str(listed)),
        timeout=TIME_TO_CHECK,
    )
    if done.exit_code == 0:
        return None
    first = (done.stdout or done.stderr).decode("utf-8", "replace").splitlines()[:1]
    return f"{image.path} is damaged: {' '.join(first) or 'it cannot be read'}"


def digest_of(commands: Commands, path: Path) -> str:
    """The SHA-256 of a file. Raises: HostError."""
    done = commands.run(("sha256sum", "--binary", "--", str(path)), timeout=TIME_TO_CHECK)
    words = done.stdout.decode("ascii", "replace").split()
    if done.exit_code != 0 or not words:
        raise HostError(f"{path} cannot be read")
    return words[0].removeprefix("\\")


def plan_place(source: Path, slots: Slots, *, store: Path = STORE) -> tuple[Task, ...]:
    """Put an image in the slot that is not confirmed.

    source: a squashfs file, a tar (of whatever compression) or a tree. Until its record is written by `plan_record` the slot
    counts as bad: a power cut leaves an empty slot or a whole one, and the confirmed image is never touched.
    """
    slot = slots.free
    folder = store / "images" / slot
    begun = deciding.condemned(slots, slot, "an image that was put there did not come whole")
    steps: list[Step] = [
        MakeFolder(store, mode=0o700),
        MakeFolder(folder, mode=0o700),
        _noted(begun, store),
        Remove(folder / RECORD),
        *(Remove(folder / each) for each in (FILE, TREE, LIST)),
        *([Copy(source, folder / FILE)] if is_file_image(source) else _tree(source, folder)),
    ]
    return (
        Task(
            name="guest-image",
            purpose=f"put the image in slot {slot}",
            steps=tuple(steps),
            advice="The last confirmed image is still there and is used.",
        ),
    )


def plan_removal(slots: Slots, why: str, *, store: Path = STORE) -> tuple[Task, ...]:
    """Take away what was put into the free slot and cannot be used. slots: as they were for `plan_place`."""
    folder = store / "images" / slots.free
    steps: tuple[Step, ...] = (
        _noted(deciding.condemned(slots, slots.free, why), store),
        *(Remove(folder / each) for each in (FILE, TREE, LIST)),
    )
    return (Task(name="guest-image-removal", purpose=f"empty slot {slots.free}", steps=steps),)


def plan_record(image: Image, slots: Slots, boot: str, *, store: Path = STORE) -> tuple[Task, ...]:
    """Have the image in the free slot tried from the next start of the guest shell on. slots: as they were for `plan_place`."""
    slot = slots.free
    steps = (
        Write(store / "images" / slot / RECORD, deciding.render_image(image)),
        _noted(deciding.with_new(slots, slot, boot), store),
    )
    return (Task(name="guest-image-record", purpose=f"have the image in slot {slot} tried", steps=steps),)


def _tree(source: Path, folder: Path) -> list[Step]:
    """Unpack or copy, and list every file with its digest; the list's own digest is the image's."""
    tree = folder / TREE
    unpack: Run = (
        Run(
            (
                "tar", "--extract", "--numeric-owner", "--preserve-permissions", "--xattrs", "--xattrs-include=*",
                f"--directory={tree}", f"--file={source}",
            ),
            timeout=TIME_TO_CHECK,
        )
        if is_archive(source)
        else Run(("cp", "--archive", "--no-target-directory", str(source), str(tree)), timeout=TIME_TO_CHECK)
    )  # fmt: skip
    return [
        MakeFolder(tree),
        unpack,
        Run(("sh", "-c", LISTING, "sh", str(tree), str(folder / LIST)), timeout=TIME_TO_CHECK),
        Run(("sync", "--file-system", str(folder)), timeout=TIME_TO_CHECK),
    ]


LISTING = (
    'cd "$1" && find . -xdev -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum --binary -- > "$2.new"'
    ' && mv "$2.new" "$2"'
)
"""Lists the regular files of the tree $1 with their digests in the file $2."""


ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst")


def is_archive(path: Path) -> bool:
    """Whether it is a tar, by its name."""
    return path.name.endswith(ARCHIVES)


def is_file_image(path: Path) -> bool:
    """Whether it is used as it is, mounted by a loop device."""
    return path.suffix == SQUASHFS


def _noted(slots: Slots, store: Path) -> Write:
    """The step that makes a decision about slots last."""
    return Write(store / "images" / deciding.DOCUMENT, deciding.render_slots(slots))


def confirm(files: Files, *, store: Path = STORE, running: str | None = None) -> Write | None:
    """What confirms the image that is being tried, once it has worked; None when none is. Raises: HostError.

    running: the image that has worked, by its path, where that is known: another one may have been put in place meanwhile.
    """
    slots = read_slots(files, store=store)
    best = choose(files, store=store)
    chosen = best.slot
    if running is not None and str(best.path) != running:
        return None
    if chosen is None or (slots.confirmed == chosen and slots.tried is None):
        return None
    return _noted(deciding.confirmed(slots, chosen), store)


def unled(files: Files, root: Path) -> str | None:
    """Why a supervisor cannot lead the agent in an image (R14); None when it can, or when that is not to be known before it is tried.

    root: the image as a tree, which nobody in the guest can write to.
    """
    if not is_there(files, root / "usr"):
        return None
    if not is_there(files, root / LAUNCHER):
        return (
            'there is no limpet in the image; where another agent is in it, set guest_shell.agent = "other"'
        )
    content = bytes_of(files, root / PROFILE, at_most=PROFILE_LARGEST)
    return None if content is None else why_not(exchange_of(content))


def condemn(files: Files, why: str, *, store: Path = STORE) -> Write | None:
    """The note that takes the image out of use that is started now; None for one that the appliance came with. Raises: HostError."""
    slot = choose(files, store=store).slot
    if slot is None:
        return None
    return _noted(deciding.condemned(read_slots(files, store=store), slot, why), store)


def suspect(files: Files, commands: Commands, *, store: Path = STORE) -> tuple[Write | None, str | None]:
    """After a guest shell that keeps failing: inspect the image in use. Gives the note that takes it out of use, and why.

    An image that is only being tried goes whatever is found. Raises: HostError.
    """
    slots = read_slots(files, store=store)
    slot = choose(files, store=store).slot
    if slot is None or slot not in SLOTS:
        return None, None
    problem = inspect(files, commands, slot, store=store)
    if problem is None and slots.tried == slot:
        problem = "it was tried and did not work"
    if problem is None:
        return None, None
    return _noted(deciding.condemned(slots, slot, problem), store), problem
