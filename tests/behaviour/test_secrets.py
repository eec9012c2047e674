"""No secret in any output, log, record, bundle or vault file, and nothing of one tenant in another's bundle (issue,
"What must be seen", 10; acceptance T6, T8, T10)."""

import base64
import hashlib
import json
import os
import shutil
import sys
import unittest
import unittest.mock
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import WorldCase, chat_body, find_binary, to_yaml  # noqa: E402

# Every kind of key, given in every way. Each has a middle of its own, so that a piece of a key is found as well.
KEYS = {
    "caller inline": "talon-gw-acme-Qw3inlinecallerkey9",
    "caller file": "talon-gw-acme-Er7filecallerkey5two",
    "caller env": "talon-gw-globex-Ty1envcallerkey8",
    "caller credential": "talon-gw-initech-Ui4credcallerkey2",
    "static inline": "static-Op6inlinestatickey0abc",
    "static file": "static-As2filestatickey7defgh",
    "admin env": "admin-Df9envadminkey3ijklmnop",
    "provider env": "sk-Gh5envproviderkey1qrstuvwx",
    "provider file": "sk-Jk8fileproviderkey6yzabcde",
    "provider credential": "sk-Lz0credproviderkey4fghijk",
    "provider inline": "sk-Xc3inlineproviderkey9lmno",
}
MARKERS = {name: key.split("-")[-1] for name, key in KEYS.items()}
"""The part of each key that nothing else contains."""

NO_SUCH_ID = "ev_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def mistyped(key):
    """The key with two letters swapped, cut, grown, in capitals, and of other forms that people send."""
    return [key[:-2] + key[-1] + key[-2], key[:-1], key + "x", key.upper(), " ".join((key, "x")), f'"{key}"', f"Bearer {key}"]


def forms(secret):
    """A secret as it would look where bytes are written another way."""
    raw = secret.encode()
    return {raw, raw.hex().encode(), base64.b64encode(raw)[:-4], base64.urlsafe_b64encode(raw)[:-4], hashlib.sha256(raw).digest(),
            hashlib.sha256(raw).hexdigest().encode(), hashlib.md5(raw).hexdigest().encode()}


