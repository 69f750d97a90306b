#!/usr/bin/env bash
# Brings .venv up to date with the checkout; at once when nothing changed.
#
# Two stamps: changed pins (or a moved checkout) rebuild the environment, a changed pyproject.toml
# or list of package files installs the project again. The install is a strict editable one: a tree
# of links under build/, which a new file joins only by that second install.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .tools
if command -v flock >/dev/null 2>&1; then
    exec 9>.tools/setup.lock
    flock 9
fi

digest() { cksum | tr -d ' '; }
pins=$({ pwd && cat tools/venv.sh requirements/dev.txt; } | digest)
mapfile -t folders < <(sed -n 's/^"replywatch\.[a-z_.]*" = "\(.*\)"$/\1/p' pyproject.toml)
files=$({ cat pyproject.toml tools/setup.sh && find "${folders[@]}" -type f ! -name '*.pyc' |
    LC_ALL=C sort -u; } | digest)

if [ "$(cat .venv/pins 2>/dev/null)" != "$pins" ] || ! .venv/bin/python -c '' 2>/dev/null; then
    echo "setup: building .venv (a minute or so, once)" >&2
    bash tools/venv.sh .venv requirements/dev.txt 9>&-
    echo "$pins" >.venv/pins
fi
if [ "$(cat .venv/files 2>/dev/null)" != "$files" ] ||
    ! compgen -G 'build/__editable__*' >/dev/null; then
    rm -rf build ./*.egg-info
    .venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation \
        --config-settings editable_mode=strict --editable . >.tools/install.log 2>&1 9>&- ||
        { cat .tools/install.log >&2; exit 1; }
    echo "$files" >.venv/files
fi
