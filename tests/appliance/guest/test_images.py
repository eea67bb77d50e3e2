"""Which image is started, in every state of the two slots, and after every way in which putting a new one in place can end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.appliance.guest.shells import FILES, IMAGE, machine, squashfs

from limpet.appliance.guest import images, upgrade
from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.slots import (
    SLOTS,
    Image,
    Slots,
    condemned,
    order,
    parse_image,
    parse_slots,
    render_image,
    render_slots,
    with_new,
)
from limpet.host.fake import FakeMachine, PowerCut
from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel
from limpet.host.fake_programs import guest_shell
from limpet.model.errors import HostError, MalformedDocument

NEW = Path("/mnt/new.squashfs")
NEWER = Path("/mnt/newer.squashfs")
DIGEST = "ab" * 32
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
slots_values = st.builds(
    Slots,
    confirmed=st.sampled_from([None, *SLOTS]),
    tried=st.sampled_from([None, *SLOTS]),
    boot=st.none() | words,
    bad=st.dictionaries(st.sampled_from(SLOTS), words),
)


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        (Slots(), ("a", "b")),
        (Slots(confirmed="b"), ("b", "a")),
        (Slots(confirmed="a", tried="b", boot="now"), ("b", "a")),
        (Slots(confirmed="a", tried="b", boot="before"), ("a", "b")),
        (Slots(tried="a", boot="before"), ("b", "a")),
        (Slots(confirmed="a", tried="b", boot="now", bad={"b": "damaged"}), ("a",)),
        (Slots(confirmed="a", bad={"a": "damaged", "b": "damaged"}), ()),
    ],
)
def test_a_new_image_is_tried_in_the_boot_in_which_it_was_put_in_place(
    slots: Slots, expected: tuple[str, ...]
) -> None:
    assert order(slots, "now") == expected


@given(slots_values)
def test_the_slots_are_read_as_they_were_written(slots: Slots) -> None:
    assert parse_slots(render_slots(slots)) == slots


@given(slots_values)
def test_a_new_image_never_goes_over_the_confirmed_one(slots: Slots) -> None:
    assert slots.free != slots.confirmed
    assert with_new(slots, slots.free, "now").confirmed == slots.confirmed


@given(slots_values, st.sampled_from(SLOTS))
def test_a_bad_image_is_never_started_until_another_one_is_put_there(slots: Slots, slot: str) -> None:
    assert slot not in order(condemned(slots, slot, "damaged"), "now")
    assert slot in order(with_new(condemned(slots, slot, "damaged"), slot, "now"), "now")


@given(st.binary(max_size=200))
def test_records_that_are_damaged_are_refused(content: bytes) -> None:
    for parse in (parse_slots, parse_image):
        try:
            parse(content)
        except MalformedDocument:
            continue


def test_a_record_cut_at_any_byte_is_refused() -> None:
    image = Image(path=Path("/x/root.squashfs"), digest=DIGEST, size=7, packages={"python3": "3.11"})
    content = render_image(image)
    assert parse_image(content) == image
    for length in range(len(content) - 2):
        with pytest.raises(MalformedDocument):
            parse_image(content[:length])


@pytest.mark.parametrize(
    ("old", "new"),
    [(DIGEST, "short"), ('"size": 7', '"size": -1'), ("/x/root", "x/root"), ("/x/root", "/x/../root")],
)
def test_a_record_that_makes_no_sense_is_refused(old: str, new: str) -> None:
    content = render_image(Image(path=Path("/x/root.squashfs"), digest=DIGEST, size=7))
    with pytest.raises(MalformedDocument):
        parse_image(content.replace(old.encode(), new.encode()))


def install(made: FakeMachine, source: Path) -> str:
    """Put an image in place."""
    return upgrade.install(made.interpreter, source, lambda _outcome: None)[0]


def confirm(made: FakeMachine) -> None:
    """It has worked."""
    step = images.confirm(made.files)
    assert step is not None
    made.interpreter.do(step)


def two_images() -> FakeMachine:
    """A machine with a confirmed image in slot a, and another image file."""
    made = machine()
    squashfs(made, NEW)
    squashfs(made, NEWER)
    assert install(made, NEW) == "a"
    confirm(made)
    return made


def test_the_image_that_the_appliance_came_with_is_started_where_there_is_no_other() -> None:
    assert images.image_to_start(machine().files) == IMAGE


def test_without_any_image_the_error_says_what_to_do() -> None:
    with pytest.raises(HostError, match="limpet guestshell upgrade FILE"):
        images.image_to_start(FakeMachine().files)


@pytest.mark.parametrize("source", [NEW, IMAGE, Path("/mnt/new.tar.zst")])
def test_an_image_is_put_in_place_tried_and_then_counts(source: Path) -> None:
    made = machine()
    squashfs(made, NEW)
    squashfs(made, Path("/mnt/new.tar.zst"))
    assert install(made, source) == "a"
    chosen = images.choose(made.files)
    assert chosen.slot == "a"
    assert images.inspect(made.files, made.commands, "a") is None
    assert images.read_slots(made.files).confirmed is None
    confirm(made)
    assert images.read_slots(made.files) == Slots(confirmed="a")
    assert images.confirm(made.files) is None


def test_an_image_that_was_only_tried_does_not_come_before_the_factorys_after_a_start() -> None:
    made = machine()
    squashfs(made, NEW)
    install(made, NEW)
    assert images.choose(made.files).slot == "a"
    with by_the_kernel(made.files):
        made.files.replace(Path("/proc/sys/kernel/random/boot_id"), b"boot-2\n")
    assert images.choose(made.files).path == IMAGE


def test_the_next_image_goes_to_the_other_slot_and_after_a_power_cut_the_last_that_worked_is_started() -> (
    None
):
    made = two_images()
    assert install(made, NEWER) == "b"
    assert images.choose(made.files).slot == "b"
    with by_the_kernel(made.files):
        made.files.replace(Path("/proc/sys/kernel/random/boot_id"), b"boot-2\n")
    assert images.choose(made.files).slot == "a"


def test_a_power_cut_at_any_change_of_an_upgrade_leaves_the_confirmed_image_to_be_started() -> None:
    cuts = 0
    while True:
        made = two_images()
        made.battery.left = cuts
        try:
            install(made, NEWER)
        except PowerCut:
            made.battery.left = None
            guest_shell.restarted(made.files)
            with by_the_kernel(made.files):
                made.files.replace(Path("/proc/sys/kernel/random/boot_id"), b"boot-2\n")
            assert images.choose(made.files).slot == "a"
            assert images.inspect(made.files, made.commands, "a") is None
            assert install(made, NEWER) == "b"  # the same again completes it
            assert images.choose(made.files).slot == "b"
            cuts += 1
        else:
            break
    assert cuts > 5


@pytest.mark.parametrize(
    ("damage", "said"),
    [(b"", "not 800 bytes long"), (b"squashfs" * 99 + b"squashfx", None)],
    ids=["cut", "a byte changed"],
)
def test_a_damaged_image_is_passed_over_at_once_or_when_it_is_inspected(
    damage: bytes, said: str | None
) -> None:
    made = two_images()
    install(made, NEWER)
    with by_the_kernel(made.files):
        made.files.replace(STORE / "images/b/root.squashfs", damage)
    chosen = images.choose(made.files)
    if said is not None:
        assert chosen.slot == "a"
        assert said in chosen.passed[0]
        return
    assert chosen.slot == "b"
    note, why = images.suspect(made.files, made.commands)
    assert note is not None
    assert "damaged" in (why or "")
    made.interpreter.do(note)
    assert images.choose(made.files).slot == "a"


def test_a_damaged_tree_is_found_by_its_list_of_files() -> None:
    made = machine()
    install(made, IMAGE)
    with by_the_kernel(made.files):
        made.files.replace(STORE / "images/a/tree" / FILES[0], b"another")
    assert "FAILED" in (images.inspect(made.files, made.commands, "a") or "")


def test_an_image_that_is_whole_and_only_tried_goes_when_its_guest_shell_keeps_failing() -> None:
    made = two_images()
    assert images.suspect(made.files, made.commands) == (None, None)
    install(made, NEWER)
    note, why = images.suspect(made.files, made.commands)
    assert note is not None
    assert why == "it was tried and did not work"


def test_a_file_that_is_not_what_its_record_says_is_not_put_in_place() -> None:
    made = machine()
    squashfs(made, NEW)
    with by_the_kernel(made.files):
        record = Image(path=NEW, digest=DIGEST, size=800)
        made.files.replace(NEW.with_name("new.squashfs.json"), render_image(record))
    with pytest.raises(HostError, match="is not what"):
        install(made, NEW)
    digest = images.digest_of(made.commands, NEW)
    with by_the_kernel(made.files):
        good = replace(record, digest=digest, packages={"python3": "3.11"})
        made.files.replace(NEW.with_name("new.squashfs.json"), render_image(good))
    install(made, NEW)
    image = images.read_image(made.files, "a")
    assert image is not None
    assert image.packages == {"python3": "3.11"}


@pytest.mark.parametrize(("name", "said"), [("/mnt/none", "there is no"), ("/mnt/text.txt", "is no image")])
def test_what_is_no_image_is_refused(name: str, said: str) -> None:
    made = machine()
    with by_the_kernel(made.files):
        made.files.make_folder(Path("/mnt"))
        made.files.replace(Path("/mnt/text.txt"), b"text")
    with pytest.raises(HostError, match=said):
        install(made, Path(name))


def test_a_folder_that_is_no_root_file_system_is_refused_before_anything_is_copied() -> None:
    made = two_images()
    with by_the_kernel(made.files):
        made.files.make_folder(Path("/mnt/other/etc"))
        made.files.replace(Path("/mnt/empty.tar"), b"")
    with pytest.raises(HostError, match="/mnt/other is no root file system"):
        install(made, Path("/mnt/other"))
    with pytest.raises(HostError, match=r"/mnt/empty\.tar is empty"):
        install(made, Path("/mnt/empty.tar"))
    made.commands.programs["head"] = lambda _files, _call: Said(b"PK\3\4")
    with pytest.raises(HostError, match=r"/mnt/newer\.squashfs is no squashfs file"):
        install(made, NEWER)
    assert images.read_slots(made.files) == Slots(confirmed="a")


def test_what_cannot_be_used_once_it_was_put_in_place_goes_and_the_slot_says_why() -> None:
    made = two_images()
    source = Path("/mnt/tree")
    with by_the_kernel(made.files):
        for file in FILES:
            made.files.make_folder((source / file).parent)
            made.files.replace(source / file, b"x")
        record = Image(path=source, digest=DIGEST)
        made.files.replace(source.with_name("tree.json"), render_image(record))
    with pytest.raises(HostError, match="was not copied whole"):
        install(made, source)
    assert images.read_slots(made.files).bad == {
        "b": "/mnt/tree was not copied whole: the disk may be failing"
    }
    assert made.files.info(STORE / "images/b/tree") is None
    assert images.choose(made.files).slot == "a"


def test_a_tree_that_the_guest_shell_runs_from_is_not_replaced() -> None:
    made = two_images()
    install(made, IMAGE)
    mounted = f"99 1 0:9 / /x rw - overlay overlay rw,lowerdir={STORE}/images/b/tree,upperdir=/u,workdir=/w\n"
    with by_the_kernel(made.files):
        made.files.make_folder(Path("/proc/self"))
        made.files.replace(Path("/proc/self/mountinfo"), mounted.encode())
    with pytest.raises(HostError, match="the guest shell runs from slot b"):
        install(made, NEWER)
    assert images.choose(made.files).slot == "b"


def test_an_image_that_there_is_no_room_for_is_refused_before_anything_is_changed() -> None:
    made = two_images()
    made.files.rooms[STORE] = 100
    with pytest.raises(HostError, match="has 100 bytes left"):
        install(made, NEWER)
    assert images.read_slots(made.files) == Slots(confirmed="a")
