"""A kept connection whose path has gone: nothing is refused and nothing arrives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """
import json, subprocess, time
from limpet.host.http import PlainHttp
from limpet.model.errors import FabricUnreachable
from limpet.wire.http import Request
from tests.host.servers import answering, serving

RULES = '''
table ip lost {
    set ports { type inet_service; }
    chain out { type filter hook output priority 0; tcp sport @ports drop; }
}'''
subprocess.run(["nft", "-f", "-"], input=RULES, text=True, check=True)
told = []
with serving(answering(b"x")) as server:
    for method in ("GET", "POST"):
        http = PlainHttp(user_agent="limpet/test")
        request = Request(method=method, url=server.url(), timeout=30)
        http.exchange(request)
        (kept,) = http._idle[("127.0.0.1", server.port)]
        rule = f"add element ip lost ports {{ {kept.getsockname()[1]} }}"
        subprocess.run(["nft", *rule.split()], check=True)
        try:
            told.append(http.exchange(request).status)
        except FabricUnreachable as error:
            told.append(str(error).partition(": ")[2])
        http.close()
print(json.dumps([told, server.connections]))
"""


@pytest.mark.system
@pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("nft", "unshare"))), reason="needs root, unshare and nft"
)
def test_what_changes_nothing_is_asked_again_on_a_new_path_and_the_rest_is_told_soon() -> None:
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "-", sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        timeout=250,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
    )
    assert json.loads(done.stdout) == [[200, "Connection timed out"], 3]
