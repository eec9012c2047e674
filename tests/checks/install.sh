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
if grep -rnEi '^[^#]*(_key|secret|password): *"?[a-z0-9_-]{8}' "$root/etc"; then
    echo "a packaged file holds a secret" >&2; exit 1
fi
exit "$missing"
