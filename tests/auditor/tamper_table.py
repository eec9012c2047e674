#!/usr/bin/env python3
"""The tamper table: every case with the exit and the failed check ids it must get.

    tamper_table.py                              against examples/auditor/verify.py
    tamper_table.py --verifier talon             against the binary named by $TALON_BIN
    tamper_table.py --verifier both              both; also where the two differ from each other
    tamper_table.py --every-byte                 each byte of one small bundle changed once: none is accepted
    tamper_table.py --verifier both --random N   N bundles with changes drawn by lot (--seed S): the two agree
    tamper_table.py --mutate B.talon --key K     the changes that need no key, on a bundle made by the binary
    tamper_table.py --write DIR                  also keep the cases: DIR/NNN/{bundle...,case.json}
    tamper_table.py --only WORDS                 the cases whose name contains WORDS

Prints the disagreements and ends with 1 if there are any.
"""

import argparse
import concurrent.futures
import functools
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import bundlekit as kit
import case
import cases_asked
import cases_container
import cases_edited
import cases_random
import cases_signed

HERE = os.path.dirname(os.path.abspath(__file__))
VERIFY_PY = os.path.join(HERE, "..", "..", "examples", "auditor", "verify.py")


def all_cases():
    cases = cases_edited.cases() + cases_signed.cases() + cases_container.cases() + cases_asked.cases()
    names = [one.name for one in cases]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    return cases


# ------------------------------------------------------------------------- verifiers

