#!/usr/bin/env python3
"""Runs a command in front of a Talon of its own: with_world.py COMMAND…

The command finds in its environment TALON_TEST_URL (http://127.0.0.1:PORT/v1), TALON_TEST_KEY (acme's),
TALON_TEST_CAPPED_KEY (its daily cap is 0) and TALON_TEST_SIMULATOR (127.0.0.1:PORT of the provider simulator, which obeys
the header X-Sim). Its exit status is this script's; when it fails, the end of Talon's log is printed.
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, CALLERS, World  # noqa: E402

CAPPED = "talon-gw-capped-key"


def main():
    capped = {"name": "capped", "tenant_key": CAPPED, "tenant_id": "capped", "policy_overrides": {"max_daily_cost": 0.0}}
    with World(callers=(*CALLERS, capped)) as world:
        environment = {**os.environ, "TALON_TEST_URL": f"http://{world.address}/v1", "TALON_TEST_KEY": ACME,
                       "TALON_TEST_CAPPED_KEY": CAPPED, "TALON_TEST_SIMULATOR": world.simulator.address}
        status = subprocess.run(sys.argv[1:], env=environment, timeout=240).returncode
        if status != 0:
            print(f"--- the client's status is {status}; the end of Talon's log", world.log_tail(), sep="\n", file=sys.stderr)
            return 1
        records = world.calls()
        if not records:
            print("the client left no record in acme's log", file=sys.stderr)
            return 1
        world.stop()
        world.verify()
        print(f"{len(records)} calls of acme are in a vault that verifies")
    return 0


if __name__ == "__main__":
    sys.exit(main())
