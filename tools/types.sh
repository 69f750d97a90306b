#!/usr/bin/env bash
# Type-checks the packages by their installed names, in the tree of links the editable install
# made: checked by folder they would be `metrics` and `sql`, and miss each other.
set -euo pipefail
cd "$(dirname "$0")/.."
tree=$(echo build/__editable__.replywatch-*)
MYPYPATH="$tree:tests" .venv/bin/mypy --no-error-summary "$tree/replywatch" tests |
    sed "s#^$tree/replywatch/##"