class Answer:
    """Exit, failed check ids, and whether stdout and stderr kept the rules of --json."""

    def __init__(self, code, out, err):
        self.exit, self.failed, self.fault, self.report = code, frozenset(), None, None
        try:
            if code in (2, 3):
                if out:
                    self.fault = "stdout is not empty"
                elif not isinstance(json.loads(err.splitlines()[-1])["error"]["message"], str):
                    self.fault = "no error object on stderr"
            else:
                self.report = json.loads(out)
                self.failed = frozenset(check["id"] for check in self.report["checks"] if check["status"] == "fail")
                if self.report["exit"] != code:
                    self.fault = "the report says exit %s" % self.report["exit"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            self.fault = "no report: %r; %s" % (error, (out + err)[-300:])

    def text(self):
        return "%s %s%s" % (self.exit, " ".join(sorted(self.failed)) or "-", " (%s)" % self.fault if self.fault else "")


def load_verify_py():
    """verify.py as a module; runs of openssl are remembered by (key, message, signature)."""
    spec = importlib.util.spec_from_file_location("verify", VERIFY_PY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.openssl_verify = functools.lru_cache(maxsize=None)(module.openssl_verify)
    return module


class VerifyPy:
    name = "verify.py"

    def __init__(self):
        self.module = load_verify_py()

    def __call__(self, path, arguments):
        return Answer(*self.module.run([path, "--no-local", *arguments, "--json"]))


class Talon:
    name = "talon"

    def __init__(self):
        self.binary = os.environ.get("TALON_BIN")
        if not self.binary or not os.access(self.binary, os.X_OK):
            raise SystemExit("TALON_BIN must name the talon binary (it is %r)" % self.binary)

    def __call__(self, path, arguments):
        command = [self.binary, "audit", "verify", path, "--no-local", *arguments, "--json"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=60, check=False)
        except subprocess.TimeoutExpired:
            return Answer(-1, "", "no answer within 60 s")
        return Answer(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def verifiers(word):
    return {"verify.py": [VerifyPy], "talon": [Talon], "both": [VerifyPy, Talon]}[word]


# ------------------------------------------------------------------------- the table

class Keys:
    """Key files in a folder; fills {pub} and the like in arguments."""

    def __init__(self, folder):
        self.words = dict(case.key_words())
        for name, data in case.key_files().items():
            self.words[name] = os.path.join(folder, name + ".pub")
            with open(self.words[name], "wb") as file:
                file.write(data)

    def fill(self, arguments):
        return [self.words[word[1:-1]] if word.startswith("{") else word for word in arguments]


def memory_folder():
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def gather(work, items, show):
    """All sentences that work(item) gives, several items at a time: most of the time goes to other processes."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        sentences = [sentence for some in pool.map(work, items) for sentence in some]
    for sentence in sentences:
        show("DIFFERS  " + sentence)
    return sentences


def run_table(cases, chosen, write=None, show=print):
    """The disagreements, as sentences."""
    with tempfile.TemporaryDirectory(prefix="tamper-", dir=memory_folder()) as folder:
        keys = Keys(folder)

        def run(numbered):
            number, one = numbered
            place = os.path.join(folder, "%04d" % number)
            os.mkdir(place)
            path = one.make(place)
            expected = "%s %s" % (one.exit, " ".join(sorted(one.fails)) or "-")
            answers = [(verifier.name, verifier(path, keys.fill(one.arguments))) for verifier in chosen]
            if write:
                keep(one, place, os.path.join(write, "%04d" % number), keys)
            shutil.rmtree(place)
            return ["%s: expected %s; %s says %s" % (one.name, expected, name, answer.text())
                    for name, answer in answers if answer.text() != expected]

        return gather(run, enumerate(cases), show)


def keep(one, place, target, keys):
    shutil.copytree(place, target, symlinks=True, ignore=lambda folder, names: [
        name for name in names if not os.path.islink(os.path.join(folder, name))
        and not os.path.isfile(os.path.join(folder, name)) and not os.path.isdir(os.path.join(folder, name))])
    with open(os.path.join(target, "case.json"), "w", encoding="utf-8") as file:
        json.dump({"name": one.name, "exit": one.exit, "fails": sorted(one.fails), "arguments": one.arguments},
                  file, indent=1)
    for name, data in case.key_files().items():
        with open(os.path.join(target, name + ".pub"), "wb") as file:
            file.write(data)


# ------------------------------------------------------------------------- every byte

def small_bundle():
    """As few bytes as a bundle with every file can have: records 1 and 2 of a log of 3."""
    vault = case.vault()
    log = kit.long_log(vault, 3)
    return kit.build(vault, log, start=log.records[2]["time"], **{"README.txt": kit.always(b"README\n")}).tar


def every_byte(chosen, show=print, fill_step=1):
    """XOR 1 each byte once; of the tar's NUL bytes, where no other stands beside, one in fill_step. No exit 0, none but
    1 and 3, and all verifiers agree."""
    data = small_bundle()
    offsets = [offset for offset in range(len(data)) if any(data[max(0, offset - 1):offset + 2]) or offset % fill_step == 0]
    with tempfile.TemporaryDirectory(prefix="bytes-", dir=memory_folder()) as folder:
        arguments = Keys(folder).fill(["--key", "{pub}"])

        def change(offset):
            path = os.path.join(folder, "%d.talon" % offset)
            with open(path, "wb") as file:
                file.write(data if offset < 0 else kit.flip(data, offset))
            answers = [(verifier.name, verifier(path, arguments)) for verifier in chosen]
            os.remove(path)
            return differences("byte %d" % offset, answers, (0,) if offset < 0 else (1, 3))

        return gather(change, [-1] + offsets, show), len(offsets)


def differences(name, answers, allowed):
    """One sentence, or none: all verifiers give the same answer, and one of the allowed exits."""
    if any(answer.exit not in allowed or answer.fault for _, answer in answers) or len(
            {(answer.exit, answer.failed) for _, answer in answers}) > 1:
        return ["%s: %s" % (name, "; ".join("%s says %s" % (who, answer.text()) for who, answer in answers))]
    return []


# ------------------------------------------------------------------------- several changes at once

def random_changes(chosen, count, seed, show=print):
    """Bundles with one to three changes drawn by lot, some sealed again; the verifiers need only agree."""
    bases = [case.whole().all, case.period().all, kit.build(case.vault(), kit.long_log(case.vault(), 3)).all]
    with tempfile.TemporaryDirectory(prefix="random-", dir=memory_folder()) as folder:
        keys = Keys(folder)
        questions = [keys.fill(words) for words in ([], ["--key", "{pub}"], ["--key", "{pub}", "--tenant", "acme"], ["--key", "{rw}"])]

        def change(number):
            lot = random.Random("%s %d" % (seed, number))
            path = os.path.join(folder, "%d.talon" % number)
            with open(path, "wb") as file:
                file.write(cases_random.changed(lot, lot.choice(bases)))
            arguments = lot.choice(questions)
            answers = [(verifier.name, verifier(path, arguments)) for verifier in chosen]
            os.remove(path)
            return differences("seed %s, number %d, asked %s" % (seed, number, arguments), answers, (0, 1, 3, 4))

        return gather(change, range(count), show)


# ------------------------------------------------------------------------- a bundle made by the binary

def mutations_of(path, key):
    with open(path, "rb") as file:
        files = kit.read_tar(file.read())
    meta = json.loads(files["bundle.json"])
    is_whole = meta["first"] == 0 and meta["last"] == meta["size"] - 1
    return [case.case("untouched", kit.tar(kit.members_of(files)), arguments=["--key", key])] + cases_edited.edited(
        files, is_whole, os.path.basename(path), ["--key", key])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verifier", choices=("verify.py", "talon", "both"), default="verify.py")
    parser.add_argument("--every-byte", action="store_true")
    parser.add_argument("--random", metavar="N", type=int)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--mutate", metavar="BUNDLE")
    parser.add_argument("--key", help="with --mutate: the vault.pub of that bundle")
    parser.add_argument("--write", metavar="DIR")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    chosen = [make() for make in verifiers(options.verifier)]
    if options.every_byte:
        wrong, count = every_byte(chosen)
        print("%d bytes changed one by one, %d wrong answers" % (count, len(wrong)))
    elif options.random:
        wrong = random_changes(chosen, options.random, options.seed)
        print("%d bundles changed by lot, %d disagreements" % (options.random, len(wrong)))
    else:
        cases = mutations_of(options.mutate, options.key) if options.mutate else all_cases()
        cases = [one for one in cases if options.only in one.name]
        wrong = run_table(cases, chosen, options.write)
        print("%d cases, %d disagreements" % (len(cases), len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
