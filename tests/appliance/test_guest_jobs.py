"""Day-0 jobs of the guest shell: in order, nothing secret on a command line, nothing that the shell would obey."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.appliance.networkos.iosxe_cases import day_zero, environment

from limpet.appliance.guest.jobs import parse_jobs, step_of
from limpet.appliance.networkos.iosxe.day_zero import guest_jobs
from limpet.model.errors import MalformedDocument

TOKEN = "sig=a-token-of-storage"


def document(packages: list[dict[str, object]], scripts: list[dict[str, object]]) -> bytes:
    return json.dumps({"version": 1, "packages": packages, "scripts": scripts}).encode()


def test_packages_come_before_scripts() -> None:
    jobs = parse_jobs(
        document(
            [{"name": "csr_azure_ha", "version": "3.1.0", "user": True}],
            [{"url": "https://example.org/x.py", "arguments": ["-a", "1"]}],
        )
    )
    assert jobs[0].argv[3:] == ("sh", "--user", "--", "csr_azure_ha==3.1.0")
    assert "pip install" in jobs[0].argv[2]
    assert "curl" in jobs[1].argv[2]


def test_a_scripts_url_and_arguments_are_on_no_command_line_and_not_shown() -> None:
    (job,) = parse_jobs(
        document([], [{"url": f"https://example.org/x?{TOKEN}", "arguments": ["--key", TOKEN]}])
    )
    step = step_of(job, ["--config", "/etc/limpet.toml"])
    assert TOKEN not in " ".join(step.argv)
    assert TOKEN not in repr(job)
    assert TOKEN not in step.describe()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"packages": 1, "scripts": 2}', b'{"packages": [1], "scripts": []}']
)
def test_a_document_that_cannot_be_read_says_so(content: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse_jobs(content)


@given(st.lists(st.text("abc $`\\\"'();|&<>*?~#!-=%", max_size=20), max_size=4))
def test_the_arguments_reach_the_script_as_words_whatever_is_in_them(arguments: list[str]) -> None:
    (job,) = parse_jobs(document([], [{"url": "https://example.org/x", "arguments": arguments}]))
    words = job.given.reveal().decode().splitlines()[1]
    shown = subprocess.run(
        ["sh", "-c", 'read -r url; read -r arguments || true; eval "set -- $arguments"; printf "%s\\0" "$@"'],
        input=b"url\n" + words.encode() + b"\n",
        capture_output=True,
        check=True,
        cwd="/",
    ).stdout
    assert shown.decode().split("\0")[:-1] == (arguments or [""])
    assert not Path("/injected").exists()


def test_arguments_that_are_no_words_are_refused() -> None:
    with pytest.raises(MalformedDocument):
        parse_jobs(document([], [{"url": "https://example.org/x", "arguments": "-a 1"}]))
    with pytest.raises(MalformedDocument):
        parse_jobs(document([], [{"url": "https://example.org/x", "arguments": ["a\nb"]}]))


CURL = """\
#!/bin/sh
# What the fabric's storage would give.
cat >/dev/null
while [ "$1" != --output ]; do shift; done
cat "$SCRIPT" >"$2"
"""


@pytest.mark.parametrize(
    ("address", "script"),
    [
        ("https://example.com/setup.sh?sig=a", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n"),
        ("https://example.com/setup.py?sig=a", "import sys\nprint(*sys.argv[1:], sep='\\n')\n"),
        ("https://example.com/setup", "printf '%s\\n' \"$@\"\n"),
    ],
)
def test_what_custom_data_asks_is_run_as_it_was_written(address: str, script: str, tmp_path: Path) -> None:
    (tmp_path / "curl").write_text(CURL)
    (tmp_path / "curl").chmod(0o755)
    (tmp_path / "script").write_text(script)
    text = f"Section: Scripts\n{address} --id 'two words' last\n".encode()
    (job,) = parse_jobs(guest_jobs(day_zero(environment(custom=text))).reveal())
    done = subprocess.run(
        job.argv,
        input=job.given.reveal(),
        capture_output=True,
        check=False,
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "SCRIPT": str(tmp_path / "script"),
            "TMPDIR": str(tmp_path),
        },
    )
    assert (done.returncode, done.stdout) == (0, b"--id\ntwo words\nlast\n"), done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["curl", "script"]


def test_every_package_and_script_that_custom_data_may_name_is_done() -> None:
    text = "Section: Scripts\n" + "https://example.com/x\n" * 200
    assert len(parse_jobs(guest_jobs(day_zero(environment(custom=text.encode()))).reveal())) == 200