class Secrets(WorldCase):
    def setUp(self):
        self.collected = {}
        """What came out anywhere: name of the place → bytes."""

    def collect(self, place, data):
        self.collected[f"{place} #{len(self.collected)}"] = data

    def make_world(self):
        world = self.world(start=False)
        folder = world.folder
        credentials = folder / "credentials"
        credentials.mkdir()
        for path, name in ((folder / "two.key", "caller file"), (credentials / "initech", "caller credential"), (folder / "static.key", "static file"),
                           (folder / "provider.key", "provider file"), (credentials / "second", "provider credential")):
            path.touch(0o600)
            path.write_text(KEYS[name] + "\n")
        base = f"http://{world.simulator.address}/v1"
        world.config["auth"] = {"admin_key_env": "SECRET_ADMIN", "api_keys": [
            {"name": "ops", "key": KEYS["static inline"]}, {"name": "batch", "key_file": str(folder / "static.key")}]}
        world.config["gateway"]["callers"] = [
            {"name": "app1", "tenant_key": KEYS["caller inline"], "tenant_id": "acme"},
            {"name": "app2", "tenant_key_file": str(folder / "two.key"), "tenant_id": "acme", "policy_overrides": {"max_daily_cost": 0}},
            {"name": "bot", "tenant_key_env": "SECRET_GLOBEX", "tenant_id": "globex"},
            {"name": "printer", "tenant_key_credential": "initech", "tenant_id": "initech"},
        ]
        world.config["gateway"]["providers"] = {
            "openai": {"dialect": "openai", "base_url": base, "api_key_env": "SECRET_PROVIDER"},
            "byfile": {"dialect": "openai", "base_url": base, "api_key_file": str(folder / "provider.key")},
            "bycredential": {"dialect": "openai", "base_url": base, "api_key_credential": "second"},
            "inline": {"dialect": "openai", "base_url": base, "api_key": KEYS["provider inline"]},
            "off": {"dialect": "openai", "base_url": base, "api_key_env": "SECRET_UNSET"},
        }
        world.write_config()
        world.environment.update({"SECRET_ADMIN": KEYS["admin env"], "SECRET_GLOBEX": KEYS["caller env"], "SECRET_PROVIDER": KEYS["provider env"],
                                  "CREDENTIALS_DIRECTORY": str(credentials)})
        world.start()
        return world

    def call(self, world, *arguments, **more):
        response = world.fetch(*arguments, **more)
        self.collect(f"response to {arguments[:2]}", response.raw_head + response.body)
        return response

    def cli(self, world, *arguments):
        done = world.cli(*arguments)
        self.collect(f"talon {' '.join(map(str, arguments))[:60]}", done.stdout + done.stderr)
        return done

    def use_every_key(self, world):
        clients = [KEYS[name] for name in KEYS if name.startswith(("caller", "static"))]
        for key in clients:
            for provider in ("openai", "byfile", "bycredential", "inline"):
                for more in ({}, {"stream": True}):
                    self.call(world, "POST", "/v1/chat/completions", chat_body(provider=provider, **more), key=key)
            for target in ("/v1/models", "/v1/evidence", "/v1/costs", "/v1/evidence/export", "/v1/evidence/checkpoint", "/v1/proxy/openai/models",
                           "/v1/proxy/byfile/models", "/v1/proxy/off/models", "/v1/evidence?tenant=other"):
                self.call(world, "GET", target, key=None, headers=[("x-api-key", key)])
        seen = {received.header("authorization") for received in world.simulator.requests()}
        self.assertEqual(seen, {f"Bearer {key}" for name, key in KEYS.items() if name.startswith("provider")}, "all were used")
        for target in ("/v1/evidence?tenant=acme", "/v1/evidence?tenant=", "/v1/costs?tenant=globex", "/v1/evidence/export?format=ndjson", "/v1/models"):
            self.call(world, "GET", target, key=KEYS["admin env"])

    def use_every_key_wrongly(self, world):
        for key in KEYS.values():
            for wrong in mistyped(key):
                self.assertIn(self.call(world, "POST", "/v1/chat/completions", chat_body(), key=wrong).status, (200, 401, 402, 403), wrong)
                self.call(world, "GET", "/v1/costs", key=None, headers=[("x-api-key", wrong)])
            for headers in ([("Authorization", f"Basic {base64.b64encode(key.encode()).decode()}")], [("Authorization", key)],
                            [("Authorization", f"Bearer {key}"), ("x-api-key", key + "x")], [("Cookie", f"key={key}")], [("X-Key", key)],
                            [("X-Talon-Key", key)]):
                self.call(world, "GET", "/v1/models", key=None, headers=headers)
            for target in (f"/v1/costs?key={key}", f"/v1/nothing/{key}", f"/v1/proxy/openai/models?key={key}", f"/{key}"):
                self.call(world, "GET", target, key=None)
            # A provider that repeats the credential it was given, as OpenAI does with a mistyped one.
            for status in (401, 403, 429):
                echo = base64.b64encode(json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}}).encode()).decode()
                sim = f"status={status};body64={echo};header=www-authenticate:Bearer {key}"
                for provider in ("openai", "byfile"):
                    self.call(world, "POST", "/v1/chat/completions", chat_body(provider=provider), key=KEYS["caller inline"], sim=sim)
                    self.call(world, "POST", f"/v1/proxy/{provider}/chat/completions", chat_body(stream=True), key=KEYS["caller env"], sim=sim)
        for body in (b"{", b"[]", json.dumps({"model": "nobody's", "messages": []}).encode()):
            self.call(world, "POST", "/v1/chat/completions", body, key=KEYS["caller file"])
        for sim in ("reset", "malformed=garbage", "status=500", "cut"):
            self.call(world, "POST", "/v1/chat/completions", chat_body(stream=True), key=KEYS["caller env"], sim=sim)
        with world.connect() as connection:  # a head that cannot be read, with the key in it
            connection.send(f"GET /v1/costs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEYS['caller inline']}\r\n X-Folded: 1\r\n\r\n".encode())
            self.collect("answer to a folded head", connection.read_to_end())

    def ask_the_command_line(self, world):
        bundle = world.folder / "out.talon"
        for arguments in (
            ["config", "check"], ["config", "check", "--json"], ["config", "show"], ["config", "sample"], ["version"], ["init"],
            ["tenant", "list", "--json"], ["tenant", "show", "acme", "--json"], ["tenant", "show", "acme", "--table"], ["tenant", "show", "nobody"],
            ["audit", "list", "--tenant", "acme", "--json"], ["audit", "list", "--tenant", "acme"], ["audit", "list", "--operator", "--json"],
            ["audit", "list", "--unattributed"], ["audit", "keys", "list"], ["audit", "keys", "list", "--json"], ["audit", "verify"],
            ["audit", "checkpoint", "--tenant", "acme"], ["audit", "export", "--all", "--format", "ndjson"], ["audit", "export", "--operator"],
            ["audit", "export", "--unattributed"], ["audit", "export", "--tenant", "globex"], ["audit", "export", "--tenant", "acme", "--output", bundle],
            ["audit", "verify", bundle, "--key", world.data_dir / "vault.pub"], ["audit", "verify", bundle, "--no-local", "--json"],
            ["audit", "export", "--tenant", "acme", "--output", world.folder / "folder" / ""], ["audit", "show", NO_SUCH_ID],
        ):
            self.cli(world, *arguments)
        for path in [bundle, *(world.folder / "folder").rglob("*")]:
            if path.is_file():
                self.collect(f"exported {path.name}", path.read_bytes())

    def make_configuration_errors(self, world):
        """Files that are wrong around their secrets; what is said about them says no secret."""
        good = world.config
        wrong = {
            "key twice": {"gateway": {"callers": [{"name": "a", "tenant_key": KEYS["caller inline"], "tenant_id": "a"},
                                                  {"name": "b", "tenant_key": KEYS["caller inline"], "tenant_id": "b"}]}},
            "key twice, kinds differ": {"auth": {"admin_key": KEYS["static inline"], "api_keys": [{"name": "x", "key": KEYS["static inline"]}]}},
            "unknown member beside": {"auth": {"admin_key": KEYS["admin env"], "admin_kye": KEYS["admin env"]}},
            "both forms": {"auth": {"admin_key": KEYS["admin env"], "admin_key_env": "SECRET_ADMIN"}},
            "secret as a variable's name": {"auth": {"admin_key_env": KEYS["admin env"]}},
            "secret as a list": {"gateway": {"callers": [{"name": "a", "tenant_key": [KEYS["caller inline"]], "tenant_id": "a"}]}},
            "secret as a mapping": {"gateway": {"providers": {"openai": {"api_key": {"value": KEYS["provider env"]}}}}},
            "secret as an entry": {"gateway": {"callers": [KEYS["caller inline"]]}},
            "bad tenant beside": {"gateway": {"callers": [{"name": "a", "tenant_key": KEYS["caller inline"], "tenant_id": ""}]}},
            "space in a secret": {"auth": {"admin_key": KEYS["admin env"] + " "}},
            "line break in a secret": {"auth": {"admin_key": KEYS["admin env"] + "\nX: y"}},
            "unset variable": {"gateway": {"callers": [{"name": "a", "tenant_key_env": "SECRET_UNSET", "tenant_id": "a"}]}},
        }
        texts = {name: to_yaml(value) for name, value in wrong.items()}
        whole = to_yaml(good)
        texts["indentation lost"] = "\n".join(line.strip() for line in whole.splitlines()) + "\n"
        texts["callers flattened"] = "gateway:\ncallers:\n- name: a\ntenant_key: " + KEYS["caller inline"] + "\ntenant_id: acme\n"
        texts["admin flattened"] = "auth:\nadmin_key: '" + KEYS["admin env"] + "'\napi_keys:\n- name: ops\nkey: \"" + KEYS["static inline"] + "\"\n"
        texts["flow, flattened"] = ("gateway:\ncallers:\n- {name: a, tenant_key: " + KEYS["caller inline"] + ", tenant_id: acme}\n"
                                    "- {tenant_key: \"" + KEYS["caller file"] + "\", name: b, tenant_id: acme}\n")
        texts["quote not closed"] = "auth:\n  admin_key: \"" + KEYS["admin env"] + "\ngateway: {}\n"
        texts["tab"] = "auth:\n\tadmin_key: " + KEYS["admin env"] + "\n"
        texts["cut"] = whole[:len(whole) // 2] + ": [{"
        texts["anchor"] = "auth: {admin_key: &k " + KEYS["admin env"] + ", api_keys: [{name: x, key: *k}]}\n"
        path = world.folder / "wrong.yaml"
        path.touch(0o600)
        usual, world.config_path = world.config_path, path
        for name, text in texts.items():
            path.write_text(text, encoding="utf-8")
            for arguments in (["config", "check"], ["config", "check", "--json"], ["config", "show"], ["serve"], ["tenant", "list"]):
                done = self.cli(world, *arguments)
                if arguments[:2] == ["config", "check"] or arguments == ["serve"]:
                    self.assertEqual(done.exit, 1, (name, arguments, done))
        world.config_path = usual

    def make_usage_errors(self, world):
        for key in KEYS.values():
            for arguments in (["serve", "--admin-key", key], ["serve", f"--api-key={key}"], ["--admin_key=" + key, "config", "check"],
                              ["tenant", "list", f"--tenant-key={key}"]):
                self.assertEqual(self.cli(world, *arguments).exit, 2)

    def check(self, place, data, secrets):
        for name, secret in secrets.items():
            for form in forms(secret):
                at = data.find(form)
                if at >= 0:
                    self.fail(f"{name} in {place}: …{data[max(0, at - 200):at + len(form) + 40]!r}")

    def check_letters(self, place, data):
        for name, marker in MARKERS.items():
            at = data.lower().find(marker.lower().encode())
            if at >= 0:
                self.fail(f"letters of {name} in {place}: …{data[max(0, at - 200):at + 60]!r}")

    def test_no_key_is_in_any_output_log_record_bundle_or_file(self):
        world = self.make_world()
        self.use_every_key(world)
        self.use_every_key_wrongly(world)
        self.ask_the_command_line(world)
        self.assertEqual(self.cli(world, "serve").exit, 3, "a second one on the directory")
        self.make_configuration_errors(world)
        self.make_usage_errors(world)
        world.stop()
        self.ask_the_command_line(world)
        self.collect("the log of serve", world.log_path.read_bytes())
        self.assertGreater(len(self.collected), 600)
        for place, data in self.collected.items():
            self.check_letters(place, data)
            self.check(place, data, KEYS)
        files = [path for path in world.data_dir.rglob("*") if path.is_file()]
        self.assertTrue({"data.mdb", "vault.pub", "admin.key"} <= {path.name for path in files})
        for path in files:
            data = path.read_bytes()
            self.check_letters(path.name, data)
            self.check(path.name, data, KEYS)

    def test_the_vaults_own_secrets_stay_in_their_files(self):
        world = self.world()
        for _ in range(3):
            world.chat()
        self.ask_the_command_line(world)
        world.stop()
        self.collect("the log of serve", world.log_path.read_bytes())
        keys = {path: path.read_bytes() for path in [world.data_dir / "admin.key", *(world.data_dir / "keys").rglob("*")] if path.is_file()}
        self.assertGreaterEqual(len(keys), 4)
        secrets = {}
        for path, data in keys.items():
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
            for word in data.split():
                if len(word) >= 32:
                    secrets[f"{path.name}"] = word.decode()
        self.assertEqual(len(secrets), len(keys))
        raw = {f"{name}, decoded": base64.b64decode(word, validate=True) for name, word in secrets.items() if name != "admin.key"}
        places = dict(self.collected)
        places.update({path.name: path.read_bytes() for path in world.data_dir.rglob("*") if path.is_file() and path not in keys})
        for place, data in places.items():
            self.check(place, data, secrets)
            for name, secret in raw.items():
                self.assertNotIn(secret, data, f"{name} in {place}")
                self.assertNotIn(secret[:32], data, f"{name} in {place}")

    def test_the_data_directory_is_the_owners_alone(self):
        world = self.world()
        self.assertEqual(world.data_dir.stat().st_mode & 0o777, 0o700)
        for path in world.data_dir.rglob("*"):
            mode = path.stat().st_mode & 0o777
            self.assertEqual(mode & (0o033 if path.name == "vault.pub" else 0o077), 0, path)

    def test_the_process_cannot_be_dumped(self):
        # proc(5): what belongs to a process that cannot be dumped is root's, whoever runs it. So it has to run as somebody else.
        world = self.world(start=False)
        nobody = 65534
        if os.getuid() == 0:
            for path in [world.folder, *world.folder.rglob("*")]:
                os.chown(path, nobody, nobody)
        binary = shutil.copy(find_binary("TALON_BIN", "talon"), world.folder)
        with unittest.mock.patch.dict(os.environ, TALON_BIN=str(binary)):
            world.start(preexec=lambda: os.getuid() == 0 and (os.setgroups([]), os.setgid(nobody), os.setuid(nobody)))
        self.assertEqual(os.stat(f"/proc/{world.pid}/environ").st_uid, 0)


class OtherTenants(WorldCase):
    def test_a_tenants_bundle_holds_nothing_of_another(self):
        world = self.world(callers=(
            {"name": "customer-acme-app1", "tenant_key": "talon-gw-acme-abc", "tenant_id": "acme"},
            {"name": "globex-caller-name", "tenant_key": "talon-gw-globex-xyz", "tenant_id": "globex-tenant-id"}))
        theirs = "talon-gw-globex-xyz"
        answers = []
        for turn in range(4):
            world.chat()
            answers.append(world.chat(key=theirs, model="gpt-4o", headers=[("X-Talon-Session-Id", f"globex-session-{turn}")]))
        world.chat(headers=[("X-Talon-Tenant-Id", "globex-tenant-id")])
        world.fetch("GET", "/v1/evidence?tenant=globex-tenant-id")
        world.chat(key=theirs, headers=[("X-Talon-Tenant-Id", "acme")])
        world.chat(key=theirs, sim="status=500")
        their_records = world.records("globex-tenant-id")
        words = {"globex"}
        for record in their_records:
            words |= {record["id"], record.get("key_id", record["id"]), record.get("request_id", record["id"]), record.get("session", record["id"])}
            words |= {value for value in record.get("bodies", {}).values() if isinstance(value, str)}
        words |= {their_records[0]["origin"], hashlib.sha256(b"globex-tenant-id").hexdigest(), theirs, hashlib.sha256(theirs.encode()).hexdigest()}
        lines = world.cli("audit", "export", "--tenant", "globex-tenant-id", "--format", "ndjson", check=0).stdout.splitlines()
        words |= {base64.b64encode(hashlib.sha256(b"\x00" + line).digest()).decode() for line in lines}
        self.assertGreater(len(words), 20)
        folder = world.folder / "folder"
        world.cli("audit", "export", "--tenant", "acme", "--output", f"{folder}/", check=0)
        outputs = {
            "bundle": world.cli("audit", "export", "--tenant", "acme", check=0).stdout,
            "ndjson": world.cli("audit", "export", "--tenant", "acme", "--format", "ndjson", check=0).stdout,
            "bundle over HTTP": world.fetch("GET", "/v1/evidence/export").body,
            "list": world.fetch("GET", "/v1/evidence?limit=1000").body,
            "costs": world.fetch("GET", "/v1/costs").body,
            "checkpoint": world.fetch("GET", "/v1/evidence/checkpoint").body,
            **{path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()},
        }
        leaves = [hashlib.sha256(b"\x00" + line).digest() for line in lines]
        for place, data in outputs.items():
            for word in words:
                self.assertNotIn(word.encode(), data, place)
            for leaf in leaves:
                self.assertNotIn(leaf, data, place)
        self.assertTrue(any(b"globex" in answer.raw_head for answer in answers), "the words are the right ones")


if __name__ == "__main__":
    unittest.main()
