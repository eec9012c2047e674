# ctest: timeout=120
"""What may be in the way of a start, and of every other command: one sentence that helps, exit 3 (1 for a bad
configuration), nothing changed (issue: "Bad input", "What must be seen" 9; interfaces.md §1 and §2; acceptance T7, T9).
"""

import ctypes
import hashlib
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_disk import newest_meta  # noqa: E402
from talon_simulator import find_binary  # noqa: E402
from talon_world import ACME, ADMIN, GLOBEX, ResponseError, Result, WorldCase, fetch  # noqa: E402

ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")
STRANGER = pwd.getpwnam("daemon")
READERS = (("tenant", "list"), ("audit", "list", "--tenant", "acme"), ("audit", "verify"), ("audit", "export", "--tenant", "acme"),
           ("audit", "checkpoint", "--tenant", "acme"), ("tenant", "show", "acme"))


def ulid_bytes(text):
    """The 128 bits that a ULID's text stands for."""
    value = 0
    for digit in text.upper():
        value = value << 5 | "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(digit)
    return value.to_bytes(16, "big")


def fingerprint(folder):
    """Names, modes, owners and contents of all that is below a folder."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        info = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(info.st_mode) else ""
        found[str(path.relative_to(folder))] = (info.st_mode, info.st_uid, content)
    return found


class LmdbValue(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("data", ctypes.c_char_p)]


def put_rows(data_dir, table, rows):
    """Writes rows past Talon, with the system's LMDB."""
    lmdb = ctypes.CDLL("liblmdb.so.0")
    lmdb.mdb_env_set_mapsize.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    environment, txn, dbi = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_uint()

    def done(code):
        assert code == 0, code

    done(lmdb.mdb_env_create(ctypes.byref(environment)))
    done(lmdb.mdb_env_set_maxdbs(environment, 64))
    done(lmdb.mdb_env_set_mapsize(environment, 1 << 30))
    done(lmdb.mdb_env_open(environment, os.fsencode(data_dir), 0, 0o600))
    done(lmdb.mdb_txn_begin(environment, None, 0, ctypes.byref(txn)))
    done(lmdb.mdb_dbi_open(txn, table, 0, ctypes.byref(dbi)))
    for key, value in rows:
        done(lmdb.mdb_put(txn, dbi, ctypes.byref(LmdbValue(len(key), key)), ctypes.byref(LmdbValue(len(value), value)), 0))
    done(lmdb.mdb_txn_commit(txn))
    lmdb.mdb_env_close(environment)


class StartupCase(WorldCase):
    def refused(self, done, exit, *words):
        """`done` ended with `exit` and one sentence on stderr that has all the words, nothing on stdout."""
        text = done.stderr.decode()
        self.assertEqual(done.exit, exit, text)
        self.assertEqual(done.stdout, b"", text)
        sentences = [line for line in text.splitlines() if line.startswith("talon: ")]
        self.assertEqual(len(sentences), 1, text)
        for word in words:
            self.assertIn(word, sentences[0])
        return sentences[0]

    def as_user(self, world, user, *command, config=True):
        """Runs the world's talon as another user (only root can)."""
        talon = world.folder / "talon"
        if not talon.exists():
            shutil.copy(find_binary("TALON_BIN", "talon"), talon)
            talon.chmod(0o755)
            world.folder.chmod(0o711)
        prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        options = ["--config", str(world.config_path)] if config else []
        done = subprocess.run([*prefix, str(talon), *options, *map(str, command)], capture_output=True, timeout=60,
                              env=world.environment, cwd="/")
        return Result(done.returncode, done.stdout, done.stderr)

    def idle_world(self, **more):
        return self.world(start=False, simulator=False, **more)


