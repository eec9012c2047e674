#!/usr/bin/env python3
"""Runs a command in front of a Talon of its own: with_world.py COMMAND…

The command finds in its environment TALON_TEST_URL (http://127.0.0.1:PORT/v1), TALON_TEST_KEY (acme's),
TALON_TEST_CAPPED_KEY (its daily cap is 0), TALON_TEST_SIMULATOR (127.0.0.1:PORT of the provider simulator, which obeys
the header X-Sim), TALON_TEST_ADMIN_KEY, and TALON_TEST_ACCOUNTS: {kind: {"tenant_id", "key"}} as JSON, accounts that
POST /v1/admin/tenants made: one on the operator's provider key, one on its own, and that one's scoped virtual key. Every
key but an admin's has a daily cap of $1,000; a tenant of the tier "small" has two calls a month, one of "slow" one a second.
Its exit status is this script's; when it fails, the end of Talon's log is printed. Afterwards every call must have gone out
with the key it was to go out with: a prompt says of which kind it is, "Hello from KIND".
"""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, CALLERS, PROVIDER_KEY, World  # noqa: E402

CAPPED = "talon-gw-capped-key"
BROUGHT = "sk-brought-by-the-customer-0123456789"
TIER = {"requests_per_month": 100, "requests_per_second": 100, "max_providers": 1, "max_api_keys": 1}
TIERS = {"small": {**TIER, "rank": 1, "requests_per_month": 2}, "slow": {**TIER, "rank": 2, "requests_per_second": 1}}
SENT_WITH = {"operator": PROVIDER_KEY, "byok": BROUGHT, "scoped": BROUGHT}


def admin(world, target, body):
    response = world.fetch("POST", target, body, key=ADMIN)
    if response.status not in (200, 201):
        raise AssertionError(f"{target}: {response}")
    return response.json()


def make_accounts(world):
    accounts = {}
    for kind, whose in (("operator", "operator"), ("byok", "own")):
        made = admin(world, "/v1/admin/tenants", {"name": kind, "tier": "scale", "provider_keys": whose})
        accounts[kind] = {"tenant_id": made["tenant_id"], "key": made["api_keys"][0]["key"]}
    tenant = accounts["byok"]["tenant_id"]
    admin(world, f"/v1/tenants/{tenant}/providers/openai/keys", {"api_key": BROUGHT})
    accounts["scoped"] = {"tenant_id": tenant, "key": admin(world, "/api/virtual_keys", {"name": "lent", "tenant_id": tenant})["plaintext"]}
    return accounts


def check_calls(world, accounts):
    """How many calls of acme and of the accounts there are; whose key each went out with."""
    calls = {tenant: len(world.calls(tenant)) for tenant in {"acme", *(account["tenant_id"] for account in accounts.values())}}
    if not calls["acme"]:
        raise AssertionError("the client left no record in acme's log")
    for one in world.simulator.requests():
        kind = next((kind for kind in SENT_WITH if f"Hello from {kind}".encode() in one.body), None)
        if kind and one.header("authorization") != f"Bearer {SENT_WITH[kind]}":
            raise AssertionError(f"a call of kind {kind} went out with another key")
    return sum(calls.values())


def main():
    capped = {"name": "capped", "tenant_key": CAPPED, "tenant_id": "capped", "policy_overrides": {"max_daily_cost": 0.0}}
    with World({"tiers": TIERS, "gateway": {"defaults": {"max_daily_cost": 1000.0}}}, callers=(*CALLERS, capped)) as world:
        accounts = make_accounts(world)
        environment = {**os.environ, "TALON_TEST_URL": f"http://{world.address}/v1", "TALON_TEST_KEY": ACME,
                       "TALON_TEST_CAPPED_KEY": CAPPED, "TALON_TEST_SIMULATOR": world.simulator.address,
                       "TALON_TEST_ADMIN_KEY": ADMIN, "TALON_TEST_ACCOUNTS": json.dumps(accounts)}
        status = subprocess.run(sys.argv[1:], env=environment, timeout=240).returncode
        if status != 0:
            print(f"--- the client's status is {status}; the end of Talon's log", world.log_tail(), sep="\n", file=sys.stderr)
            return 1
        count = check_calls(world, accounts)
        world.stop()
        world.verify()
        print(f"{count} calls of acme and the accounts are in a vault that verifies")
    return 0


if __name__ == "__main__":
    sys.exit(main())
