"""examples/auditor/verify.py gives the answers that the format's description asks for."""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bundlekit as kit  # noqa: E402
import case  # noqa: E402
import golden  # noqa: E402
import tamper_table  # noqa: E402
from bundlekit import put  # noqa: E402


class TamperTable(unittest.TestCase):
    def test_every_check_is_the_only_one_to_fail_in_some_cases(self):
        # Otherwise a verifier without that check could pass the table.
        alone = [one.fails for one in tamper_table.all_cases() if len(one.fails) == 1]
        for check in tamper_table.load_verify_py().CHECKS:
            self.assertGreaterEqual(alone.count(frozenset([check])), 6, check)

    def test_changes_to_a_bundle_from_elsewhere_get_their_answers_too(self):
        for name in ("whole.talon", "period.talon"):
            cases = tamper_table.mutations_of(os.path.join(golden.FOLDER, name), os.path.join(golden.FOLDER, "vault.pub"))
            self.assertGreater(len(cases), 100)
            self.assertEqual(tamper_table.run_table(cases, [tamper_table.VerifyPy()], show=lambda text: None), [])

    def test_no_single_changed_byte_is_accepted(self):
        wrong, count = tamper_table.every_byte([tamper_table.VerifyPy()], show=lambda text: None)
        self.assertEqual(wrong, [])
        self.assertGreater(count, 5000)

    def test_the_golden_bundles_are_what_the_kit_makes(self):
        self.assertEqual(golden.differences(), [])


