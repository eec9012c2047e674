#!/bin/bash
# Runs shellcheck over every shell script of the tree, found by name or by first line.
set -euo pipefail
# shellcheck source=tests/checks/lib.sh
. "$(dirname "$0")/lib.sh"
need shellcheck shellcheck

# The check can fail: an unquoted variable is found.
# shellcheck disable=SC2016
if printf '#!/bin/sh\nrm $1\n' | shellcheck - >/dev/null; then echo "shellcheck finds nothing" >&2; exit 3; fi

mapfile -t scripts < <(tree_files '*' | while IFS= read -r file; do
    case $file in
        *.sh | *.bash) echo "$file" ;;
        *.*) ;;
        *) if head -c 64 "$file" | head -n 1 | tr -d '\0' | grep -qE '^#!.*\b(ba|da)?sh\b'; then echo "$file"; fi ;;
    esac
done)
echo "${#scripts[@]} scripts"
shellcheck --external-sources "${scripts[@]}"
