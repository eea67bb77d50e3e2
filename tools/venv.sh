#!/usr/bin/env bash
# Makes .venv with the locked packages and this tree's `limpet`, and touches .venv/.complete when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# The first interpreter that is new enough and can make a virtual environment.
usable_python() {
    local candidate
    for candidate in python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if python=$(usable_python); then
    tools/apt.sh tools/packages-setup.txt python3 python3-venv
else
    tools/apt.sh tools/packages-setup.txt
    python=$(usable_python) || {
        echo "There is no Python of version 3.11 or later that can make a virtual environment (module venv)." >&2
        exit 1
    }
fi

count=$(grep -c == requirements.lock)
echo "setup: $("$python" --version), .venv with the $count packages of requirements.lock"
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    "$python" -m venv .venv
fi
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet --progress-bar off)
"${pip[@]}" -r requirements.lock
"${pip[@]}" --no-deps --no-build-isolation --editable .
touch .venv/.complete
echo "setup: done; the command is .venv/bin/limpet"
