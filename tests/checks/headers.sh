#!/bin/bash
# ctest: timeout=900
# Each public header compiles on its own: CMake writes a source for each (the target all_verify_interface_header_sets
# compiles them), and here they are only looked through, which takes half the time and says the same.
set -euo pipefail
build=${TALON_BUILD_DIR:?a configured build tree}

python3 -B - "$build" <<'PYTHON'
import concurrent.futures
import json
import os
import re
import subprocess
import sys

with open(os.path.join(sys.argv[1], "compile_commands.json"), encoding="utf-8") as file:
    commands = [one for one in json.load(file) if "_verify_interface_header_sets/" in one["file"]]
if not commands:
    sys.exit(f"{sys.argv[1]}: no header sets in compile_commands.json")


def look(one):
    command = re.sub(r" -O2 | -o \S+ ", " ", one["command"].replace(" -c ", " -fsyntax-only "))
    done = subprocess.run(command, shell=True, cwd=one["directory"], capture_output=True, text=True)
    return done.returncode == 0, done.stderr


with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    results = list(pool.map(look, commands))
for good, said in results:
    if not good:
        print(said, file=sys.stderr)
print(f"{sum(good for good, _ in results)} of {len(results)} headers compile on their own")
sys.exit(0 if all(good for good, _ in results) else 1)
PYTHON
