#!/bin/bash
# The official openai Python SDK, unmodified and pinned by hash, against a real Talon. Where PyPI does not answer this says
# so and passes: the Node SDK's test is the one that must run everywhere.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/talon-python-XXXXXX")
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
if ! "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 --only-binary :all: \
    --require-hashes -r "$here/python/requirements.txt" >"$folder/pip.log" 2>&1; then
    cat "$folder/pip.log" >&2
    # A hash that does not match, or a wheel that does not fit, is a failure; only silence of the registry is not.
    if grep -qiE 'hash|MISMATCH|not a supported wheel|No matching distribution.*from versions: [^n]' "$folder/pip.log"; then exit 1; fi
    echo "clients/python: NOT RUN, PyPI does not answer"
    exit 0
fi
python3 -B "$here/with_world.py" "$folder/venv/bin/python" -B "$here/python/client.py"
