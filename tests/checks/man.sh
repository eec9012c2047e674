#!/bin/bash
# mandoc -T lint over the man pages: no warning, no error.
set -euo pipefail
# shellcheck source=tests/checks/lib.sh
. "$(dirname "$0")/lib.sh"
need mandoc mandoc
mapfile -t pages < <(tree_files 'man/*.[0-9]')
[ ${#pages[@]} -gt 0 ] || { echo "man/ has no pages" >&2; exit 1; }
echo "${#pages[@]} pages"
mandoc -T lint -W warning "${pages[@]}"
