"""talon doctor: one line for each thing, with what helps; works while serve runs (issue 4, 4; interfaces.md §2)."""

import json
import os
import resource
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_tls import Authority, TlsFront  # noqa: E402
from talon_world import WorldCase  # noqa: E402

IDS = {"configuration", "data_dir", "keys", "vault", "clock", "secret_files", "disk_space", "open_files", "provider:openai", "unit"}


def free_port():
    """A port of 127.0.0.1 where nobody listens: bound, never listening, until it is closed."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken, taken.getsockname()[1]


class Doctor(WorldCase):
    def doctor(self, world, *flags, exit=0):
        done = world.cli("doctor", "--json", *flags, check=exit)
        self.assertEqual(done.stderr, b"")
        report = json.loads(done.stdout)
        self.assertEqual(report["ok"], exit == 0, report)
        for check in report["checks"]:
            self.assertEqual(set(check), {"id", "status", "message", "remedy"})
            self.assertIn(check["status"], ("pass", "warn", "fail", "skip"))
            self.assertTrue(check["message"])
            if check["status"] in ("warn", "fail"):
                self.assertTrue(check["remedy"], check)
        return {check["id"]: check for check in report["checks"]}

    def failing(self, checks):
        return {check["id"] for check in checks.values() if check["status"] == "fail"}

    def test_a_healthy_gateway_passes_while_it_serves_and_when_it_does_not(self):
        world = self.world()
        self.assertEqual(world.chat().status, 200)
        checks = self.doctor(world)
        self.assertEqual(set(checks), IDS)
        for name in ("configuration", "data_dir", "keys", "vault", "clock", "secret_files", "provider:openai"):
            self.assertEqual(checks[name]["status"], "pass", checks[name])
        self.assertEqual(world.chat().status, 200)
        self.assertEqual(world.simulator.count(), 2, "the provider was connected to, and asked nothing")
        world.stop()
        full = self.doctor(world, "--full")
        self.assertIn("recomputed", full["vault"]["message"])

    def test_without_json_it_is_one_line_each(self):
        world = self.world(start=False)
        done = world.cli("doctor", check=0)
        lines = done.stdout.decode().splitlines()
        self.assertEqual(len(lines), len(IDS))
        for line in lines:
            self.assertIn(line.split()[0], ("pass", "warn", "skip"))

    def test_a_provider_that_nobody_answers_for_fails_and_one_without_a_key_is_off(self):
        taken, port = free_port()
        with taken:
            world = self.world(provider=f"http://127.0.0.1:{port}/v1", start=False)
            checks = self.doctor(world, exit=1)
            self.assertEqual(self.failing(checks), {"provider:openai"})
            self.assertIn(str(port), checks["provider:openai"]["message"])
        off = self.world(start=False, environment={"OPENAI_API_KEY": None})
        checks = self.doctor(off)
        self.assertEqual(checks["provider:openai"]["status"], "skip")
        self.assertIn("OPENAI_API_KEY", checks["provider:openai"]["message"])
        self.assertEqual(checks["providers"]["status"], "warn")

    def test_a_provider_whose_certificate_nobody_vouches_for_fails(self):
        world = self.world(start=False)
        authority = Authority(world.folder / "ca")
        certificate, key = authority.issue("provider", "IP:127.0.0.1")
        front = TlsFront(world.simulator.address, certificate, key)
        self.addCleanup(front.close)
        world.config["gateway"]["providers"]["openai"]["base_url"] = f"https://127.0.0.1:{front.port}/v1"
        world.write_config()
        checks = self.doctor(world, exit=1)
        self.assertIn("certificate", checks["provider:openai"]["message"])
        world.environment["SSL_CERT_FILE"] = str(authority.root)
        self.assertEqual(self.doctor(world)["provider:openai"]["status"], "pass")

    def test_rights_that_others_have_are_found_with_the_remedy(self):
        world = self.world(start=False)
        os.chmod(world.data_dir, 0o755)
        checks = self.doctor(world, exit=1)
        self.assertEqual(self.failing(checks), {"data_dir"})
        self.assertIn("chmod", checks["data_dir"]["message"] + checks["data_dir"]["remedy"])

    def test_an_admin_key_that_others_may_read_is_found_with_the_remedy(self):
        world = self.world(start=False)
        file = world.data_dir / "admin.key"
        for mode in (0o644, 0o640, 0o602):
            os.chmod(file, mode)
            checks = self.doctor(world, exit=1)
            self.assertEqual(self.failing(checks), {"secret_files"})
            self.assertIn(f"{file} (mode {mode:04o})", checks["secret_files"]["message"])
            self.assertEqual(checks["secret_files"]["remedy"], f"chmod 600 {file}")
        subprocess.run(checks["secret_files"]["remedy"].split(), check=True)
        self.assertEqual(self.doctor(world)["secret_files"]["status"], "pass")
        file.unlink()
        self.assertEqual(self.doctor(world)["secret_files"]["status"], "pass", "kept elsewhere, as it may be")

    def test_a_secret_file_that_is_named_twice_is_one(self):
        world = self.world(start=False)
        file = world.data_dir / "admin.key"
        world.config.setdefault("auth", {}).pop("admin_key", None)
        world.config["auth"]["admin_key_file"] = str(file)
        world.write_config()
        message = self.doctor(world)["secret_files"]["message"]
        self.assertEqual(message, "closed to other users: 1 file with secrets")

    def test_a_listeners_private_key_that_others_may_read_is_found_with_the_remedy(self):
        world = self.world(start=False)
        certificate, key = Authority(world.folder / "ca").issue("gateway", "IP:127.0.0.1", 90)
        world.config["server"]["listen"] = [{"address": "127.0.0.1:0", "tls": {"certificate": str(certificate), "private_key": str(key)}}]
        world.write_config()
        for mode, found in ((0o644, True), (0o660, True), (0o640, False), (0o600, False)):
            os.chmod(key, mode)
            checks = self.doctor(world, exit=1 if found else 0)
            self.assertEqual(self.failing(checks), {"secret_files"} if found else set(), oct(mode))
            if found:
                self.assertIn(f"{key} (mode {mode:04o})", checks["secret_files"]["message"])
                subprocess.run(checks["secret_files"]["remedy"].split(), check=True)
                self.assertEqual(self.doctor(world)["secret_files"]["status"], "pass")

    def test_a_secrets_file_of_the_configuration_that_others_may_read_is_a_warning(self):
        world = self.world(start=False)
        for name in ("ops.key", "lent.key"):
            (world.folder / name).write_text(f"a-key-for-{name}-0123456789\n")
            os.chmod(world.folder / name, 0o644)
        world.config["auth"]["api_keys"] = [{"name": name, "key_file": name} for name in ("ops.key", "lent.key")]
        world.write_config()
        check = self.doctor(world)["secret_files"]
        self.assertEqual(check["status"], "warn")
        for remedy in check["remedy"].split("; "):
            subprocess.run(remedy.split(), check=True)
        self.assertEqual(self.doctor(world)["secret_files"]["status"], "pass")
        os.chmod(world.folder / "ops.key", 0o604)
        os.chmod(world.data_dir / "admin.key", 0o644)
        both = self.doctor(world, exit=1)["secret_files"]
        self.assertEqual((both["status"], both["remedy"].count("chmod")), ("fail", 2))

    def test_a_missing_key_and_a_missing_vault_are_found(self):
        world = self.world(start=False)
        (world.data_dir / "keys" / "vault.secret").rename(world.folder / "away")
        self.assertEqual(self.failing(self.doctor(world, exit=1)), {"keys"})
        (world.folder / "away").rename(world.data_dir / "keys" / "vault.secret")
        world.config["data_dir"] = str(world.folder / "nowhere")
        world.write_config()
        checks = self.doctor(world, exit=1)
        self.assertEqual(self.failing(checks), {"data_dir"})
        self.assertIn("talon init", checks["data_dir"]["remedy"])
        self.assertEqual((checks["keys"]["status"], checks["vault"]["status"]), ("skip", "skip"))

    def test_a_vault_under_another_vaults_secret_does_not_keep_its_seal(self):
        world, other = self.world(), self.world(start=False)
        self.assertEqual(world.chat().status, 200)
        world.stop()
        (world.data_dir / "keys" / "vault.secret").write_bytes((other.data_dir / "keys" / "vault.secret").read_bytes())
        checks = self.doctor(world, exit=1)
        self.assertEqual(self.failing(checks), {"vault"})
        self.assertIn("seal", checks["vault"]["message"])

    def test_a_bad_configuration_does_not_hide_the_rest(self):
        world = self.world(start=False)
        world.config["serverr"] = {}
        world.write_config()
        checks = self.doctor(world, exit=1)
        self.assertEqual(self.failing(checks), {"configuration"})
        self.assertIn("talon config check", checks["configuration"]["remedy"])
        self.assertEqual(checks["vault"]["status"], "pass")

    def test_a_certificate_is_judged_by_its_end_and_its_key(self):
        world = self.world(start=False)
        authority = Authority(world.folder / "ca")
        for days, status in ((200, "pass"), (3, "warn")):
            certificate, key = authority.issue(f"for{days}", "IP:127.0.0.1", days)
            world.config["server"]["listen"] = [{"address": "127.0.0.1:0", "tls": {"certificate": str(certificate), "private_key": str(key)}}]
            world.write_config()
            self.assertEqual(self.doctor(world)["certificate:127.0.0.1:0"]["status"], status)
        other = authority.issue("other", "IP:127.0.0.1")[1]
        world.config["server"]["listen"][0]["tls"]["private_key"] = str(other)
        world.write_config()
        self.assertEqual(self.failing(self.doctor(world, exit=1)), {"certificate:127.0.0.1:0"})

    def test_a_low_limit_of_open_files_is_found(self):
        world = self.world(start=False)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        done = subprocess.run(world.command("doctor", "--json"), capture_output=True, env=world.environment, cwd=world.folder, timeout=60,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512)))
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), before)
        self.assertEqual(done.returncode, 1, done)
        checks = {check["id"]: check for check in json.loads(done.stdout)["checks"]}
        self.assertEqual(self.failing(checks), {"open_files"})


if __name__ == "__main__":
    unittest.main()
