#!/usr/bin/env bash
# Builds a virtual environment afresh: tools/venv.sh FOLDER REQUIREMENTS
#
# Takes the system's Python where Bytewax has wheels for it (3.11, 3.12) and it can make
# environments; otherwise uv finds one, or brings a 3.12 into .tools/. REPLYWATCH_PYTHON names
# another interpreter to try first. Everything is installed by hash.
set -euo pipefail
folder=$(realpath -m "$1")
requirements=$(realpath "$2")
cd "$(dirname "$0")/.."
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV

fits='import sys, venv, ensurepip
sys.exit(sys.implementation.name != "cpython" or not (3, 11) <= sys.version_info[:2] < (3, 13))'

rm -rf "$folder"
for python in ${REPLYWATCH_PYTHON:+"$REPLYWATCH_PYTHON"} python3.12 python3.11 python3; do
    "$python" -c "$fits" >/dev/null 2>&1 || continue
    "$python" -m venv "$folder"
    break
done

if [ ! -x "$folder/bin/python" ]; then
    uv=$(bash tools/uv.sh)
    export UV_PYTHON_INSTALL_DIR="$PWD/.tools/python"
    # uv does not read pip's own setting of a mirror.
    if [ -n "${PIP_INDEX_URL:-}" ]; then
        export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"
    fi
    python=$("$uv" python find --no-project --no-python-downloads 3.12 2>/dev/null ||
        "$uv" python find --no-project --no-python-downloads 3.11 2>/dev/null || true)
    if [ -z "$python" ]; then
        echo "setup: no Python 3.11 or 3.12 that can make environments here; uv brings 3.12" >&2
        if ! "$uv" python install --no-bin 3.12; then
            echo "setup: uv could not bring Python 3.12 (see above); install Python 3.11 or 3.12" \
                "with its venv module, or let this machine reach uv's downloads" >&2
            exit 1
        fi
        python=3.12
    fi
    "$uv" venv -q --no-project --no-python-downloads --python "$python" "$folder"
    "$uv" pip install -q --python "$folder/bin/python" --require-hashes -r requirements/pip.txt
fi

"$folder/bin/python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: -r "$requirements"
