#!/usr/bin/env python3
"""Writes the golden evidence lines, independently of Talon: Python's json.dumps in the canonical spelling.

    ./write.py            prints what records.jsonl must hold
    ./write.py --check    exits 1 if records.jsonl differs

The same records are built by tests/unit/core/evidence_record.cpp, which compares its lines with the file (and rewrites
it when TALON_BLESS=1). Whoever changes the format changes both on purpose.
"""
import base64
import json
import pathlib
import sys

ID = "ev_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def h(byte):
    return base64.b64encode(bytes([byte]) * 32).decode()


def common(seq, kind, **more):
    return {"v": 1, "seq": seq, "id": ID, "time": 1777636800123456, "kind": kind, **more}


RECORDS = [
    common(0, "genesis", tenant="acme", origin="gw1/t/" + "ab" * 32, key="gw1+0123abcd+AQID", export_key="RWQBAg==", writer="talon/0.1.0"),
    common(1, "mark", tenant="acme"),
    common(2, "mark", clock=1777636700000000),
    common(3, "boot", version="0.1.0", clean=True, interrupted=0),
    common(4, "boot", version="0.1.0", interrupted=3, clock=1),
    common(5, "operator", actor="config", action="keys_loaded"),
    common(6, "operator", actor="127.0.0.1", action="refused", target="a\u2028b", count=12, tenant="ü\"\\/顧客"),
    common(7, "request", tenant="acme", request_id="req_1", caller="", key_id="k1", session="s1", attribution="key",
           ask={"endpoint": "/v1/chat/completions"}, decision={"outcome": "denied", "code": "invalid_request"}, timing={"total_us": 12}),
    common(9007199254740991, "request", tenant="acme", clock=1777636800000000, request_id="req_2", caller="customer-acme-app1", key_id="key_01",
           session="call-1", attribution="session", trace="4bf92f3577b34da6a3ce929d0e0e4736", status=200, count=3,
           ask={"endpoint": "/v1/chat/completions", "model": "gpt-4o-mini", "stream": True, "n": 2, "max_tokens": 100},
           decision={"outcome": "allowed", "code": "daily_cost_exceeded", "shadow": True, "policy": h(1), "prices": h(2)},
           route={"policy": "fallback", "attempts": [
               {"provider": "openai", "model": "gpt-4o-mini", "status": 503, "error": "provider_error", "ttfb_us": 5, "duration_us": 10},
               {"provider": "anthropic", "duration_us": 0}]},
           usage={"basis": "counted", "input": 1, "output": 2, "cached_read": 3, "cached_write": 4, "reasoning": 5, "audio_us": 6, "characters": 7},
           cost={"nano_usd": 1350000, "held_nano_usd": 9007199254740991, "priced": True},
           timing={"total_us": 1000, "own_us": 30, "ttft_us": 400},
           bodies={"key": 1, "request": h(3), "upstream": h(4), "response": h(5)}),
    common(8, "request", request_id="req_3", caller="ops", key_id="k2", session="ses", attribution="call", ask={"endpoint": "/v1/embeddings"},
           decision={"outcome": "interrupted"}, route={"attempts": []}, usage={"basis": "estimated"}, cost={"nano_usd": 0, "held_nano_usd": 0},
           timing={"total_us": 0}, bodies={"key": 2}),
    common(10, "operator", tenant="acme", actor="ops", action="tenant.tier", target="acme",
           changes=[{"member": "tier", "before": "growth", "after": "scale"}, {"member": "reason", "after": "a \"grown\" shop"},
                    {"member": "pending_tier", "before": "growth"}]),
    common(11, "attribution", tenant="acme", event="attributed", session="call-1", nano_usd=1350007,
           calls=[{"id": ID, "nano_usd": 1350000}, {"id": ID, "nano_usd": 7}]),
    common(12, "attribution", event="released", session="call-1", nano_usd=0, calls=[{"id": ID, "nano_usd": 0}]),
]


def lines():
    return "".join(json.dumps(r, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n" for r in RECORDS)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        golden = pathlib.Path(__file__).with_name("records.jsonl").read_bytes()
        sys.exit(0 if golden == lines().encode() else "records.jsonl is not what write.py writes")
    sys.stdout.buffer.write(lines().encode())
