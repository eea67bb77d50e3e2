"""`limpet collect-logs`: a zip of logs, from folders that others may have filled with anything."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet.config.settings import Config
from limpet.guest.log_manifest import Bounds, Copy, Listing, Places, Printed, manifest, must_have
from limpet.host.fake import FakeClock
from limpet.host.fake_commands import FakeCommands, Said
from limpet.host.fake_files import FakeFiles
from limpet.manage.logs.bundle import Work, chosen, make
from limpet.manage.logs.command import collect, main, plan_text
from limpet.manage.logs.sources import Sources
from limpet.model.errors import AlreadyRunning, HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from limpet.guest.log_manifest import Item
    from limpet.manage.logs.sources import Found

PLACES = Places(
    library=Path("/var/lib/waagent"), logs=Path("/var/log/azure"), agent_log=Path("/var/log/waagent.log")
)
KIB = 1024


def tree(root: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def work(tmp_path: Path, *items: Item, bounds: Bounds | None = None) -> Work:
    """A bundle of the machine whose file system is in a folder."""
    return Work(
        items=items or manifest(PLACES, full=True),
        first=() if items else must_have(PLACES),
        bounds=bounds or Bounds(),
        sources=Sources(tmp_path / "root"),
        commands=FakeCommands(FakeFiles(FakeClock())),
        output=tmp_path / "logs.zip",
    )


def content(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        return {name: bundle.read(name) for name in bundle.namelist()}


def results(path: Path) -> str:
    return content(path)["results.txt"].decode()


def test_logs_are_collected_under_their_paths_without_their_secrets(tmp_path: Path) -> None:
    tree(
        tmp_path / "root",
        {
            "/var/log/waagent.log": b"GET https://s/c?sv=1&sig=hunter2\n",
            "/var/log/azure/A.B/enable.log": b"password=hunter2\nfine\n",
            "/var/lib/waagent/A.B-1.0/config/0.settings": b'{"protectedSettings": "MIIB"}',
            "/var/lib/waagent/ovf-env.xml": b"<UserPassword>hunter2</UserPassword>",
            "/var/lib/waagent/TransportPrivate.pem": b"hunter2",
            "/var/lib/waagent/AA.prv": b"hunter2",
            "/var/lib/waagent/CustomData": b"hunter2",
            "/etc/shadow": b"hunter2",
        },
    )
    outcome = make(work(tmp_path))
    found = content(tmp_path / "logs.zip")
    assert found["var/log/azure/A.B/enable.log"] == b"password=<redacted>\nfine\n"
    assert found["var/lib/waagent/A.B-1.0/config/0.settings"] == b'{"protectedSettings": "MIIB"}'
    assert b"hunter2" not in b"".join(found.values())
    assert outcome.files == len(found) - 1 == 4
    assert (tmp_path / "logs.zip").stat().st_mode & 0o777 == 0o600


def test_links_pipes_and_devices_are_named_and_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    tree(tmp_path / "root", {"/var/log/azure/A.B/good.log": b"good\n"})
    folder = tmp_path / "root/var/log/azure"
    (folder / "A.B" / "bad.log").symlink_to(secret)
    (folder / "Linked").symlink_to(tmp_path)
    os.mkfifo(folder / "A.B" / "pipe.log")
    outcome = make(work(tmp_path, Copy("/var/log/azure/*/*")))
    assert set(content(tmp_path / "logs.zip")) == {"var/log/azure/A.B/good.log", "results.txt"}
    assert outcome.left_out == {
        "/var/log/azure/A.B/bad.log": "it is a link; links are not followed",
        "/var/log/azure/A.B/pipe.log": "it is no regular file",
    }


def test_a_file_that_becomes_a_link_after_it_was_found_is_not_followed(tmp_path: Path) -> None:
    tree(tmp_path / "root", {"/var/log/azure/A.B/a.log": b"good\n", "/secret": b"hunter2"})
    sources = Sources(tmp_path / "root")
    (found,) = sources.find("/var/log/azure/*/*")
    folder = tmp_path / "root/var/log/azure/A.B"
    (folder / "a.log").unlink()
    (folder / "a.log").symlink_to(tmp_path / "root/secret")
    with pytest.raises(HostError), sources.opened(found):
        pass
    (folder / "a.log").unlink()
    folder.rmdir()
    folder.symlink_to(tmp_path / "root")
    with pytest.raises(HostError), sources.opened(found):
        pass


def test_of_a_large_file_the_end_is_there_whole_and_the_total_is_bounded(tmp_path: Path) -> None:
    lines = b"".join(b"line %06d\n" % number for number in range(20_000))
    tree(tmp_path / "root", {"/var/log/a.log": lines, "/var/log/b.log": lines, "/var/log/c.log": b"small\n"})
    bounds = Bounds(file=64 * KIB, total=100 * KIB, files=10)
    outcome = make(work(tmp_path, Copy("/var/log/*"), bounds=bounds))
    found = content(tmp_path / "logs.zip")
    assert found["truncated/truncated_var_log_a.log"] == lines[-64 * KIB :]
    assert found["var/log/c.log"] == b"small\n"
    assert outcome.truncated == ["/var/log/a.log"]
    assert "/var/log/b.log" in outcome.left_out
    assert "truncated: /var/log/a.log" in results(tmp_path / "logs.zip")


def test_what_is_compressed_is_looked_through_too(tmp_path: Path) -> None:
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as bundle:
        bundle.writestr("GoalState.xml", "password=hunter2\n")
        bundle.writestr("../../evil", "password=hunter2\n")
    tree(
        tmp_path / "root",
        {
            "/var/log/syslog.1.gz": gzip.compress(b"password=hunter2\n"),
            "/var/log/syslog.2.gz": gzip.compress(b"password=hunter2\n" * 1000)[:-20],
            "/var/log/history.zip": inner.read_bytes(),
            "/var/log/broken.zip": b"PK no zip",
        },
    )
    outcome = make(work(tmp_path, Copy("/var/log/*")))
    found = content(tmp_path / "logs.zip")
    assert found["var/log/syslog.1"] == b"password=<redacted>\n"
    assert found["var/log/history.zip/GoalState.xml"] == b"password=<redacted>\n"
    assert found["var/log/history.zip/evil"] == b"password=<redacted>\n"
    assert b"hunter2" not in b"".join(found.values())
    assert set(outcome.left_out) == {"/var/log/syslog.2.gz", "/var/log/broken.zip"}


def test_a_bomb_is_cut_at_the_bound_of_a_file(tmp_path: Path) -> None:
    tree(tmp_path / "root", {"/var/log/bomb.gz": gzip.compress(b"a b\n" * 1_000_000)})
    make(work(tmp_path, Copy("/var/log/*"), bounds=Bounds(file=64 * KIB, total=KIB * KIB, files=10)))
    assert len(content(tmp_path / "logs.zip")["var/log/bomb"]) == 64 * KIB


def test_strange_names_stay_inside_the_bundle_and_apart(tmp_path: Path) -> None:
    folder = tmp_path / "root/var/log"
    folder.mkdir(parents=True)
    for name in (b"a\nb.log", b"a\tb.log", b"\xff.log", b"a\\..\\b.log"):
        (folder / os.fsdecode(name)).write_bytes(b"x\n")
    make(work(tmp_path, Copy("/var/log/*")))
    names = set(content(tmp_path / "logs.zip"))
    assert len(names) == 5
    assert all(name == "results.txt" or name.startswith("var/log/") for name in names)
    assert all(name.isprintable() and "\\" not in name for name in names)


def test_the_same_machine_gives_the_same_names_in_the_same_order(tmp_path: Path) -> None:
    tree(tmp_path / "root", {f"/var/log/{name}.log": b"x" for name in "dbca"})
    names = []
    for _ in range(2):
        make(work(tmp_path, Copy("/var/log/*"), Listing("/var/log")))
        names.append(list(content(tmp_path / "logs.zip")))
    assert names[0] == names[1] == [*(f"var/log/{name}.log" for name in "abcd"), "results.txt"]


def test_what_is_most_important_comes_first(tmp_path: Path) -> None:
    tree(
        tmp_path / "root",
        {
            "/etc/hostname": b"vm",
            "/var/log/auth.log": b"x",
            "/var/log/waagent.log": b"x",
            "/var/log/azure/A.B/a.log": b"x",
        },
    )
    order = [choice.name for _, choice in chosen(work(tmp_path)) if choice.problem is None]
    assert order == ["var/log/waagent.log", "var/log/azure/A.B/a.log", "etc/hostname", "var/log/auth.log"]


def test_a_file_that_grows_or_shrinks_meanwhile_is_taken_as_far_as_it_goes(tmp_path: Path) -> None:
    tree(tmp_path / "root", {"/var/log/a.log": b"one\n", "/var/log/b.log": b"two\n"})
    sources = Sources(tmp_path / "root")

    class Moving(Sources):
        def find(self, pattern: str) -> Iterator[Found]:
            found = list(sources.find(pattern))
            (tmp_path / "root/var/log/a.log").write_bytes(b"one\nmore and more\n")
            (tmp_path / "root/var/log/b.log").write_bytes(b"")
            yield from found

    make(replace(work(tmp_path, Copy("/var/log/*")), sources=Moving(tmp_path / "root")))
    found = content(tmp_path / "logs.zip")
    assert (found["var/log/a.log"], found["var/log/b.log"]) == (b"one\n", b"")


def test_what_programs_print_is_there_and_a_missing_program_is_named(tmp_path: Path) -> None:
    commands = FakeCommands(
        FakeFiles(FakeClock()), {"journalctl": lambda _files, _call: Said("token=hunter2\n")}
    )
    items = (Printed("journal/x.log", ("journalctl", "-x")), Printed("disks.txt", ("df",)))
    outcome = make(replace(work(tmp_path, *items), commands=commands))
    assert content(tmp_path / "logs.zip")["journal/x.log"] == b"token=<redacted>\n"
    assert outcome.left_out == {"disks.txt": "there is no program df"}


def test_where_the_bundle_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    tree(tmp_path / "root", {"/var/log/a.log": b"x"})
    with pytest.raises(HostError, match="cannot write"):
        make(replace(work(tmp_path, Copy("/var/log/*")), output=tmp_path / "absent" / "logs.zip"))
    (tmp_path / "taken").mkdir()
    with pytest.raises(HostError, match="cannot write"):
        make(replace(work(tmp_path, Copy("/var/log/*")), output=tmp_path / "taken"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root", "taken"]


def options(tmp_path: Path) -> list[str]:
    (tmp_path / "limpet.toml").write_text(f'[agent]\nwaagent_conf = "{tmp_path}/none"\n')
    places = {"agent.library": "lib", "agent.log_dir": "log", "agent.log_file": "agent.log"}
    chosen_places = [word for name, path in places.items() for word in ("--set", f"{name}={tmp_path / path}")]
    return ["--config", str(tmp_path / "limpet.toml"), *chosen_places]


def test_the_command_says_where_the_bundle_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(tmp_path, {"/log/A.B/a.log": b"x\n"})
    assert main([*options(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    path = tmp_path / "lib/logcollector/logs.zip"
    assert told["output"] == str(path)
    assert told["bytes"] == path.stat().st_size
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_dry_run_lists_what_would_be_taken_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree(tmp_path, {"/log/A.B/a.log": b"x\n"})
    assert main([*options(tmp_path), "--dry-run", "--output", str(tmp_path / "o.zip")]) == 0
    assert f"{tmp_path}/log/A.B/a.log" in capsys.readouterr().out
    assert not (tmp_path / "o.zip").exists()
    assert not (tmp_path / "lib").exists()
    assert main([*options(tmp_path), "--dry-run", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["files"]
    assert {"path": f"{tmp_path}/log/A.B/a.log", "bytes": 2, "left_out": None} == {
        name: value
        for row in rows
        if row["path"].endswith("a.log")
        for name, value in row.items()
        if name != "name"
    }


def test_the_kernels_own_files_have_no_size_before_they_are_read(tmp_path: Path) -> None:
    asked = replace(work(tmp_path, Copy("/proc/meminfo")), sources=Sources(Path("/")))
    assert "           ?  /proc/meminfo\n" in plan_text(asked, as_json=False)
    (row,) = json.loads(plan_text(asked, as_json=True))["files"]
    assert (row["path"], row["bytes"]) == ("/proc/meminfo", None)


def test_nothing_takes_the_place_of_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", tmp_path):
        with pytest.raises(HostError, match="not a regular file"):
            make(replace(work(tmp_path), output=place))
    assert (tmp_path / "pipe").is_fifo()


def test_what_a_bundle_left_that_was_cut_short_goes_with_the_next_one_wherever_it_is_made(
    tmp_path: Path,
) -> None:
    tree(tmp_path / "flash", {".logs.zip.4711": b"half", ".logs.zip.old": b"", ".other.zip.1": b""})
    asked = replace(work(tmp_path, Copy("/var/log/*")), output=tmp_path / "flash/logs.zip")
    collect(Config(library=tmp_path / "lib"), asked, who="limpet support-bundle")
    assert sorted(path.name for path in (tmp_path / "flash").iterdir()) == [
        ".logs.zip.old",
        ".other.zip.1",
        "logs.zip",
    ]


def test_two_at_a_time_are_refused(tmp_path: Path) -> None:
    from limpet.host.lock import SingleInstance  # noqa: PLC0415

    (tmp_path / "lib/logcollector").mkdir(parents=True)
    with SingleInstance(tmp_path / "lib/logcollector/lock"), pytest.raises(AlreadyRunning):
        main(options(tmp_path))


def test_a_bundle_takes_little_memory(tmp_path: Path) -> None:
    (tmp_path / "log/A.B").mkdir(parents=True)
    with (tmp_path / "log/A.B/big.log").open("wb") as file:
        for _ in range(25):
            file.write(b"line of a log\n" * 75_000)
    code = (
        "import sys; from limpet.manage.logs.command import main; code = main(sys.argv[1:]); "
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *options(tmp_path)],
        capture_output=True,
        text=True,
        timeout=250,
        check=True,
    )
    assert int(done.stderr) < 40_000  # KiB; the file has 25 MiB
