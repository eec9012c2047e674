#!/bin/bash
# ctest: timeout=1500
# clang-tidy over the sources that changed against the merge base with origin/main (on main itself: in the last commit),
# uncommitted changes included. A changed header stands for the source beside it. --all takes every source of the rooms.
# $TALON_BASE names another commit to compare with; $TALON_BUILD_DIR is a configured and built tree.
set -euo pipefail
# shellcheck source=tests/checks/lib.sh
. "$(dirname "$0")/lib.sh"
need clang-tidy-19 clang-tidy-19
build=${TALON_BUILD_DIR:-build/release}
[ -f "$build/compile_commands.json" ] || { echo "$build: not a build tree; set TALON_BUILD_DIR" >&2; exit 3; }

changed() {
    local base=${TALON_BASE-}
    if [ "${1-}" = --all ] || ! git rev-parse HEAD >/dev/null 2>&1; then tree_files '*.cpp'; return; fi
    if [ -z "$base" ]; then
        base=$(git merge-base HEAD origin/main 2>/dev/null || true)
        if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
            base=$(git rev-parse --verify --quiet HEAD~1 || true)
        fi
    fi
    if [ -z "$base" ]; then tree_files '*.cpp' '*.h'; return; fi
    git diff --name-only --diff-filter=d "$base" -- '*.cpp' '*.h'
    git ls-files --others --exclude-standard -- '*.cpp' '*.h'
}

mapfile -t files < <(changed "$@" | sed 's/\.h$/.cpp/' | sort -u | grep -E '^(core|vault|gateway|cli)/' || true)
present=()
for file in "${files[@]}"; do if [ -f "$file" ]; then present+=("$file"); fi; done
echo "${#present[@]} sources to look at"
if [ ${#present[@]} -eq 0 ]; then exit 0; fi
printf '%s\0' "${present[@]}" | xargs -0 -n1 -P"$(nproc)" clang-tidy-19 --quiet -p "$build" --extra-arg=-Wno-unknown-warning-option
