#!/bin/bash
# ctest: timeout=1500
# clang-tidy over the sources that changed against the merge base with origin/main (on main itself: in the last commit),
# uncommitted changes included. A changed header stands for the source beside it. --all takes every source of the rooms.
# --deep adds the static analyser (three times as slow). $TALON_BASE names another commit to compare with;
# $TALON_BUILD_DIR is a configured tree.
set -euo pipefail
# shellcheck source=tests/checks/lib.sh
. "$(dirname "$0")/lib.sh"
need clang-tidy-19 clang-tidy-19
build=${TALON_BUILD_DIR:-build/release}
[ -f "$build/compile_commands.json" ] || { echo "$build: not a build tree; set TALON_BUILD_DIR" >&2; exit 3; }
all=no
checks=(--checks=-clang-analyzer-*)
for argument in "$@"; do
    case $argument in
        --all) all=yes ;;
        --deep) checks=() ;;
        *) echo "usage: tidy.sh [--all] [--deep]" >&2; exit 2 ;;
    esac
done

changed() {
    local base=${TALON_BASE-}
    if [ $all = yes ] || ! git rev-parse HEAD >/dev/null 2>&1; then tree_files '*.cpp'; return; fi
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

mapfile -t files < <(changed | sed 's/\.h$/.cpp/' | sort -u | grep -E '^(core|vault|gateway|cli)/' || true)
present=()
for file in "${files[@]}"; do if [ -f "$file" ]; then present+=("$file"); fi; done
echo "${#present[@]} sources to look at"
if [ ${#present[@]} -eq 0 ]; then exit 0; fi

# Without the precompiled header: clang-tidy would look through all of it for every source.
commands=$(mktemp -d)
trap 'rm -rf "$commands"' EXIT
sed -E 's/ -Xclang -include(-pch)? -Xclang [^ ]+//g; s/ -Winvalid-pch| -Xclang -fno-pch-timestamp//g' \
    "$build/compile_commands.json" >"$commands/compile_commands.json"
if printf '%s\0' "${present[@]}" |
    xargs -0 -n1 -P"$(nproc)" clang-tidy-19 --quiet "${checks[@]}" -p "$commands" >"$commands/report" 2>/dev/null; then
    exit 0
fi
awk '!seen[$0]++' "$commands/report" # a finding in a header comes once for each source
exit 1
