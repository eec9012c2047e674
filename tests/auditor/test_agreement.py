"""The binary ($TALON_BIN) and verify.py, written apart, give the same answers."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bundlekit as kit  # noqa: E402
import case  # noqa: E402
import tamper_table  # noqa: E402


class Agreement(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.environ.get("TALON_BIN"):
            raise AssertionError("TALON_BIN must name the talon binary")
        cls.both = [tamper_table.VerifyPy(), tamper_table.Talon()]

    def test_both_give_every_case_its_exit_and_failed_checks(self):
        cases = tamper_table.all_cases()
        self.assertGreater(len(cases), 1000)
        wrong = tamper_table.run_table(cases, self.both, show=lambda text: None)
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_both_refuse_every_single_changed_byte_for_the_same_reasons(self):
        # Of the tar's NUL bytes between others one in 32; each verifier's own tests change all of them.
        wrong, count = tamper_table.every_byte(self.both, show=lambda text: None, fill_step=32)
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))
        self.assertGreater(count, 2500)

    def test_both_agree_on_changes_drawn_by_lot(self):
        wrong = tamper_table.random_changes(self.both, 500, "agreement", show=lambda text: None)
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_the_reports_of_good_bundles_say_the_same(self):
        vault = case.vault()
        log = kit.acme_log(vault)
        bundles = {
            "whole": case.whole().tar, "period": case.period().tar, "one record": kit.build(vault, kit.long_log(vault, 1)).tar,
            "open end": kit.build(vault, log, end=kit.MAY_1 + 9 * kit.DAY).tar,
            "unattributed": kit.build(vault, case.unattributed_log()).tar, "operator": kit.build(vault, case.operator_log()).tar,
            "odd tenant": kit.build(vault, kit.acme_log(vault, "\u00dcn\u00ef/c\u00f6de %+")).tar,
        }
        members = ("verdict", "exit", "facts", "required", "tenant", "origin", "range", "records", "key", "key_source")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bundle.talon")
            for name, data in bundles.items():
                with open(path, "wb") as file:
                    file.write(data)
                for arguments in ([], ["--key", vault.vkey()], ["--key", vault.rw()], ["--require", "self"]):
                    with self.subTest(bundle=name, arguments=arguments):
                        mine, theirs = (verifier(path, arguments).report for verifier in self.both)
                        self.assertEqual({m: mine[m] for m in members}, {m: theirs.get(m) for m in members})
                        self.assertEqual([(c["id"], c["status"]) for c in mine["checks"]],
                                         [(c["id"], c["status"]) for c in theirs["checks"]])


if __name__ == "__main__":
    unittest.main()
