#!/bin/bash
# clang-format over every source of the tree. "tests/checks/format.sh --fix" rewrites them.
set -euo pipefail
# shellcheck source=tests/checks/lib.sh
. "$(dirname "$0")/lib.sh"
need clang-format-19 clang-format-19
mode=(--dry-run -Werror)
if [ "${1-}" = --fix ]; then mode=(-i); fi
tree_files '*.cpp' '*.h' | xargs -r clang-format-19 --style=file "${mode[@]}"
