#!/bin/bash
# ctest: timeout=900
# Each public header compiles on its own.
set -euo pipefail
cmake --build "${TALON_BUILD_DIR:?a configured build tree}" --target all_verify_interface_header_sets
