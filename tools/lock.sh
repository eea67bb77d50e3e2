#!/usr/bin/env bash
# Writes requirements.lock anew: the newest versions that pyproject.toml allows.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

python3 -m venv "$scratch/venv"
pip=("$scratch/venv/bin/python" -m pip --disable-pip-version-check --no-input)
"${pip[@]}" install --quiet '.[dev]' hatchling editables
{
    echo "# The exact versions that \`make setup\` installs: everything pyproject.toml asks for, and what builds the package."
    echo "# Written by tools/lock.sh; do not edit."
    "${pip[@]}" freeze --exclude limpet
} >"$scratch/lock"
mv "$scratch/lock" requirements.lock
echo "requirements.lock has $(grep -c == requirements.lock) packages"
