#!/usr/bin/env bash
# Compiles requirements/*.txt: exact versions with hashes, one set for every platform and both Pythons.
# Versions already pinned stay; `tools/requirements.sh --upgrade` takes the newest that fit.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(bash tools/uv.sh)

compile() {
    local output=$1
    shift
    "$uv" pip compile -q --universal --generate-hashes --python-version 3.11 --no-config \
        --custom-compile-command "make requirements" --output-file "requirements/$output" "$@" >/dev/null
}
compile run.txt pyproject.toml "$@"
compile dev.txt pyproject.toml --group dev --constraint requirements/run.txt "$@"
compile uv.txt --no-annotate - "$@" <<<"uv"
compile pip.txt --no-annotate - "$@" <<<"pip"
