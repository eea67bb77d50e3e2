"""Day-0 jobs of the guest shell: in order, nothing secret on a command line, nothing that the shell would obey."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.appliance.guest.jobs import parse_jobs, step_of
from limpet.model.errors import MalformedDocument

TOKEN = "sig=a-token-of-storage"


def document(packages: list[dict[str, object]], scripts: list[dict[str, str]]) -> bytes:
    return json.dumps({"version": 1, "packages": packages, "scripts": scripts}).encode()


def test_packages_come_before_scripts() -> None:
    jobs = parse_jobs(
        document(
            [{"name": "csr_azure_ha", "version": "3.1.0", "user": True}],
            [{"url": "https://example.org/x.py", "arguments": "-a 1"}],
        )
    )
    assert [job.argv[:4] for job in jobs] == [
        ("python3", "-m", "pip", "install"),
        ("sh", "-c", jobs[1].argv[2]),
    ]
    assert jobs[0].argv[-1] == "csr_azure_ha==3.1.0"


def test_a_scripts_url_and_arguments_are_on_no_command_line_and_not_shown() -> None:
    (job,) = parse_jobs(
        document([], [{"url": f"https://example.org/x?{TOKEN}", "arguments": f"--key {TOKEN}"}])
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


@given(st.text("abc $`\\\"'();|&<>*?~#!-=%", max_size=40))
def test_the_arguments_reach_the_script_as_words_whatever_is_in_them(arguments: str) -> None:
    try:
        (job,) = parse_jobs(document([], [{"url": "https://example.org/x", "arguments": arguments}]))
    except MalformedDocument:
        return  # quotes that do not close
    words = job.given.reveal().decode().splitlines()[1]
    shown = subprocess.run(
        ["sh", "-c", 'read -r url; read -r arguments || true; eval "set -- $arguments"; printf "%s\\0" "$@"'],
        input=b"url\n" + words.encode() + b"\n",
        capture_output=True,
        check=True,
        cwd="/",
    ).stdout
    wanted = shlex.split(arguments)
    assert shown.decode().split("\0")[:-1] == (wanted or [""])
    assert not Path("/injected").exists()