class Command(unittest.TestCase):
    """The program as an auditor runs it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="verify-py-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.pub = self.write("vault.pub", case.vault().pub())
        self.bundle = self.write("acme.talon", case.whole().tar)

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def run_it(self, *arguments, **options):
        # -I: no environment, no packages of the user
        return subprocess.run([sys.executable, "-I", tamper_table.VERIFY_PY, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", check=False, **options)

    def failed(self, *arguments):
        report = json.loads(self.run_it(*arguments, "--json").stdout)
        return {check["id"]: check for check in report["checks"] if check["status"] == "fail"}

    def test_a_good_bundle_is_valid_and_the_report_says_for_whom(self):
        done = self.run_it(self.bundle, "--key", self.pub, "--tenant", "acme")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("tenant acme", done.stdout)
        self.assertIn("VALID: all checks passed; key: log key and export key.", done.stdout)

    def test_without_a_key_it_says_how_to_get_one(self):
        done = self.run_it(self.bundle)
        self.assertEqual(done.returncode, 4)
        self.assertIn("by another way than this bundle", done.stdout)

    def test_the_json_report_has_the_promised_members(self):
        report = json.loads(self.run_it(self.bundle, "--key", self.pub, "--json").stdout)
        wanted = {"verdict": "valid", "exit": 0, "facts": ["self", "pinned"], "required": ["pinned"], "tenant": "acme",
                  "origin": case.vault().origin(b"acme"), "range": {"first": 0, "last": 12, "size": 13, "whole": True},
                  "time": {"first": "2026-05-01T08:00:00.000000Z", "last": "2026-05-04T09:00:00.000000Z"},
                  "records": 13, "key": case.vault().vkey(), "key_source": "flag"}
        self.assertEqual({name: report[name] for name in wanted}, wanted)
        self.assertEqual([check["id"] for check in report["checks"]], [
            "file", "sums", "minisig", "meta", "key", "checkpoint", "canonical", "record", "order", "leaf", "root", "period"])
        self.assertEqual({check["status"] for check in report["checks"]}, {"pass"})
        self.assertEqual(sorted(report["checks"][0]), ["detail", "first_bad", "id", "status"])
        self.assertTrue(report["not_proven"])

    def test_errors_with_json_leave_stdout_empty(self):
        for arguments, code in ((["nothing.talon"], 3), ([self.bundle, "--nonsense"], 2)):
            done = self.run_it(*arguments, "--json")
            self.assertEqual((done.returncode, done.stdout), (code, ""))
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertEqual(sorted(json.loads(done.stderr)["error"]), ["code", "message"])

    def test_the_changed_record_is_named_by_number_and_id(self):
        files = dict(case.whole().all)
        files["records.jsonl"] = files["records.jsonl"].replace(b'"count":17', b'"count":18')
        found = self.failed(self.write("b.talon", kit.tar(kit.members_of(files))), "--key", self.pub)
        self.assertEqual(found["leaf"]["first_bad"], 6)
        self.assertIn(kit.evidence_id("%s 6" % b"acme".hex()), found["leaf"]["detail"])

    def test_a_missing_record_is_named_by_its_place(self):
        files = dict(case.whole().all)
        lines = files["records.jsonl"].splitlines(keepends=True)
        files["records.jsonl"] = b"".join(lines[:4] + lines[6:])
        found = self.failed(self.write("b.talon", kit.tar(kit.members_of(files))), "--key", self.pub)
        self.assertEqual(found["leaf"]["first_bad"], 4)
        self.assertIn("2 lines are missing", found["leaf"]["detail"])

    def test_a_changed_list_of_leaves_is_not_trusted_to_name_a_record(self):
        files = dict(case.whole().all)
        files["leaves.bin"] = kit.flip(files["leaves.bin"], 100)
        found = self.failed(self.write("b.talon", kit.tar(kit.members_of(files))), "--key", self.pub)
        self.assertIn("does not lead to the signed root either", found["leaf"]["detail"])

    def test_an_open_end_is_printed(self):
        log = kit.acme_log(case.vault())
        bundle = kit.build(case.vault(), log, start=kit.PERIOD["start"], end=kit.MAY_1 + 9 * kit.DAY)
        done = self.run_it(self.write("b.talon", bundle.tar), "--key", self.pub)
        self.assertEqual(done.returncode, 0)
        self.assertIn("its end is open", done.stdout)

    def test_a_log_key_alone_without_genesis_leaves_the_export_key_unpinned(self):
        done = self.run_it(self.write("b.talon", case.period().tar), "--key", case.vault().vkey())
        self.assertIn("export key not pinned: SHA256SUMS shows integrity only", done.stdout)
        done = self.run_it(self.bundle, "--key", case.vault().vkey())
        self.assertNotIn("export key not pinned", done.stdout)

    def test_unknown_files_and_members_are_reported(self):
        built = case.signed_whole(bundle=put("later_word", 1), files=lambda files: {**files, "vault/checkpoint": b"x\n"})
        done = self.run_it(self.write("b.talon", built), "--key", self.pub)
        self.assertEqual(done.returncode, 0)
        self.assertIn("vault/checkpoint", done.stdout)
        self.assertIn("later_word", done.stdout)

    def test_text_from_outside_cannot_play_with_the_terminal(self):
        log = kit.acme_log(case.vault(), "a\u202eb\u200bc")
        done = self.run_it(self.write("b.talon", kit.build(case.vault(), log).tar), "--key", self.pub)
        self.assertEqual(done.returncode, 0)
        self.assertNotIn("\u202e", done.stdout)
        self.assertIn("a\\u{202e}b\\u{200b}c", done.stdout)
        files = {**case.whole().all, "\x1b[2Jx": b"x"}
        kit.write_folder(files, os.path.join(self.folder, "f"))
        self.assertNotIn("\x1b", self.run_it(os.path.join(self.folder, "f"), "--key", self.pub).stdout)

    def test_without_openssl_or_with_a_broken_one_it_could_not_tell(self):
        for script in (None, "exit 0", "exit 1", "echo Signature Verified Successfully"):
            tools = tempfile.mkdtemp(dir=self.folder)
            if script:
                path = os.path.join(tools, "openssl")
                with open(path, "w", encoding="ascii") as file:
                    file.write("#!/bin/sh\n%s\n" % script)
                os.chmod(path, 0o755)
            done = self.run_it(self.bundle, "--key", self.pub, env={"PATH": tools})
            self.assertEqual(done.returncode, 3, script)
            self.assertIn("openssl", done.stderr)

    def test_a_report_that_cannot_be_written_is_not_a_success(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([sys.executable, "-I", tamper_table.VERIFY_PY, self.bundle, "--key", self.pub],
                                  stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 3)

    def test_a_gigantic_line_is_judged_in_little_memory(self):
        folder = os.path.join(self.folder, "f")
        kit.write_folder(case.whole().all, folder)
        os.truncate(os.path.join(folder, "records.jsonl"), 300 << 20)       # sparse
        limit = 200 << 20
        done = self.run_it(folder, "--key", self.pub, "--json", preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_AS, (limit, limit)))
        self.assertEqual(done.returncode, 1, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual({check["id"] for check in report["checks"] if check["status"] == "fail"},
                         {"sums", "canonical"})

    def test_a_bundle_of_200_000_records_is_streamed(self):
        log = kit.long_log(case.vault(), 20)
        line = kit.canonical(log.records[-1])
        folder = os.path.join(self.folder, "f")
        kit.write_folder(kit.build(case.vault(), log).all, folder)
        with open(os.path.join(folder, "records.jsonl"), "ab") as file:
            file.write((line + b"\n") * 200000)
        done = self.run_it(folder, "--key", self.pub, "--json")
        self.assertEqual(json.loads(done.stdout)["records"], 200020)

    def test_minisign_and_sha256sum_accept_what_verify_py_accepts(self):
        for tenant in ("acme", "\u00dcn\u00ef/c\u00f6de %+", "\u2603" * 128):
            folder = os.path.join(self.folder, "bundle")
            bundle = self.write("b.talon", kit.build(case.vault(), kit.acme_log(case.vault(), tenant)).tar)
            os.mkdir(folder)
            subprocess.run(["tar", "-xf", bundle, "-C", folder], check=True)
            for command in (["minisign", "-V", "-H", "-P", case.vault().rw(), "-m", "SHA256SUMS"],
                            ["sha256sum", "-c", "--strict", "SHA256SUMS"]):
                done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                self.assertEqual(done.returncode, 0, done.stdout)
            shutil.rmtree(folder)


class Parts(unittest.TestCase):
    """Single functions, against other ways to compute the same."""

    @classmethod
    def setUpClass(cls):
        cls.v = tamper_table.load_verify_py()

    def test_roots_are_those_of_rfc_6962(self):
        leaves = [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"@ABC", b"PQRSTUVW", bytes(range(0x60, 0x70))]
        roots = ["6e340b9c", "fac54203", "aeb6bcfe", "d37ee418", "4e3bbb1f", "76e67dad", "ddb89be4",
                 "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"]
        tree = self.v.Tree(0, [])
        self.assertEqual(tree.root().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        for data, root in zip(leaves, roots):
            tree.append(self.v.leaf_hash(data))
            self.assertTrue(tree.root().hex().startswith(root))

    def test_every_range_of_every_small_tree_leads_to_its_root(self):
        leaves = [kit.leaf(b"%d" % i) for i in range(17)]
        for size in range(1, 18):
            root = kit.root(leaves[:size])
            for first in range(size):
                for last in range(first, size):
                    sides = kit.sides(leaves[:size], first, last)
                    left, right = ([self.v.unbase64(item) for item in sides[name]] for name in ("left", "right"))
                    tree = self.v.Tree(first, left)
                    for leaf in leaves[first:last + 1]:
                        tree.append(leaf)
                    self.assertEqual(self.v.root_from(tree, self.v.Sides(left, right), size), root)

    def test_base64_has_one_spelling(self):
        self.assertEqual(self.v.unbase64("AAE="), b"\x00\x01")
        for text in ("AAE", "AAF=", "AAE=\n", " AAE=", "AA-=", "A", "=", "AAE==", "AA E=", "\u0391AE="):
            with self.assertRaises(self.v.Bad):
                self.v.unbase64(text)

    def test_canonical_lines_are_those_that_json_writes(self):
        random.seed(20260501)
        for _ in range(500):
            value = {"a%d" % i: random_value(3) for i in range(4)}
            line = kit.canonical(value)
            self.assertEqual(self.v.canonical(line), value)
            spaced = json.dumps(value, ensure_ascii=False, sort_keys=True).encode()
            if spaced != line:
                with self.assertRaises(self.v.Bad):
                    self.v.canonical(spaced)

    def test_instants_are_microseconds_of_utc(self):
        for text, is_end, value in (
                ("1970-01-01", False, 0), ("1970-01-01", True, 86400 * 10**6), ("2026-05-01", False, kit.MAY_1),
                ("2026-04-30", True, kit.MAY_1), ("2026-05-01T00:00:00.5Z", False, kit.MAY_1 + 500000),
                ("2026-05-01T02:00:00+02:00", True, kit.MAY_1), ("2026-04-30T19:30:00.000001-04:30", False, kit.MAY_1 + 1),
                ("2255-06-05T23:47:34.740991Z", True, 2**53 - 1)):
            self.assertEqual(self.v.micros(text, is_end), value, text)
        for text in ("2255-06-05T23:47:34.740992Z", "2255-06-05", "1969-12-31"):
            with self.assertRaises(self.v.Usage):
                self.v.micros(text, text == "2255-06-05")

    def test_all_keys_of_small_order_are_refused(self):
        self.assertEqual(len(self.v.SMALL_ORDER), 7)
        for public in self.v.SMALL_ORDER:
            for sign in (0, 0x80):
                with self.assertRaises(self.v.Bad):
                    self.v.LogKey(kit.vkey("gw1", public[:31] + bytes([public[31] | sign])))

    def test_signatures_with_a_large_s_are_refused(self):
        key = case.vault().log_key
        signature = key.sign(b"message")
        self.assertTrue(self.v.signature_is_valid(key.public, b"message", signature))
        self.assertFalse(self.v.signature_is_valid(key.public, b"message", kit.plus_order(signature)))
        self.assertFalse(self.v.signature_is_valid(key.public, b"messagE", signature))


def random_value(depth):
    kind = random.randrange(7 if depth else 4)
    if kind == 0:
        return random.randint(-(2**53 - 1), 2**53 - 1)
    if kind == 1:
        return random.choice([True, False, 0, -1])
    if kind in (2, 3):
        return "".join(random.choice("az09\"\\/ \u00e9\u2028\ufeff\U0001f600\u00a0~") for _ in range(random.randrange(6)))
    if kind == 4:
        return [random_value(depth - 1) for _ in range(random.randrange(4))]
    return {random.choice("abcdefgh_019") * random.randint(1, 3): random_value(depth - 1) for _ in range(random.randrange(4))}


if __name__ == "__main__":
    unittest.main()
