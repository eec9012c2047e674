"""Nobody's requests stand in another's way: session creates and reads in masses, beside the operator's changes and other
tenants' calls."""

import json
import multiprocessing
import statistics
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_http import PATIENCE, Connection  # noqa: E402
from talon_world import ACME, ADMIN, GLOBEX, WorldCase, chat_body, request  # noqa: E402

STATIC = "key-of-the-operators-own-services"
SESSIONS = 300


def post_in_masses(address, data, connections, over):
    """Sends `data` on many connections, each again when it was answered."""
    together = [Connection(address) for _ in range(connections)]
    while not over.is_set():
        for one in together:
            one.send(data)
        for place, one in enumerate(together):
            if one.read_response().header("connection") == "close":
                one.close()
                together[place] = Connection(address)
    for one in together:
        one.close()


class Masses:
    """Runs post_in_masses() in a process of its own, so that this one's clock is not held up by it."""

    def __init__(self, address, data, connections):
        context = multiprocessing.get_context("fork")
        self.over = context.Event()
        self.process = context.Process(target=post_in_masses, args=(address, data, connections, self.over), daemon=True)
        self.process.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.process.join(30)
        if self.process.is_alive():
            self.process.kill()


class Queues(WorldCase):
    def suspended_meanwhile(self, world, key, body):
        """How long ten suspensions took while others POST /v1/sessions; and that those were answered at all."""
        tenant = world.fetch("POST", "/v1/admin/tenants", {"name": "Customer", "tier": "growth"}, key=ADMIN).json()["tenant_id"]
        data = request("POST", "/v1/sessions", body, key=key)
        took = []
        with Masses(world.address, data, 64) as masses, world.connect() as operator:
            for turn in range(10):
                what = "resume" if turn % 2 else "suspend"
                began = time.monotonic()
                answer = operator.exchange(request("POST", f"/v1/admin/tenants/{tenant}/{what}", {}, key=ADMIN))
                took.append(time.monotonic() - began)
                self.assertEqual(answer.status, 200, answer)
            self.assertTrue(masses.process.is_alive())
        return took

    def test_a_suspension_is_answered_at_once_while_a_key_sends_long_bodies(self):
        world = self.world({"auth": {"api_keys": [{"name": "ops", "key": STATIC}]}})
        wide = json.dumps({f"k{number}": 1 for number in range(3990)}).encode()
        for key in (ACME, STATIC):
            self.assertEqual(world.fetch("POST", "/v1/sessions", wide, key=key).status, 400)
            self.assertLess(statistics.median(self.suspended_meanwhile(world, key, wide)), 3 * PATIENCE)

    def test_a_suspension_is_answered_at_once_while_sessions_are_opened_in_masses(self):
        world = self.world()
        self.assertLess(statistics.median(self.suspended_meanwhile(world, ACME, {})), 3 * PATIENCE)

    def test_a_key_without_a_right_to_the_route_is_refused_before_its_body_is_read(self):
        world = self.world({"auth": {"api_keys": [{"name": "ops", "key": STATIC}]}})
        for target in ("/v1/admin/tenants", "/v1/tenants/acme/api-keys", "/v1/admin/tenants/acme/suspend"):
            head = request("POST", target, None, key=STATIC, headers=[("Content-Length", "30000")], length=False)
            with self.subTest(target), world.connect() as connection:
                answer = connection.exchange(head)  # not a byte of the body
                self.assertEqual((answer.status, answer.code), (403, "wrong_key_kind"), answer)

    def test_a_tenant_that_reads_in_masses_does_not_hold_up_anothers_first_call(self):
        world = self.world(durability="batched")
        with world.connect() as connection:
            for number in range(SESSIONS):
                opened = connection.exchange(request("POST", "/v1/sessions", {"session_id": f"s{number}"}, key=ACME))
                self.assertEqual(opened.status, 201, opened)
        page = request("GET", "/v1/sessions?limit=1000", None, key=ACME)
        with Masses(world.address, page, 20), world.connect() as reader, world.connect() as caller:
            reads, calls = [], []
            for number in range(10):
                began = time.monotonic()
                self.assertEqual(reader.exchange(page).status, 200)
                reads.append(time.monotonic() - began)
                data = request("POST", "/v1/chat/completions", chat_body(), key=GLOBEX,
                               headers=[("X-Talon-Session-Id", f"first-{number}")])
                began = time.monotonic()
                self.assertEqual(caller.exchange(data).status, 200)
                calls.append(time.monotonic() - began)
        # A read waits for those before it; a call of another tenant does not.
        self.assertLess(statistics.median(calls), statistics.median(reads) / 2)


if __name__ == "__main__":
    unittest.main()
