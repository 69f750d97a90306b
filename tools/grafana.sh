#!/usr/bin/env bash
# Brings Grafana's own types and formatting for the tests of the boards, and prints the folder:
# node_modules, and shapes.json, the JSON schema of a board. Needs node and npm.
set -euo pipefail
cd "$(dirname "$0")/.."
source=tests/boards/node
stamp=$(cat "$source"/{package.json,package-lock.json,.npmrc,shapes.ts,tsconfig.json} tools/grafana.sh |
    cksum | tr -d ' ')
folder=.tools/grafana
mkdir -p .tools
if command -v flock >/dev/null 2>&1; then
    exec 8>.tools/grafana.lock
    flock 8
fi
if [ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ]; then
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$source"/{package.json,package-lock.json,.npmrc,shapes.ts,tsconfig.json} "$folder"
    (
        cd "$folder"
        npm ci --silent
        node_modules/.bin/ts-json-schema-generator --tsconfig tsconfig.json --path shapes.ts \
            --type Shapes --expose none --no-type-check --out shapes.json
    ) >"$folder/install.log" 2>&1 8>&- || { cat "$folder/install.log" >&2; exit 1; }
    echo "$stamp" >"$folder/stamp"
fi
echo "$PWD/$folder"
