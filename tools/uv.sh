#!/usr/bin/env bash
# Prints the path of uv: the one on PATH, else the pinned one in .tools/, installed there when absent.
set -euo pipefail
cd "$(dirname "$0")/.."

pinned="$PWD/.tools/uv/bin/uv"
if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
    command -v uv
    exit
fi
if [ ! -x "$pinned" ]; then
    rm -rf .tools/uv
    for python in python3 python3.13 python3.12 python3.11 python; do
        "$python" -m pip --version >/dev/null 2>&1 || continue
        "$python" -m pip install -q --disable-pip-version-check --root-user-action ignore \
            --target .tools/uv --require-hashes --only-binary :all: -r requirements/uv.txt >&2
        break
    done
fi
if [ ! -x "$pinned" ]; then
    echo "setup: found neither uv nor a Python with pip to install it; install one of them" \
        "(Debian: apt install python3-pip python3-venv)" >&2
    exit 1
fi
echo "$pinned"
