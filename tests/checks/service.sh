#!/bin/bash
# The systemd unit: understood without complaint, and confined to an exposure of 2.0 or less.
set -euo pipefail
# shellcheck source=tests/checks/lib.sh
. "$(dirname "$0")/lib.sh"
need systemd-analyze systemd
systemd-analyze security --offline=true --threshold=20 --no-pager packaging/talon.service | tail -n 1

# Verified with a program that exists; talon itself need not be installed here.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed 's|^ExecStart=/usr/bin/talon.*|ExecStart=/bin/true|' packaging/talon.service >"$folder/talon.service"
complaints=$(systemd-analyze verify --man=no "$folder/talon.service" 2>&1 | grep -F "$folder" || true)
if [ -n "$complaints" ]; then printf '%s\n' "$complaints" >&2; exit 1; fi

# A unit without confinement is refused, so the threshold is alive.
printf '[Service]\nExecStart=/bin/true\n' >"$folder/open.service"
if systemd-analyze security --offline=true --threshold=20 --no-pager "$folder/open.service" >/dev/null 2>&1; then
    echo "systemd-analyze accepts an unconfined unit" >&2; exit 3
fi
