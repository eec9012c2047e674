# ctest: timeout=120
"""Listeners: TLS with a certificate that a reload replaces, a listener of its own for administration, and answers to
keys that are not known (issue §4 "Surfaces around it").
"""

import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_tls import Authority  # noqa: E402
from talon_world import (  # noqa: E402
    ACME, ADMIN, Connection, WorldCase, chat_body, fetch, in_threads, request)

DATA = ("/v1/chat/completions", "/v1/models", "/v1/proxy/openai/models")
READS = ("/v1/evidence", "/v1/costs")
ADMINS = ("/v1/admin/tenants", "/api/virtual_keys", "/healthz", "/readyz")


class TlsConnection(Connection):
    def __init__(self, address, context, name="localhost", **more):
        super().__init__(address, **more)
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def serial(self):
        return self.socket.getpeercert()["serialNumber"]


class Tls(WorldCase):
    def setUp(self):
        super().setUp()
        self.files = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.authority = Authority(self.files / "ca")
        self.certificate, self.key = self.files / "server.pem", self.files / "server.key"
        self.put("first")
        self.context = ssl.create_default_context(cafile=self.authority.root)

    def put(self, name, key_of=None):
        certificate, key = self.authority.issue(name, "DNS:localhost,IP:127.0.0.1")
        self.certificate.write_bytes(certificate.read_bytes())
        self.key.write_bytes(key.read_bytes() if key_of is None else key_of.read_bytes())

    def tls_world(self, **more):
        tls = {"certificate": str(self.certificate), "private_key": str(self.key)}
        return self.world(config={"server": {"listen": [{"address": "127.0.0.1:0", "tls": tls}]}}, **more)

    def test_calls_streams_and_large_bodies_pass_over_tls(self):
        world = self.tls_world()
        with TlsConnection(world.address, self.context) as connection:
            for members, sim, least in (({}, "usage=3,3", 10), ({"stream": True}, "events=5;usage=2,2", 100), ({}, "content=900000", 900_000)):
                response = connection.exchange(request("POST", "/v1/chat/completions", chat_body(**members), key=ACME, headers=[("X-Sim", sim)]))
                self.assertEqual((response.status, response.complete), (200, True))
                self.assertGreater(len(response.body), least)
            response = connection.exchange(request("POST", "/v1/chat/completions", chat_body("x" * 3_000_000), key=ACME))
            self.assertEqual(response.status, 200)
            self.assertEqual(connection.socket.version(), "TLSv1.3")
            # Two requests in one record.
            both = request("GET", "/v1/costs", key=ACME)
            connection.send(both + both)
            self.assertEqual([connection.read_response("GET").status for _ in range(2)], [200, 200])
        self.assertEqual(len(world.calls()), 4)
        world.stop()

    def test_curl_trusts_it_by_its_root(self):
        world = self.tls_world()
        port = world.address.rsplit(":", 1)[1]
        done = subprocess.run(["curl", "-sS", "--cacert", self.authority.root, f"https://localhost:{port}/healthz"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, '{"status":"ok"}'), done.stderr)

    def test_old_tls_plain_text_and_silence_get_nowhere_and_hold_up_nobody(self):
        world = self.tls_world()
        with Connection(world.address) as plain:
            plain.send(request("GET", "/healthz"))
            self.assertNotIn(b"HTTP/1.1 200", plain.read_to_end())
        port = world.address.rsplit(":", 1)[1]
        old = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], capture_output=True, input=b"")
        self.assertNotEqual(old.returncode, 0)
        self.assertIn(b"alert protocol version", old.stderr)
        twelve = ssl.create_default_context(cafile=self.authority.root)
        twelve.maximum_version = ssl.TLSVersion.TLSv1_2
        with TlsConnection(world.address, twelve) as connection:
            self.assertEqual(connection.exchange(request("GET", "/healthz")).status, 200)
        began = time.monotonic()
        with Connection(world.address, timeout=30) as silent:
            with TlsConnection(world.address, self.context) as connection:
                self.assertEqual(connection.exchange(request("GET", "/healthz")).status, 200)
            self.assertTrue(silent.ended())
        self.assertLess(time.monotonic() - began, 14)

    def test_a_reload_brings_a_new_certificate_and_open_connections_keep_theirs(self):
        world = self.tls_world()
        before = TlsConnection(world.address, self.context)
        self.addCleanup(before.close)
        self.assertEqual(before.exchange(request("GET", "/healthz")).status, 200)
        self.put("second")
        self.assertEqual(before.exchange(request("POST", "/v1/admin/reload", key=ADMIN)).status, 200)
        with TlsConnection(world.address, self.context) as after:
            self.assertNotEqual(after.serial(), before.serial())
        self.assertEqual(before.exchange(request("GET", "/healthz")).status, 200)
        # A pair that is none changes nothing.
        serving = ssl.get_server_certificate(tuple(_host_port(world.address)))
        self.put("third", key_of=self.files / "ca" / "second.key")
        refused = before.exchange(request("POST", "/v1/admin/reload", key=ADMIN))
        self.assertIn("does not belong to the certificate", refused.json()["error"]["message"])
        self.assertEqual(ssl.get_server_certificate(tuple(_host_port(world.address))), serving)

    def test_a_pair_that_cannot_be_used_ends_the_start_with_a_sentence(self):
        other, _ = self.authority.issue("other", "DNS:localhost")
        self.certificate.write_bytes(other.read_bytes())
        self.assertIn("does not belong to the certificate", self.refused_start())
        self.certificate.write_text("no certificate")
        self.assertIn(f"The certificate {self.certificate} cannot be used", self.refused_start())
        self.certificate.unlink()
        self.assertIn(str(self.certificate), self.refused_start())
        self.put("locked")
        locked = self.files / "locked.key"
        subprocess.run(["openssl", "pkey", "-in", self.key, "-aes256", "-passout", "pass:secret", "-out", locked], check=True)
        self.key.write_bytes(locked.read_bytes())
        self.assertIn("without a passphrase", self.refused_start())

    def refused_start(self):
        world = self.tls_world(simulator=False, start=False)
        done = world.cli("serve", timeout=20)
        self.assertEqual(done.exit, 1, done.stderr)
        return done.stderr.decode()


