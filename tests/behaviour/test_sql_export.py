"""`talon audit export --format sqlite|csv`: the quickstart's tables, columns and SQL (acceptance.md V24)."""

import csv
import io
import json
import sqlite3
import subprocess
import sys
import unittest
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import WorldCase  # noqa: E402

SHARED = "talon-gw-shared-key-0123456789"
WITH_SHARED = {"auth": {"api_keys": [{"name": "shared", "key": SHARED}]}}
# As the quickstart prints it.
QUICKSTART = """SELECT tenant_id,
COUNT(*) AS session_count,
SUM(total_cost_usd) AS total_cost
FROM sessions
WHERE started_at >= '2026-05-01'
GROUP BY tenant_id
ORDER BY total_cost DESC;"""
TABLES = {
    "requests": "id timestamp project modality model_id provider input_units output_units cost_usd pricing_source ttfb_ms total_latency_ms status fallback_from error_message metadata session_id tenant_id",
    "sessions": "id project started_at ended_at modalities total_cost_usd request_count talk_time_seconds per_minute_cost_usd response_speed_p50_ms response_speed_p95_ms talk_over_rate replay_size_bytes tenant_id",
    "turns": "id session_id turn_index caller_speak_start_ms caller_speak_end_ms agent_speak_start_ms agent_speak_end_ms response_speed_ms created_at tenant_id",
    "dead_air_events": "id session_id started_at_ms duration_ms threshold_used_ms created_at tenant_id",
    "replay_stt_events": "id session_id t_ms payload provider cost_usd created_at tenant_id",
    "replay_llm_tokens": "id session_id t_ms payload provider cost_usd created_at tenant_id",
    "replay_tts_frames": "id session_id t_ms payload provider cost_usd created_at tenant_id",
    "replay_state_snapshots": "id session_id t_ms payload created_at tenant_id",
}


class SqlExport(WorldCase):
    def filled(self):
        world = self.world(WITH_SHARED)
        for tenant, session in (("acme", "a"), (None, "later"), (None, None), ('comma, "quote"', None)):
            headers = ([("X-Talon-Tenant-Id", quote(tenant))] if tenant else []) + ([("X-Talon-Session-Id", session)] if session else [])
            self.assertEqual(world.chat(key=SHARED, headers=headers).status, 200)
        # What was nobody's becomes acme's, with the call it had.
        self.assertEqual(world.chat(key=SHARED, headers=[("X-Talon-Tenant-Id", "acme"), ("X-Talon-Session-Id", "later")]).status, 200)
        self.assertEqual(world.chat(sim="status=500").status, 500)
        return world

    def export(self, world, *arguments, check=0):
        file = world.folder / f"out-{len(list(world.folder.glob('out-*')))}.sqlite"
        done = world.cli("audit", "export", *arguments, "--format", "sqlite", "--output", file, check=check)
        return file, done

    def rows(self, file, sql):
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def test_the_quickstarts_query_runs_as_printed(self):
        world = self.filled()
        file, done = self.export(world, "--all")
        self.assertIn(b"6 calls in", done.stderr)
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        shown = subprocess.run(["sqlite3", "-json", str(file), QUICKSTART], capture_output=True, text=True, check=True).stdout
        index = json.loads(world.cli("tenant", "list", "--json", check=0).stdout)
        expected = {row["tenant_id"]: row for row in index["tenants"]} | {None: index["unattributed"]}
        found = {row["tenant_id"]: row for row in json.loads(shown)}
        self.assertEqual(set(found), set(expected))
        for tenant, row in found.items():
            self.assertEqual(row["session_count"], expected[tenant]["session_count"], tenant)
            self.assertAlmostEqual(row["total_cost"], expected[tenant]["total_cost_usd"], 9)

    def test_tables_and_columns_are_the_quickstarts(self):
        world = self.filled()
        file, _ = self.export(world, "--all")
        for table, columns in TABLES.items():
            names = [row[1] for row in self.rows(file, f"PRAGMA table_info({table})")]
            self.assertEqual(names[:len(columns.split())], columns.split(), table)
            if table not in ("requests", "sessions"):
                self.assertEqual(self.rows(file, f"SELECT COUNT(*) FROM {table}"), [(0,)])
        self.assertEqual(self.rows(file, "PRAGMA integrity_check"), [("ok",)])
        self.assertEqual(self.rows(file, "SELECT COUNT(*) FROM requests r JOIN sessions s ON s.id = r.session_id AND s.tenant_id IS r.tenant_id"), [(6,)])
        self.assertEqual(self.rows(file, "SELECT status, error_message FROM requests WHERE status <> 'success'"), [("error", "provider_error")])
        sums = "SELECT tenant_id, COUNT(*), SUM(cost_nano_usd) FROM requests GROUP BY tenant_id ORDER BY 1"
        self.assertEqual(self.rows(file, sums), self.rows(file, "SELECT tenant_id, SUM(request_count), SUM(total_cost_nano_usd) FROM sessions GROUP BY tenant_id ORDER BY 1"))

    def test_selectors_choose_as_for_the_other_formats(self):
        world = self.filled()
        for selector, tenants, calls in ((("--tenant", "acme"), {"acme"}, 4), (("--unattributed",), {None}, 1), (("--all",), {"acme", None, 'comma, "quote"'}, 6)):
            file, _ = self.export(world, *selector)
            self.assertEqual({row[0] for row in self.rows(file, "SELECT tenant_id FROM requests UNION SELECT tenant_id FROM sessions")}, tenants)
            self.assertEqual(self.rows(file, "SELECT COUNT(*) FROM requests"), [(calls,)])
        file, _ = self.export(world, "--all", "--to", "2020-01-01")
        self.assertEqual(self.rows(file, "SELECT COUNT(*) FROM requests"), [(0,)])
        file, done = self.export(world, "--tenant", "nobody", check=1)
        self.assertFalse(file.exists())
        self.assertFalse(list(world.folder.glob(".*part")), "nothing is left behind")
        self.export(world, "--operator", check=2)
        file, _ = self.export(world, "--all")
        world.cli("audit", "export", "--all", "--format", "sqlite", "--output", file, check=3)
        world.cli("audit", "export", "--all", "--format", "sqlite", "--output", file, "--force", check=0)
        piped = world.cli("audit", "export", "--all", "--format", "sqlite", check=0).stdout
        self.assertEqual(piped, file.read_bytes(), "a pipe gets the same bytes")

    def test_csv_is_the_table_of_requests(self):
        world = self.filled()
        file, _ = self.export(world, "--all")
        text = world.cli("audit", "export", "--all", "--format", "csv", check=0).stdout.decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        self.assertEqual(list(rows[0])[:18], TABLES["requests"].split())
        kept = self.rows(file, "SELECT id, tenant_id, cost_nano_usd, session_id, metadata FROM requests ORDER BY timestamp, id")
        self.assertEqual(sorted((row["id"], row["tenant_id"] or None, int(row["cost_nano_usd"]), row["session_id"], row["metadata"]) for row in rows), sorted(kept))
        self.assertTrue(all(line.endswith("\r") for line in text.split("\n")[:-1]))


if __name__ == "__main__":
    unittest.main()