class Serve(StartupCase):
    def test_a_second_serve_on_a_directory_is_refused_and_names_the_first(self):
        world = self.world()
        self.refused(world.cli("serve"), 3, "vault_locked", str(world.data_dir), f"process {world.pid}")
        said = world.cli("--json", "serve", check=3)
        self.assertEqual(said.stdout, b"")
        self.assertEqual(json.loads(said.stderr.splitlines()[-1])["error"]["code"], "vault_locked")
        self.assertEqual(world.chat().status, 200, "the first one serves on")
        self.refused(world.cli("init"), 1, "vault_exists", str(world.data_dir))
        world.kill()
        world.start()  # a lock dies with its process

    def test_a_port_in_use_is_refused_and_leaves_both_vaults_sound(self):
        first = self.world()
        second = self.idle_world(config={"server": {"listen": [first.address]}})
        self.refused(second.cli("serve"), 3, "address_in_use", first.address)
        self.assertEqual(first.chat().status, 200)
        second.verify()
        second.config["server"]["listen"] = ["127.0.0.1:0"]
        second.write_config()
        second.start()

    def test_a_unix_socket_in_use_is_not_taken_over_and_a_dead_one_is(self):
        folder = Path(tempfile.mkdtemp(prefix="talon-socket-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        listen = {"server": {"listen": [f"unix:{folder}/s"]}}
        first, second = self.world(config=listen), self.idle_world(config=listen)
        self.refused(second.cli("serve"), 3, "address_in_use", f"{folder}/s")
        self.assertEqual(first.chat().status, 200)
        first.kill()
        self.assertTrue((folder / "s").exists(), "the test needs a socket that nobody serves")
        second.start()
        self.assertEqual(second.fetch("GET", "/healthz", key=None).status, 200)
        second.stop()
        self.assertFalse((folder / "s").exists(), "an orderly end takes its socket away")
        (folder / "s").write_text("a file of somebody's")
        self.refused(second.cli("serve"), 3, "address_in_use")
        self.assertEqual((folder / "s").read_text(), "a file of somebody's")

    def test_an_address_of_another_machine_is_refused(self):
        world = self.idle_world(config={"server": {"listen": ["192.0.2.1:8080"]}})
        self.refused(world.cli("serve"), 3, "192.0.2.1:8080")

    def test_a_bad_configuration_is_exit_1_and_touches_nothing(self):
        world = self.idle_world(config={"gateway": {"calers": []}, "surver": {}})
        before = fingerprint(world.data_dir)
        done = world.cli("serve", check=1)
        self.assertEqual(done.stdout, b"")
        text = done.stderr.decode()
        for word in ("calers", "callers", "surver", "server", f"{world.config_path}:"):
            self.assertIn(word, text)
        self.assertEqual(fingerprint(world.data_dir), before)

    def test_files_named_by_the_configuration_that_cannot_be_had(self):
        world = self.idle_world(config={"auth": {"admin_key_file": "missing.key"}, "pricing_file": "prices.yaml"})
        text = world.cli("serve", check=1).stderr.decode()
        self.assertIn("missing.key", text)
        self.assertIn("prices.yaml", text)
        world.config["auth"]["admin_key_file"] = str(world.folder)
        world.write_config()
        self.assertIn("is a directory", world.cli("serve", check=1).stderr.decode())

    def test_a_configuration_that_is_missing_or_no_file_is_exit_3(self):
        world = self.idle_world()
        world.config_path.unlink()
        self.refused(world.cli("serve"), 3, "config_missing", str(world.config_path), "--config")
        world.config_path.mkdir()
        self.refused(world.cli("serve"), 3, "file_unreadable", "is a directory")
        world.config_path.rmdir()
        os.mkfifo(world.config_path)
        self.assertIn(world.cli("serve", timeout=10).exit, (1, 3), "a pipe nobody writes is not waited for")

    @unittest.skipUnless(ROOT, "only root can be another user")
    def test_a_configuration_of_another_user_names_the_owner_and_the_remedy(self):
        world = self.idle_world()
        self.refused(self.as_user(world, NOBODY, "serve"), 3, "file_unreadable", "belongs to user root", "sudo -u root talon")


class NoVault(StartupCase):
    def test_every_command_says_that_there_is_no_vault_and_makes_none(self):
        world = self.idle_world()
        for name in ("never-made", "empty"):
            elsewhere = world.folder / name
            if name == "empty":
                elsewhere.mkdir(0o700)
            for command in (("serve",), *READERS):
                sentence = self.refused(world.cli("--data-dir", elsewhere, *command), 3, "vault_missing",
                                        f"no vault in {elsewhere}", "--data-dir", "talon init")
                self.assertTrue(sentence.startswith("talon: vault_missing: "), sentence)
            self.assertEqual(elsewhere.exists(), name == "empty")
            self.assertEqual(list(world.folder.glob(f"{name}/*")), [])

    def test_init_works_after_a_start_that_failed_and_then_serve_does(self):
        world = self.idle_world()
        shutil.rmtree(world.data_dir)
        world.data_dir.mkdir(0o755)
        self.refused(world.cli("serve"), 3, "vault_missing")
        world.cli("init", "--name", "again", check=0)
        self.assertEqual(stat.S_IMODE(world.data_dir.stat().st_mode), 0o700)
        world.start()
        world.stop()
        world.verify()

    def test_a_second_init_changes_nothing(self):
        world = self.idle_world()
        before = fingerprint(world.data_dir)
        self.refused(world.cli("init"), 1, "vault_exists", str(world.data_dir))
        self.assertEqual(fingerprint(world.data_dir), before)

    def test_init_does_not_move_in_with_somebody_elses_files(self):
        world = self.idle_world()
        strange = world.folder / "strange"
        strange.mkdir()
        (strange / "thesis.txt").write_text("mine")
        self.refused(world.cli("--data-dir", strange, "init"), 1, "thesis.txt", "nothing was changed")
        self.assertEqual([entry.name for entry in strange.iterdir()], ["thesis.txt"])
        file = world.folder / "file"
        file.write_text("x")
        self.assertIn(world.cli("--data-dir", file, "init").exit, (1, 3))
        self.assertEqual(file.read_text(), "x")

    def test_all_that_init_makes_is_private(self):
        world = self.idle_world()
        for path in [world.data_dir, *world.data_dir.rglob("*")]:
            mode = stat.S_IMODE(path.stat().st_mode)
            self.assertEqual(mode, 0o700 if path.is_dir() else 0o644 if path.name == "vault.pub" else 0o600, path)


@unittest.skipUnless(ROOT, "only root can be another user")
class OtherUsers(StartupCase):
    def owned_by_nobody(self):
        """A world whose data directory, still empty, belongs to nobody; the configuration stays root's."""
        world = self.world(start=False)
        shutil.rmtree(world.data_dir)
        world.data_dir.mkdir(0o700)
        os.chown(world.data_dir, NOBODY.pw_uid, NOBODY.pw_gid)
        world.folder.chmod(0o711)
        return world

    def assertAllOfNobody(self, world):
        for path in [world.data_dir, *world.data_dir.rglob("*")]:
            self.assertEqual(path.lstat().st_uid, NOBODY.pw_uid, path)

    def test_root_takes_the_owner_of_the_directory_as_its_user(self):
        world = self.owned_by_nobody()
        self.refused(world.cli("serve"), 3, "vault_missing")
        self.assertEqual(list(world.data_dir.iterdir()), [], "a failed start leaves nothing of root's behind")
        world.cli("init", "--name", "gw1", check=0)
        self.assertAllOfNobody(world)
        world.start()
        status = Path(f"/proc/{world.pid}/status").read_text()
        ids = {line.split()[0]: set(line.split()[1:]) for line in status.splitlines() if line.startswith(("Uid", "Gid"))}
        self.assertEqual(ids, {"Uid:": {str(NOBODY.pw_uid)}, "Gid:": {str(NOBODY.pw_gid)}})
        self.assertEqual(world.chat().status, 200)
        world.verify()
        self.assertEqual(world.tenant()["request_count"], 1)
        world.stop()
        world.verify()
        self.assertAllOfNobody(world)

    def test_a_stranger_is_told_whose_vault_it_is(self):
        world = self.owned_by_nobody()
        world.cli("init", check=0)
        before = fingerprint(world.data_dir)
        for command in READERS:
            done = self.as_user(world, STRANGER, "--data-dir", world.data_dir, *command, config=False)
            self.refused(done, 3, "belongs to user nobody", "sudo -u nobody talon")
        self.refused(self.as_user(world, STRANGER, "--data-dir", world.data_dir, "init", config=False), 3,
                     "belongs to user nobody")
        self.assertEqual(fingerprint(world.data_dir), before)
        done = self.as_user(world, NOBODY, "--data-dir", world.data_dir, "tenant", "list", config=False)
        self.assertEqual(done.exit, 0, done.stderr)

    def test_init_where_nothing_may_be_made_says_so(self):
        world = self.idle_world()
        locked = world.folder / "locked"
        locked.mkdir(0o755)
        done = self.as_user(world, NOBODY, "--data-dir", locked / "vault", "init", config=False)
        self.refused(done, 3, "vault_permission", "locked", "root")
        self.assertEqual(list(locked.iterdir()), [])

    def test_a_store_that_may_only_be_read_is_read_and_not_served(self):
        world = self.owned_by_nobody()
        world.cli("init", check=0)
        world.start()
        self.assertEqual(world.chat().status, 200)
        world.stop()
        (world.data_dir / "data.mdb").chmod(0o400)
        world.verify()
        self.refused(world.cli("serve"), 3, "vault_permission")
        (world.data_dir / "data.mdb").chmod(0o000)
        self.refused(world.cli("tenant", "list"), 3, "vault_permission", "data.mdb")
        (world.data_dir / "data.mdb").chmod(0o600)
        (world.data_dir / "lock.mdb").chmod(0o400)
        self.refused(world.cli("serve"), 3, "vault_permission")
        (world.data_dir / "lock.mdb").chmod(0o600)
        world.data_dir.chmod(0o500)
        for command in (("serve",), ("tenant", "list")):
            self.refused(world.cli(*command), 3, "vault_permission", f"chmod 700 {world.data_dir}")
        world.data_dir.chmod(0o700)
        world.start()
        world.stop()
        world.verify()

    def test_a_vault_on_a_read_only_file_system_is_read_and_not_served(self):
        world = self.world()
        self.assertEqual(world.chat().status, 200)
        world.stop()
        mount = f"mount --bind '{world.data_dir}' '{world.data_dir}' && mount -o remount,bind,ro '{world.data_dir}'"

        def beside(*command):
            words = " ".join(f"'{word}'" for word in world.command(*command))
            done = subprocess.run(["unshare", "--mount", "sh", "-c", f"{mount} || exit 77; exec {words}"],
                                  capture_output=True, env=world.environment, timeout=60, cwd=world.folder)
            if done.returncode == 77 or b"unshare" in done.stderr:
                self.skipTest(f"no file system can be mounted here: {done.stderr.decode()}")
            return Result(done.returncode, done.stdout, done.stderr)

        self.refused(beside("serve"), 3, "vault_permission", "Read-only file system")
        self.assertEqual(beside("audit", "verify").exit, 0)
        self.assertEqual(json.loads(beside("tenant", "show", "acme", "--json").stdout)["request_count"], 1)
        self.assertEqual(beside("audit", "export", "--tenant", "acme").exit, 0)


class Damaged(StartupCase):
    def used(self):
        """A vault that was served and ended in order, and how much of its data.mdb is in use."""
        world = self.world()
        for key in (ACME, GLOBEX):
            self.assertEqual(world.chat(key=key).status, 200)
        world.stop()
        return world, world.data_dir / "data.mdb", (newest_meta(world.data_dir / "data.mdb")[0] + 1) * 4096

    def test_a_store_that_was_cut_short_is_refused_in_one_sentence(self):
        world, data, used = self.used()
        whole = data.read_bytes()[:used]
        data.write_bytes(whole)
        world.verify()
        for size in (0, 1, 4095, 4096, 8191, 8192, 12288, used // 8192 * 4096, used - 4096, used - 1):
            data.write_bytes(whole[:size])
            for command in (("serve",), ("tenant", "list"), ("audit", "verify")):
                with self.subTest(size=size, of=used, command=command):
                    self.refused(world.cli(*command), 3, "vault_corrupt", "data.mdb", "backup")
            self.assertEqual(data.stat().st_size, size, "a refused file was changed")
        data.write_bytes(whole)
        world.start()
        self.assertEqual(world.chat().status, 200)

    def test_overwritten_pages_never_crash_a_command(self):
        if os.environ.get("TALON_SANITIZE"):
            self.skipTest("LMDB faults on such pages; the sanitizer's handler stands where Talon's turns that into a sentence")
        world, data, used = self.used()
        whole = data.read_bytes()[:used]
        junk = bytes(range(256)) * 16
        exits = []
        for page in range(used // 4096):
            for filling in (b"\0" * 4096, b"\xff" * 4096, junk):
                if whole[page * 4096:page * 4096 + 4096] == filling:
                    continue
                data.write_bytes(whole[:page * 4096] + filling + whole[page * 4096 + 4096:])
                with self.subTest(page=page, of=used // 4096, filling=filling[:2]):
                    done = world.cli("audit", "verify", timeout=30)
                    # A page that is free, or of the older of the two meta pages, is no part of the vault.
                    self.assertIn(done.exit, (0, 1, 3), done.stderr)
                    exits.append(done.exit)
                    if done.exit == 3:
                        self.refused(done, 3)
                    if filling == junk:
                        self.assertIn(world.cli("tenant", "list", timeout=30).exit, (0, 3))
        self.assertGreater(len([exit for exit in exits if exit != 0]), len(exits) // 4, exits)
        data.write_bytes(whole)
        world.verify()

    def test_a_store_cut_under_a_running_server_ends_it_with_a_sentence(self):
        world = self.world()
        self.assertEqual(world.chat().status, 200)
        os.truncate(world.data_dir / "data.mdb", 8192)
        with self.assertRaises((ResponseError, OSError)):
            for _ in range(50):
                world.chat()
        self.assertEqual(world.process.wait(10), 3)
        # Found by the processor or by the store, whichever comes first; lines of requests may follow.
        self.assertIn("damaged or was cut short", world.log_path.read_text())

    def test_a_damaged_store_is_not_served(self):
        world, data, used = self.used()
        whole = data.read_bytes()[:used]
        # The text of records: one changed letter.
        data.write_bytes(whole.replace(b'"outcome":"allowed"', b'"outcome":"alloweb"'))
        verified = world.cli("audit", "verify")
        self.assertEqual(verified.exit, 1, verified)
        self.refused(world.cli("audit", "export", "--tenant", "acme", "--output", world.folder / "acme.talon"), 3)
        self.assertFalse((world.folder / "acme.talon").exists())
        data.write_bytes(b"\xff" * 8192 + whole[8192:])
        self.refused(world.cli("serve"), 3, "vault_corrupt")
        (world.data_dir / "lock.mdb").unlink()
        data.write_bytes(whole)
        world.verify()

    def test_a_key_that_was_made_another_tenants_on_disk_is_not_served(self):
        world = self.world(simulator=False)
        made = [fetch(world.address, "POST", "/v1/admin/tenants", {"name": name, "tier": "growth"}, key=ADMIN).json()
                for name in ("Hers", "His")]
        keys = [tenant["api_keys"][0] for tenant in made]
        world.stop()
        # A key in force: version, log, id, class, exposes cost, expiry, checksum (vault/registry/row_codec.h).
        data = world.data_dir / "data.mdb"
        whole = data.read_bytes()
        rows = [re.compile(b"\\x01(.{4})" + re.escape(ulid_bytes(key["key_id"].removeprefix("key_"))) + b"\\x00\\x01\\x00{8}", re.S)
                for key in keys]
        hers, his = (set(row.findall(whole)) for row in rows)
        self.assertEqual((len(hers), len(his)), (1, 1), "the form of a key's row is another")
        (her_log,) = hers
        data.write_bytes(rows[1].sub(lambda found: b"\x01" + her_log + found[0][5:], whole))
        self.refused(world.cli("serve"), 3, "vault_corrupt", "API key", "audit verify")
        data.write_bytes(whole)
        world.start()
        for tenant, key in zip(made, keys):
            answer = fetch(world.address, "GET", f"/v1/tenants/{tenant['tenant_id']}/api-keys", key=key["key"])
            self.assertEqual(answer.status, 200, answer)

    def test_a_damaged_key_among_so_many_that_they_are_loaded_beside_the_start_is_named(self):
        world = self.idle_world()
        rows = [(hashlib.sha256(b"%d" % number).digest(), b"damaged") for number in range(9000)]
        put_rows(world.data_dir, b"keys", rows)
        for _ in range(5):  # the load and the start meet as they like; what is said last is why it ended
            done = world.cli("serve", timeout=20)
            self.assertEqual(done.exit, 3, done)
            last = done.stderr.decode().splitlines()[-1]
            for word in ("vault_corrupt", "API key is damaged", "talon audit verify", "backup"):
                self.assertIn(word, last)

    def test_a_store_that_is_no_file(self):
        world = self.idle_world()
        data = world.data_dir / "data.mdb"
        data.unlink()
        data.mkdir()
        for command in (("serve",), ("tenant", "list")):
            self.assertEqual(self.refused(world.cli(*command), 3)[:7], "talon: ")
        data.rmdir()
        for command in (("serve",), ("tenant", "list")):
            self.refused(world.cli(*command), 3, "vault_missing")
        self.refused(world.cli("init"), 1, "nothing was changed")

    def test_a_directory_open_to_others_is_refused_with_the_remedy(self):
        world = self.idle_world()
        for mode in (0o755, 0o750, 0o701, 0o777):
            world.data_dir.chmod(mode)
            for command in (("serve",), ("tenant", "list")):
                self.refused(world.cli(*command), 3, "vault_permission", f"{mode:04o}", f"chmod 700 {world.data_dir}")
        world.data_dir.chmod(0o700)
        world.verify()

    def test_keys_that_are_missing_open_to_others_or_anothers(self):
        world, other = self.idle_world(), self.idle_world()
        world.start()  # now there are logs, whose keys are sealed
        world.stop()
        for path in sorted((world.data_dir / "keys").rglob("*.key")) + [world.data_dir / "keys" / "vault.secret"]:
            content = path.read_bytes()
            with self.subTest(path=path.name):
                path.unlink()
                self.refused(world.cli("serve"), 3, "key_missing", str(path.parent))
                path.touch(0o600)
                self.refused(world.cli("serve"), 3, path.name)
                path.write_bytes(content)
                path.chmod(0o644)
                self.refused(world.cli("serve"), 3, path.name, f"chmod 600 {path}")
                path.write_bytes((other.data_dir / path.relative_to(world.data_dir)).read_bytes())
                path.chmod(0o600)
                self.refused(world.cli("serve", timeout=20), 3)
                path.write_bytes(content)
        (world.data_dir / "vault.pub").rename(world.folder / "vault.pub")
        self.refused(world.cli("serve"), 3, "vault.pub")
        self.refused(world.cli("tenant", "list"), 3, "vault.pub")
        (world.folder / "vault.pub").rename(world.data_dir / "vault.pub")
        world.start()


class SideBySide(StartupCase):
    def test_two_vaults_on_one_host_are_two_worlds(self):
        callers = [{"name": "app", "tenant_key": "one key for both worlds", "tenant_id": "acme"}]
        first, second = self.world(callers=callers), self.world(callers=callers)
        self.assertNotEqual(first.address, second.address)
        for world, count in ((first, 1), (second, 3)):
            for _ in range(count):
                answer = world.chat(key="one key for both worlds")
                self.assertEqual(answer.status, 200)
        for world, count in ((first, 1), (second, 3)):
            self.assertEqual(world.tenant()["request_count"], count)
            self.assertEqual(world.simulator.count(), count)
        seen = first.fetch("GET", f"/v1/evidence/{answer.evidence_id}", key="one key for both worlds")
        self.assertEqual(seen.status, 404, "a record of the other world")
        self.assertEqual((first.data_dir / "vault.pub").read_bytes().count(b"\n"), 2)
        self.assertNotEqual((first.data_dir / "vault.pub").read_bytes(), (second.data_dir / "vault.pub").read_bytes())
        # $TALON_DATA_DIR and --data-dir choose the world, whatever the configuration says.
        shown = json.loads(first.cli("--data-dir", second.data_dir, "tenant", "show", "acme", "--json", check=0).stdout)
        self.assertEqual(shown["request_count"], 3)
        first.environment["TALON_DATA_DIR"] = str(second.data_dir)
        self.assertEqual(first.tenant()["request_count"], 3)
        del first.environment["TALON_DATA_DIR"]
        # One ends, the other does not notice.
        first.kill()
        self.assertEqual(second.chat(key="one key for both worlds").status, 200)
        first.start()
        for world in (first, second):
            world.verify()
            outside = [path.name for path in world.folder.iterdir()]
            self.assertEqual(sorted(outside), ["admin.key", "data", "serve.log", "talon.yaml"], "state outside the data directory")


if __name__ == "__main__":
    unittest.main()
