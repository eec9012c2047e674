# ctest: timeout=240
"""A disk that is full, breaks, or is read from slowly (issue: "What must be seen", 9; evidence.md §4, "States")."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_disk import FailingDisk, reading, used_bytes  # noqa: E402
from talon_world import (  # noqa: E402
    ACME, ResponseError, WorldCase, chat_body, in_threads, request, wait_until)

RESERVE = 64 << 20
MIB = 1 << 20


def begin(case, world, sim, **members):
    """Sends a chat call and leaves it at the provider. Returns its connection."""
    connection = world.connect()
    case.addCleanup(connection.close)
    connection.send(request("POST", "/v1/chat/completions", chat_body(**members), key=ACME, headers=[("X-Sim", sim)]))
    return connection


class FullDisk(WorldCase):
    def nearly_full(self, **more):
        """A world whose disk has room for the reserve and not a page more."""
        world = self.world(start=False, **more)
        disk = FailingDisk(world)
        disk.fail(f"allocate ENOSPC beyond {used_bytes(world) + RESERVE + 2 * MIB}")
        world.start()
        self.assertEqual(world.fetch("GET", "/readyz", key=None).status, 200)
        return world, disk

    def fill(self, world, disk):
        """Calls until none is admitted any more; each one that was has its record. Returns the refusal."""
        disk.fail("allocate ENOSPC")
        for _ in range(200):
            response = world.chat()
            if response.status != 200:
                self.assertEqual((response.status, response.code), (503, "vault_unavailable"), response)
                return response
            self.assertTrue(response.complete)
        self.fail("200 calls fit where there was no room for a page")

    def test_a_full_disk_admits_nothing_forwards_nothing_and_recovers_alone(self):
        world, disk = self.nearly_full()
        refused = self.fill(world, disk)
        self.assertTrue(refused.complete)
        self.assertIsNone(refused.evidence_id)
        self.assertIn("recorded", refused.json()["error"]["message"])
        forwarded, recorded = world.simulator.count(), len(world.calls())
        self.assertEqual(recorded, forwarded)

        for target, body in (("/v1/chat/completions", chat_body(stream=True)),
                             ("/v1/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "a"}),
                             ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "a"}),
                             ("/v1/proxy/openai/chat/completions", chat_body())):
            response = world.fetch("POST", target, body)
            self.assertEqual((response.status, response.code), (503, "vault_unavailable"), target)
        self.assertEqual(world.simulator.count(), forwarded, "a refused call was forwarded")

        ready = world.fetch("GET", "/readyz", key=None)
        self.assertEqual((ready.status, ready.json()), (503, {"status": "vault_full"}))
        self.assertEqual(world.fetch("GET", "/healthz", key=None).status, 200)
        self.assertEqual(world.chat(key="nobody's").status, 401)
        # Reads go on, over HTTP and beside the server.
        self.assertEqual(world.fetch("GET", "/v1/evidence").status, 200)
        self.assertEqual(world.fetch("GET", "/v1/costs").status, 200)
        self.assertEqual(world.tenant()["request_count"], recorded)
        world.verify()

        wait_until(lambda: any(line.get("event") == "vault_state" and line.get("state") == "full" for line in world.log()),
                   10, "a log line that says that the vault is full")
        codes = [line.get("code") for line in world.log() if line.get("status") == 503 and line["route"] != "/readyz"]
        self.assertEqual(codes, ["vault_unavailable"] * 5, "each refusal is counted by its line")

        before = world.pid
        disk.heal()
        wait_until(lambda: world.fetch("GET", "/readyz", key=None).status == 200, 10, "a vault that recovered alone")
        self.assertEqual(world.chat().status, 200)
        wait_until(lambda: world.log()[-1] and any(line.get("state") == "ok" for line in world.log()), 10,
                   "a log line that says that the vault is well")
        self.assertEqual(world.pid, before)
        world.stop()
        world.verify()
        self.assertEqual(len(world.calls()), recorded + 1)

    def test_calls_in_flight_commit_into_the_reserve(self):
        world, disk = self.nearly_full()
        plain = begin(self, world, "hold")
        streams = [begin(self, world, "hold=3;events=6", stream=True) for _ in range(4)]
        world.simulator.wait_held(5)
        self.fill(world, disk)
        world.simulator.release()
        answer = plain.read_response()
        self.assertEqual((answer.status, answer.complete), (200, True), answer)
        self.assertEqual(world.call_of(answer)["decision"]["outcome"], "allowed")
        for connection in streams:
            response = connection.read_response()
            self.assertTrue(response.complete)
            self.assertEqual(response.events()[-1], "[DONE]")
            self.assertEqual(world.call_of(response)["decision"]["outcome"], "allowed")
        self.assertEqual(world.chat().code, "vault_unavailable", "the disk is still full")
        world.stop()
        self.assertNotIn("interrupted", [record["decision"]["outcome"] for record in world.calls()])
        disk.heal()
        world.start()
        self.assertEqual(world.chat().status, 200)
        world.verify()

    def test_a_batched_vault_on_a_full_disk_admits_nothing_either(self):
        world, disk = self.nearly_full(durability="batched")
        held = begin(self, world, "hold=3;events=6", stream=True)
        world.simulator.wait_held(1)
        self.fill(world, disk)
        forwarded = world.simulator.count()
        self.assertEqual(world.chat().code, "vault_unavailable")
        self.assertEqual(world.simulator.count(), forwarded)
        world.simulator.release()
        self.assertEqual(held.read_response().events()[-1], "[DONE]")
        self.assertEqual(len(world.calls()), forwarded)
        disk.heal()
        wait_until(lambda: world.fetch("GET", "/readyz", key=None).status == 200, 10, "a vault that recovered alone")
        self.assertEqual(world.chat().status, 200)
        world.stop()
        world.verify()

    def test_a_start_on_a_full_disk_serves_reads_and_waits_for_room(self):
        world = self.world(start=False)
        disk = FailingDisk(world)
        world.start()
        self.assertEqual(world.chat().status, 200)
        world.stop()
        disk.fail("allocate ENOSPC")
        world.start()
        self.assertEqual(world.fetch("GET", "/readyz", key=None).status, 503)
        self.assertEqual(world.chat().code, "vault_unavailable")
        self.assertEqual(len(world.fetch("GET", "/v1/evidence").json()["records"]), 2)
        disk.heal()
        wait_until(lambda: world.fetch("GET", "/readyz", key=None).status == 200, 10, "a vault that found room")
        self.assertEqual(world.chat().status, 200)
        world.stop()
        world.verify()

    def test_init_on_a_full_disk_leaves_nothing_and_says_why(self):
        world = self.world(start=False, simulator=False)
        FailingDisk(world).fail("write ENOSPC")
        elsewhere = world.folder / "elsewhere"
        world.environment["TALON_FAULT_DIR"] = str(elsewhere)
        made = world.cli("--data-dir", elsewhere, "init", check=3)
        self.assertEqual(made.stdout, b"")
        self.assertEqual(made.stderr.count(b"\n"), 1, made.stderr)
        self.assertFalse(elsewhere.exists() and [entry for entry in elsewhere.iterdir() if entry.name != "serve.lock"])
        del world.environment["LD_PRELOAD"]
        world.cli("--data-dir", elsewhere, "init", check=0)


class BrokenDisk(WorldCase):
    def broken(self, fault, durability="strict"):
        """A world with a call and a stream at the provider, whose disk then fails. Returns what each of them and of
        three new calls got, and how long the process took to end after the first of them had its answer."""
        world = self.world(start=False, durability=durability)
        disk = FailingDisk(world)
        world.start()
        self.assertEqual(world.chat().status, 200)
        stream, plain = begin(self, world, "hold=3;events=6", stream=True), begin(self, world, "hold")
        world.simulator.wait_held(2)
        first = stream.read_until(b"\n\n")
        forwarded = world.simulator.count()
        disk.fail(fault)
        answers = in_threads(3, lambda index: self.answer(world))
        failed_at = time.monotonic()
        status = world.process.wait(20)
        took = time.monotonic() - failed_at
        self.assertEqual(status, 3, world.log_tail())
        rest = first + stream.read_to_end()
        self.assertNotIn(b"[DONE]", rest)
        self.assertIn(b"data: {\"error\":", rest, "the stream ends in an error event")
        self.assertFalse(rest.endswith(b"0\r\n\r\n"), "the stream's framing says that it is whole")
        return world, disk, answers, plain.read_to_end(), forwarded, took

    def answer(self, world):
        try:
            return world.chat("new")
        except (ResponseError, OSError) as error:
            return error

    def check_ending(self, fault):
        world, disk, answers, plain, forwarded, took = self.broken(fault)
        self.assertLess(took, 1.5, "exit 3 comes within about a second")
        for response in answers:
            # Whoever comes when the process is gone already is refused by the system.
            if not isinstance(response, Exception):
                self.assertEqual((response.status, response.code), (503, "vault_unavailable"), response)
        self.assertTrue(any(not isinstance(response, Exception) for response in answers), answers)
        self.assertFalse(plain.startswith(b"HTTP/1.1 2"), "a call without a record ends well")
        self.assertEqual(world.simulator.count(), forwarded, "a call whose intent is not on disk was forwarded")
        (line,) = [line for line in world.log() if line.get("event") == "vault_failed"]
        self.assertEqual(line["level"], "error")
        self.assertTrue(line["message"])

        # What is on disk is sound as it was left, and after the next start; the calls in flight are `interrupted`.
        disk.heal()
        world.verify()
        world.start()
        outcomes = [record["decision"]["outcome"] for record in world.calls()]
        self.assertEqual(sorted(outcomes[:3]), ["allowed", "interrupted", "interrupted"])
        self.assertLessEqual(set(outcomes[3:]), {"interrupted"})
        self.assertEqual(world.chat().status, 200)
        world.verify()
        world.stop()

    def test_an_io_error_in_the_first_write_of_a_commit_ends_the_process(self):
        self.check_ending("write EIO")

    def test_an_io_error_in_the_second_write_of_a_commit_ends_the_process(self):
        self.check_ending("write EIO after 1")

    def test_an_io_error_in_the_flush_ends_the_process(self):
        self.check_ending("sync EIO")

    def test_an_io_error_in_the_flush_of_the_meta_page_ends_the_process(self):
        self.check_ending("sync EIO after 1")

    def test_no_space_inside_a_commit_ends_the_process_like_a_broken_disk(self):
        self.check_ending("write ENOSPC")

    def test_a_batched_vault_on_a_broken_disk_ends_too(self):
        world, disk, _, plain, _, took = self.broken("sync EIO", durability="batched")
        self.assertLess(took, 1.5)
        self.assertFalse(plain.startswith(b"HTTP/1.1 2"))
        disk.heal()
        world.verify()
        world.start()
        self.assertEqual(world.chat().status, 200)
        world.stop()
        world.verify()

    def test_an_outcome_that_cannot_be_written_is_no_good_end(self):
        world = self.world(start=False)
        disk = FailingDisk(world)
        world.start()
        stream, plain = begin(self, world, "hold=3;events=6", stream=True), begin(self, world, "hold")
        world.simulator.wait_held(2)
        first = stream.read_until(b"\n\n")
        disk.fail("sync EIO")
        world.simulator.release()
        self.assertEqual(world.process.wait(20), 3)
        rest = first + stream.read_to_end()
        self.assertNotIn(b"[DONE]", rest)
        self.assertIn(b"data: {\"error\":", rest)
        self.assertFalse(plain.read_to_end().startswith(b"HTTP/1.1 2"))
        disk.heal()
        world.start()
        self.assertEqual([record["decision"]["outcome"] for record in world.calls()], ["interrupted"] * 2)
        world.verify()

    def test_a_start_on_a_broken_disk_is_one_sentence_and_exit_3(self):
        world = self.world(start=False, simulator=False)
        disk = FailingDisk(world)
        for fault in ("write EIO", "sync EIO", "write EIO after 2"):
            disk.fail(fault)
            started = world.cli("serve", check=3)
            last = started.stderr.decode().splitlines()[-1]
            self.assertTrue(last.startswith("talon: "), started.stderr)
            self.assertEqual(started.stdout, b"")
        disk.heal()
        world.verify()
        world.start()
        world.stop()


class SlowReaders(WorldCase):
    CALLS = 300

    def load(self, world):
        """Calls on eight connections; returns by how many bytes the store grew."""
        before = used_bytes(world)

        def client(index):
            with world.connect() as connection:
                for _ in range(self.CALLS // 8):
                    response = connection.exchange(request("POST", "/v1/chat/completions", chat_body(), key=ACME))
                    self.assertEqual(response.status, 200)

        in_threads(8, client)
        return used_bytes(world) - before

    def export(self, world, output=subprocess.PIPE):
        process = subprocess.Popen(world.command("audit", "export", "--tenant", "acme", "--format", "ndjson"),
                                   stdout=output, stderr=subprocess.DEVNULL, env=world.environment, cwd=world.folder)
        self.addCleanup(process.stdout.close) if process.stdout else None
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def asleep(self, process):
        return Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ST"

    def killed_while_reading(self, world):
        """An export that was killed inside a read transaction, and so left a reader behind."""
        dice = random.Random(1)
        for _ in range(400):
            with open(os.devnull, "wb") as nowhere:
                process = self.export(world, nowhere)
            time.sleep(dice.uniform(0.004, 0.04))  # not for synchronisation: the place where it stops is drawn
            process.send_signal(signal.SIGSTOP)
            caught = process.poll() is None and reading(world, process.pid)
            process.kill()
            process.wait()
            if caught:
                return process.pid
        self.skipTest("no export could be stopped inside a read transaction")

    def test_an_export_that_is_stopped_or_killed_under_load_does_not_make_the_file_grow(self):
        world = self.world(keep=False)
        self.load(world)
        alone = self.load(world)
        bound = alone * 3 // 2 + MIB

        # Blocked by a reader of its output that does not read, then stopped as well.
        stopped = self.export(world)
        wait_until(lambda: self.asleep(stopped), 10, "an export that waits for its reader")
        stopped.send_signal(signal.SIGSTOP)
        self.assertFalse(reading(world, stopped.pid), "a read transaction is open while a pipe is written")
        self.assertLess(self.load(world), bound, f"grown beside a stopped export; alone it was {alone}")
        stopped.send_signal(signal.SIGCONT)
        lines = stopped.stdout.read().splitlines()
        self.assertEqual(stopped.wait(), 0)
        self.assertGreaterEqual(len(lines), 2 * (self.CALLS // 8 * 8))

        # Killed inside a transaction: its slot is found dead and freed within seconds, while calls go on.
        pid = self.killed_while_reading(world)
        self.assertTrue(reading(world, pid))
        over = threading.Event()

        def calls(index):
            while not over.is_set():
                self.assertEqual(world.chat().status, 200)

        thread = threading.Thread(target=calls, args=(0,), daemon=True)
        thread.start()
        try:
            wait_until(lambda: not reading(world, pid), 8, "the dead reader's slot freed")
        finally:
            over.set()
            thread.join(20)
        self.load(world)  # what was kept for the dead one is used up first
        self.assertLess(self.load(world), bound, f"grown after a killed export; alone it was {alone}")
        world.stop()
        world.verify()


if __name__ == "__main__":
    unittest.main()
