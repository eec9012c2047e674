#!/bin/bash
# The official openai Node SDK, unmodified and pinned, against a real Talon. Needs npm and its registry: without them this
# fails, loudly (tests/run --offline leaves it out).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/talon-node-XXXXXX")
trap 'rm -rf "$folder"' EXIT

cp "$here"/node/package.json "$here"/node/package-lock.json "$here"/node/*.mjs "$folder"
cd "$folder"
if ! npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1; then
    cat npm.log >&2
    echo "clients/node: the openai SDK could not be fetched: npm or its registry does not answer" >&2
    exit 1
fi
python3 -B "$here/with_world.py" node "$folder/client.mjs"