def _host_port(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


class Doors(WorldCase):
    def test_with_admin_listen_administration_and_operations_are_only_there(self):
        world = self.world(config={"server": {"admin_listen": ["127.0.0.1:0"]}})
        data, admin = world.addresses
        for target in ADMINS:
            with self.subTest(target):
                self.assertEqual(fetch(data, "GET", target, key=ADMIN).code, "not_found")
                self.assertEqual(fetch(data, "DELETE", target, key=ADMIN).code, "not_found", "no 405 that would show it")
                self.assertEqual(fetch(admin, "GET", target, key=ADMIN).status, 200)
        for target in DATA:
            with self.subTest(target):
                self.assertEqual(fetch(admin, "GET", target, key=ACME).code, "not_found")
                self.assertNotEqual(fetch(data, "GET", target, key=ACME).code, "not_found")
        for target in READS:
            with self.subTest(target):
                self.assertEqual(fetch(data, "GET", target, key=ACME).status, 200)
                self.assertEqual(fetch(admin, "GET", target + "?tenant=acme", key=ADMIN).status, 200)
        before = world.simulator.count()
        self.assertEqual(fetch(admin, "POST", "/v1/chat/completions", chat_body(), key=ACME).code, "not_found")
        self.assertEqual(world.simulator.count(), before)

    def test_without_an_admin_key_the_admin_routes_do_not_exist(self):
        world = self.world(config={"auth": None})
        for key in (None, ACME, ADMIN):
            self.assertEqual(world.fetch("GET", "/v1/admin/tenants", key=key).code, "not_found")
            self.assertEqual(world.fetch("POST", "/v1/admin/reload", key=key).code, "not_found")

    def test_the_body_of_an_admin_route_is_bounded_and_a_strangers_is_never_read(self):
        world = self.world()
        big = b'{"name":"' + b"x" * (1 << 20) + b'"}'
        self.assertEqual(world.fetch("POST", "/v1/admin/tenants", big, key=ADMIN).code, "body_too_large")
        with world.connect() as connection:
            connection.send(request("POST", "/v1/admin/tenants", key=ADMIN, headers=[("Transfer-Encoding", "chunked")])
                            + b"200000\r\n" + b"x" * 0x200000)
            self.assertEqual(connection.read_response().code, "body_too_large")
        with world.connect() as connection:  # announced, never sent: answered all the same
            connection.send(request("POST", "/v1/admin/tenants", key="nobody", headers=[("Content-Length", "500000")]))
            response = connection.read_response()
            self.assertEqual((response.status, response.header("connection")), (401, "close"))


class Strangers(WorldCase):
    def test_failing_keys_are_slowed_and_a_valid_key_from_the_same_address_is_not(self):
        world = self.world()
        attempts = 450

        def guess(index):
            times = []
            for turn in range(attempts // 9):
                began = time.monotonic()
                response = world.fetch("GET", "/v1/costs", key=f"guess-{index}-{turn}")
                times.append((time.monotonic() - began, response.status, response.header("connection")))
            return times

        times = [one for guesses in in_threads(9, guess) for one in guesses]
        self.assertEqual({status for _, status, _ in times}, {401})
        slow = [one for one in times if one[0] > 0.09]
        self.assertGreater(len(slow), 20, "beyond the burst answers wait")
        self.assertLess(max(times)[0], 3)
        self.assertEqual({closes for _, _, closes in slow if closes}, {"close"})

        def honest(_):
            began = time.monotonic()
            self.assertEqual(world.fetch("GET", "/v1/costs", key=ACME).status, 200)
            return time.monotonic() - began

        guessing = [world.connect() for _ in range(20)]
        for connection in guessing:
            connection.send(request("GET", "/v1/costs", key="guess"))
        spent = sorted(honest(index) for index in range(20))
        self.assertLess(spent[10], 0.09, "who has a key does not wait")
        for connection in guessing:
            self.assertEqual(connection.read_response("GET").status, 401)
            connection.close()


if __name__ == "__main__":
    unittest.main()
