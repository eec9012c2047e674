"""TLS to providers: system roots, SNI and the host's name are checked (issue, section 4)."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_tls import Authority, TlsFront  # noqa: E402
from talon_world import Simulator, WorldCase  # noqa: E402


class ProviderTls(WorldCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="talon-tls-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.authority = Authority(self.folder / "authority")
        self.simulator = Simulator()
        self.addCleanup(self.simulator.stop)

    def front(self, alternative, days=2):
        front = TlsFront(self.simulator.address, *self.authority.issue("server", alternative, days))
        self.addCleanup(front.close)
        return front

    def world_at(self, front, host="localhost", trusted=None):
        """A Talon whose system roots are `trusted` (a file), by default the authority of these tests."""
        roots = trusted or self.authority.root
        return self.world(provider=f"https://{host}:{front.port}/v1", simulator=False,
                          environment={"SSL_CERT_FILE": str(roots), "SSL_CERT_DIR": str(self.folder / "none")})

    def assert_refused(self, world, allowed=((502, "provider_error"),)):
        for members in ({}, {"stream": True}):
            response = world.chat(**members)
            self.assertIn((response.status, response.code), allowed, response)
            self.assertEqual(world.call_of(response)["decision"]["outcome"], "failed")
            self.assertEqual(world.call_of(response).get("cost", {}).get("nano_usd", 0), 0)
        self.assertEqual(self.simulator.count(), 0, "no byte of a request left")

    def test_a_certificate_of_a_trusted_root_for_this_host_is_accepted(self):
        front = self.front("DNS:localhost")
        world = self.world_at(front)
        self.assertEqual(world.chat().status, 200)
        self.assertEqual(world.chat(stream=True).events()[-1], "[DONE]")
        self.assertEqual(front.names[0], "localhost")

    def test_a_tls_connection_is_kept_and_used_again(self):
        front = self.front("DNS:localhost")
        world = self.world_at(front)
        for _ in range(5):
            self.assertEqual(world.chat().status, 200)
        self.assertEqual(front.handshakes, 1)

    def test_a_large_answer_arrives_whole_through_tls(self):
        world = self.world_at(self.front("DNS:localhost"))
        response = world.chat(sim="huge=5;chunk=70000")
        self.assertEqual((response.status, response.complete), (200, True))
        self.assertEqual(len(response.json()["choices"][0]["message"]["content"]), 5 << 20)

    def test_an_unknown_root_is_refused(self):
        other = Authority(self.folder / "other", "another root")
        self.assert_refused(self.world_at(self.front("DNS:localhost"), trusted=other.root))

    def test_a_certificate_for_another_host_is_refused(self):
        self.assert_refused(self.world_at(self.front("DNS:other.test")))

    def test_an_expired_certificate_is_refused(self):
        self.assert_refused(self.world_at(self.front("DNS:localhost", days=-1)))

    def test_an_address_in_the_url_needs_an_address_in_the_certificate(self):
        self.assert_refused(self.world_at(self.front("DNS:127.0.0.1"), host="127.0.0.1"))
        self.assertEqual(self.world_at(self.front("IP:127.0.0.1"), host="127.0.0.1").chat().status, 200)

    def test_a_provider_that_speaks_no_tls_is_an_error_in_time(self):
        # The simulator waits for the end of a request head, which a TLS hello is not: only the timeout ends it.
        world = self.world({"gateway": {"providers": {"openai": {"timeout": "1s", "connect_timeout": "1s"}}}}, simulator=False,
                           provider=f"https://{self.simulator.address}/v1")
        self.assert_refused(world, allowed=((502, "provider_error"), (504, "provider_timeout")))


if __name__ == "__main__":
    unittest.main()
