#!/usr/bin/env bash
# Installs the Debian packages of a list that are missing, and says which and why.
# usage: tools/apt.sh LIST [PACKAGE-TO-LEAVE-OUT ...]
set -euo pipefail

list=$1
shift
left_out=" $* "

if ! command -v dpkg-query >/dev/null; then
    echo "$list: this is not a Debian system; these are needed from your own package manager:" >&2
    grep -v '^#' "$list" >&2
    exit 0
fi

missing=()
while read -r package why; do
    case $package in '' | '#'*) continue ;; esac
    case $left_out in *" $package "*) continue ;; esac
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
        missing+=("$package")
        echo "apt: $package is missing ($why)"
    fi
done <"$list"
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "Not root, so they cannot be installed here. Run as root: apt-get install ${missing[*]}" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes
# A machine that has just started may be updating itself, and a mirror may be out of breath.
apt=(apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5)
install=("${apt[@]}" install -y --no-install-recommends -o Dpkg::Use-Pty=0)
echo "apt: installing ${missing[*]}"
"${apt[@]}" update
"${install[@]}" "${missing[@]}" >/dev/null && exit 0

# One that cannot be had here keeps nobody from the others.
code=0
for package in "${missing[@]}"; do
    "${install[@]}" "$package" >/dev/null || code=1
done
exit $code
