# shellcheck shell=bash
# Sourced by the checks: go to the root of the tree, and list files of it (tracked or new, never ignored ones).
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 3

# tree_files PATTERN...: paths from the root, as git's pathspecs name them; find stands in outside a clone.
tree_files() {
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | while IFS= read -r file; do
            if [ -f "$file" ]; then printf '%s\n' "$file"; fi
        done
    else
        local pattern
        for pattern in "$@"; do
            find . -path ./build -prune -o -type f -name "${pattern##*/}" -print | sed 's|^\./||'
        done
    fi
}

need() { # need COMMAND PACKAGE: a check that cannot run is a failure, not a pass
    command -v "$1" >/dev/null || { echo "$1 is missing: apt install $2" >&2; exit 3; }
}
