"""What the proxy benchmark measures with: wrk, an nginx in front of the simulator, CPU time and memory of a process."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")

# wrk's own numbers as one JSON line. A stream that does not end in [DONE] is counted as lost (only when asked: the
# look at each body costs wrk time).
LUA = """
wrk.method = "POST"
wrk.body = [==[%s]==]
%s
local lost = 0
local threads = {}
function setup(thread) table.insert(threads, thread) end
%s
function done(summary, latency, requests)
  local sum = 0
  for _, thread in ipairs(threads) do sum = sum + (thread:get("lost_here") or 0) end
  io.write(string.format('\\n{"requests":%%d,"us":%%d,"p50":%%.1f,"p99":%%.1f,"bytes":%%d,"connect":%%d,"read":%%d,"write":%%d,"status":%%d,"timeout":%%d,"lost":%%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), summary.bytes, summary.errors.connect,
    summary.errors.read, summary.errors.write, summary.errors.status, summary.errors.timeout, sum))
end
"""
WATCH = """
lost_here = 0
function response(status, headers, body)
  if status ~= 200 or not string.find(body, "data: [DONE]", -40, true) then lost_here = lost_here + 1 end
end
"""


def wrk(address, path, body, headers, connections, seconds, watch=False):
    """One run of wrk with one thread; a dict with requests, rps, p50 and p99 in µs and the errors."""
    lines = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in headers)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA % (body, lines, WATCH if watch else ""))
        script.flush()
        done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script.name, f"http://{address}{path}"],
                              capture_output=True, text=True, timeout=seconds + 90)
    if done.returncode != 0:
        raise RuntimeError(f"wrk: {done.stderr or done.stdout}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    result["rps"] = result["requests"] / (result["us"] / 1e6)
    result["errors"] = sum(result[kind] for kind in ("connect", "read", "write", "status", "timeout")) + result["lost"]
    return result


def cpu_seconds(pid):
    """User and system time of a process since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_anon_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


NGINX = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
{user}
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_body_buffer_size 1m; client_max_body_size 64m;
  keepalive_requests 1000000000; keepalive_timeout 600s;
  tcp_nodelay on;
  upstream provider {{ server {upstream}; keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 600s; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering {buffering}; proxy_read_timeout 600s; }}
  }}
}}
"""


class Nginx:
    """nginx as a plain reverse proxy: one worker, kept connections on both sides. `buffering`: "on", or "off" for streams."""

    def __init__(self, upstream, buffering):
        self.folder = Path(tempfile.mkdtemp(prefix="talon-nginx-"))
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        user = "user root;" if os.getuid() == 0 else ""
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self.folder, upstream=upstream, port=self.port, user=user, buffering=buffering))
        self.process = subprocess.Popen(["nginx", "-p", str(self.folder), "-c", str(config), "-g", "daemon off;"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                children = self.children()
                if children:  # the master listens before it has its worker
                    break
                time.sleep(0.02)
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    error = self.folder / "error.log"
                    said = error.read_text() if error.exists() else ""
                    self.stop()
                    raise RuntimeError(f"nginx did not start: {said}") from None
                time.sleep(0.02)
        self.pid = int(children[0])

    def children(self):
        return Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Portkey:
    """The peer that installs anywhere: npm's @portkey-ai/gateway, one process, ungoverned."""

    VERSION = "1.15.2"

    def __init__(self, upstream):
        self.folder = Path(tempfile.mkdtemp(prefix="talon-portkey-"))
        install = ["npm", "install", "--prefix", str(self.folder), "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error",
                   f"@portkey-ai/gateway@{self.VERSION}"]
        done = subprocess.run(install, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise RuntimeError(f"npm cannot install Portkey: {done.stderr[-300:]}")
        self.address = f"127.0.0.1:{free_port()}"
        self.headers = [("x-portkey-provider", "openai"), ("x-portkey-custom-host", f"http://{upstream}/v1")]
        server = self.folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
        self.process = subprocess.Popen(["node", str(server), f"--port={self.address.rpartition(':')[2]}", "--headless"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(self.address.rpartition(":")[2])), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.stop()
                    raise RuntimeError("Portkey did not start") from None
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def fill_registry(world, tenants, keys):
    """Puts so many tenants and keys into a world's vault, which no server has open; answers an API key of the first."""
    done = subprocess.run([os.environ["TALON_BENCH_REGISTRY"], "--fill", str(world.data_dir), "--tenants", str(tenants), "--keys", str(keys)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"bench_registry --fill: {done.stderr}")
    return done.stdout.strip()


def flush_probe(folder, count=300):
    """Median µs of what one commit costs this disk at the least: two writes, each made durable."""
    page = b"\0" * 4096
    times = []
    path = Path(folder) / "flush-probe"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, 1 << 20)
        os.fsync(descriptor)
        for turn in range(count):
            begun = time.perf_counter()
            os.pwrite(descriptor, page, 4096 * (turn % 200))
            os.fdatasync(descriptor)
            os.pwrite(descriptor, page, 0)
            os.fdatasync(descriptor)
            times.append((time.perf_counter() - begun) * 1e6)
    finally:
        os.close(descriptor)
        path.unlink()
    return statistics.median(times)


def first_event_us(address, data, count, connect):
    """Median µs from the last byte of a streaming request to the first event, on one kept connection."""
    times = []
    with connect(address) as connection:
        for turn in range(count + 20):
            begun = time.perf_counter()
            connection.socket.sendall(data)
            response = connection.read_head()
            while b"data:" not in connection.buffer:
                connection._fill()
            spent = (time.perf_counter() - begun) * 1e6
            connection.read_body(response)
            if turn >= 20:
                times.append(spent)
    return statistics.median(times)


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    return {"cpu": model, "cores": os.cpu_count(), "kernel": os.uname().release, "load": os.getloadavg(),
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
