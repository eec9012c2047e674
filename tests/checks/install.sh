#!/bin/bash
# cmake --install lays every file where Debian expects it, and no secret or build leftover among them.
set -euo pipefail
# shellcheck source=tests/checks/lib.sh
. "$(dirname "$0")/lib.sh"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR=$root cmake --install "${TALON_BUILD_DIR:?a built tree}" >/dev/null
missing=0
while IFS= read -r path; do
    if [ ! -e "$root$path" ]; then echo "not installed: $path" >&2; missing=1; fi
done <<'END'
/usr/bin/talon
/usr/share/man/man1/talon.1
/usr/share/man/man5/talon.yaml.5
/usr/share/man/man5/talon-bundle.5
/usr/share/man/man7/talon-evidence.7
/usr/share/man/man7/talon-api.7
/usr/share/bash-completion/completions/talon
/usr/share/zsh/vendor-completions/_talon
/usr/share/fish/vendor_completions.d/talon.fish
/usr/lib/systemd/system/talon.service
/usr/lib/sysusers.d/talon.conf
/usr/lib/tmpfiles.d/talon.conf
/etc/talon/talon.yaml
/usr/share/doc/talon/LICENSE
/usr/share/doc/talon/README.md
/usr/share/doc/talon/examples/systemd/credentials.conf
/usr/share/doc/talon/examples/auditor/verify.py
END
"$root/usr/bin/talon" --version
"$root/usr/bin/talon" config check --config "$root/etc/talon/talon.yaml"
if [ "$(id -u)" -eq 0 ]; then # the user and the folder, as a package's installation makes them
    need systemd-tmpfiles systemd
    mkdir -p "$root/var/lib"
    systemd-sysusers --root="$root" talon.conf 2>/dev/null
    systemd-tmpfiles --root="$root" --create talon.conf
    owner=$(sed -n 's/^talon:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd")
    found=$(stat -c '%a %u' "$root/var/lib/talon")
    if [ "$found" != "700 $owner" ]; then echo "/var/lib/talon: $found, not 700 talon" >&2; exit 1; fi
fi
if grep -rnEi '^[^#]*(_key|secret|password): *"?[a-z0-9_-]{8}' "$root/etc"; then
    echo "a packaged file holds a secret" >&2; exit 1
fi
exit "$missing"
