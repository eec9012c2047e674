"""examples/saas/onboard, run as an operator would, against a real gateway."""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_simulator import TREE  # noqa: E402
from talon_world import ADMIN, WorldCase  # noqa: E402


class Onboarding(WorldCase):
    def onboard(self, world, *arguments, expect=0):
        admin = world.folder / "admin.key"
        environment = {**os.environ, "TALON_URL": f"http://{world.address}", "TALON_ADMIN_KEY_FILE": str(admin)}
        done = subprocess.run([str(TREE / "examples" / "saas" / "onboard"), *arguments], env=environment, capture_output=True,
                              text=True, timeout=120)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        self.assertNotIn(ADMIN, done.stdout + done.stderr)
        return done

    def test_a_customer_with_its_own_provider_key_is_on_board_with_one_command(self):
        world = self.world()
        key_file = world.folder / "acme-openai.key"
        key_file.write_text("sk-acme-own-openai-key-0123456789\n")
        arguments = ("--name", "Acme Corp", "--email", "admin@acme.example", "--tier", "growth", "--provider-key-file", str(key_file))
        out = self.onboard(world, *arguments).stdout
        tenant = re.search(r"^tenant +(tenant_[0-9a-z]{26})$", out, re.M)[1]
        key = re.search(r"^API key +(sk-[A-Za-z0-9_-]{43}) ", out, re.M)[1]
        evidence = re.search(r"^first call (ev_[0-9A-Z]{26})$", out, re.M)[1]
        self.assertRegex(out, r"(?m)^admin key +sk-")
        calls = [one for one in world.simulator.requests() if one.target.endswith("/chat/completions")]
        self.assertEqual(calls[-1].header("authorization"), "Bearer sk-acme-own-openai-key-0123456789")
        self.assertEqual(world.chat(key=key).status, 200)
        self.assertIn(evidence, [record["id"] for record in world.calls(tenant)])
        # Again, as after a failure: no second account.
        again = self.onboard(world, *arguments).stdout
        self.assertEqual(re.search(r"^tenant +(\S+)$", again, re.M)[1], tenant)
        self.assertRegex(again, r"(?m)^API key +was shown by an earlier run ")
        self.assertNotRegex(again, r"(?m)^admin key|sk-[A-Za-z0-9_-]{43}")
        keys = world.fetch("GET", f"/v1/tenants/{tenant}/api-keys", key=ADMIN).json()["api_keys"]
        self.assertEqual(sorted(one["name"] for one in keys), ["Production", "default"])

    def test_a_tier_with_one_key_gives_that_one(self):
        world = self.world()
        out = self.onboard(world, "--name", "Small", "--tier", "trial").stdout
        key = re.search(r"^API key +(sk-[A-Za-z0-9_-]{43}) ", out, re.M)[1]
        self.assertEqual(world.chat(key=key).status, 200)

    def test_keys_are_shown_also_when_the_first_call_fails_and_it_can_be_run_again(self):
        world = self.world()
        arguments = ("--name", "Small", "--tier", "trial", "--provider", "anthropic", "--provider-key-file", str(world.folder / "own.key"))
        (world.folder / "own.key").write_text("sk-ant-0123456789\n")
        out = self.onboard(world, *arguments, expect=1).stdout
        self.assertRegex(out, r"(?m)^API key +sk-[A-Za-z0-9_-]{43} ")
        self.assertRegex(self.onboard(world, *arguments).stdout, r"(?m)^API key +was shown by an earlier run ")

    def test_what_is_wrong_with_the_question_is_said_before_anything_is_made(self):
        world = self.world()
        self.onboard(world, "--name", "Acme", "--expires-in-days", "abc", expect=2)
        self.onboard(world, "--name", "Acme", "--provider-key-file", "/nonexistent", expect=2)
        self.assertEqual(world.fetch("GET", "/v1/admin/tenants?q=Acme", key=ADMIN).json()["tenants"], [])

    def test_a_refusal_is_said_and_nothing_is_made(self):
        world = self.world()
        done = self.onboard(world, "--name", "Acme", "--tier", "platinum", expect=1)
        self.assertIn("invalid_request", done.stderr)
        self.assertEqual(world.fetch("GET", "/v1/admin/tenants?q=Acme", key=ADMIN).json()["tenants"], [])


if __name__ == "__main__":
    unittest.main()
