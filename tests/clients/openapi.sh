#!/bin/bash
# openapi.json against an off-the-shelf validator, unmodified and pinned by hash. Where PyPI does not answer, or on another
# machine than the lock is for, this says so and passes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(uname -m)" != x86_64 ] || ! python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    echo "clients/openapi: NOT RUN, the lock is for Python 3.11 on x86-64"
    exit 0
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/talon-openapi-XXXXXX")
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
if ! "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 --only-binary :all: \
    --require-hashes -r "$here/openapi/requirements.txt" >"$folder/pip.log" 2>&1; then
    cat "$folder/pip.log" >&2
    # A hash that does not match, or a wheel that does not fit, is a failure; only silence of the registry is not.
    if grep -qiE 'hash|MISMATCH|not a supported wheel|No matching distribution.*from versions: [^n]' "$folder/pip.log"; then exit 1; fi
    echo "clients/openapi: NOT RUN, PyPI does not answer"
    exit 0
fi
"$folder/venv/bin/python" -B - "$here/../../openapi.json" <<'PYTHON'
import json
import sys

import openapi_spec_validator

with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
openapi_spec_validator.validate(document)
del document["paths"]["/v1/costs"]["get"]["responses"]  # it must be able to fail
document["paths"]["/v1/costs"]["get"]["parameters"][0].pop("in")
try:
    openapi_spec_validator.validate(document)
except Exception as error:  # noqa: BLE001
    print(f"openapi.json is valid; a broken one is not: {type(error).__name__}")
else:
    sys.exit("the validator takes anything")
PYTHON
