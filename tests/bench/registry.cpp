// How the registry behaves with many tenants and keys: look-up, one key more among a million, start, memory a key.
//
//   bench_registry [--tenants N] [--keys N] [--dir DIR] [--json]
//   bench_registry --fill DATA [--tenants N] [--keys N]     (fills a vault that `talon init` made; tests/bench/registry)
//
// The store is filled through the journal, as the server would, but many rows a commit. Build it optimised. Targets
// (issue "Tenants as accounts"): start to first answer at most 200 ms, at most 256 bytes a key, look-up under 2 us.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "vault/journal/waiting_port.h"
#include "vault/registry/new_keys.h"
#include "vault/registry/row_codec.h"
#include "vault/registry/stored_registry.h"
#include "vault/vault.h"

using namespace talon;
using namespace talon::vault;

namespace {

using Steady = std::chrono::steady_clock;

[[noreturn]] void die(const core::Error& error) {
  fmt::print(stderr, "{}\n", error.message);
  std::exit(3);
}
template <class T>
T need(core::Result<T> result) {
  if (!result) die(result.error());
  return std::move(*result);
}
void need(core::Result<void> result) {
  if (!result) die(result.error());
}

double micros_since(Steady::time_point start) {
  return std::chrono::duration<double, std::micro>(Steady::now() - start).count();
}

/// Resident memory of this process.
std::size_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  in >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::unique_ptr<Vault> serve(const std::filesystem::path& dir, const core::Clock& clock, core::Random& random) {
  return need(Vault::open_for_serving(dir,
                                      {.durability = core::Durability::batched,
                                       .reserve_bytes = 64ull << 20,
                                       .version = "bench",
                                       .known_tenants = {},
                                       .on_failure = [](const core::Error& e) { die(e); }},
                                      clock, random));
}

/// Accounts and keys straight into the tables: what a server with that many would have.
std::vector<Hash> fill(Vault& vault, int tenants, int keys, const core::Clock& clock, core::Random& random) {
  std::vector<Hash> digests;
  digests.reserve(static_cast<std::size_t>(keys));
  const int each = std::max(1, keys / tenants);
  std::mt19937_64 bytes(7);
  for (int t = 0; t < tenants; ++t) {
    auto item = std::make_unique<JournalItem>();
    item->kind = ItemKind::change;
    const auto tenant = need(core::TenantId::parse(fmt::format("tenant-{}", t)));
    item->log = core::LogName::of(tenant);
    std::vector<ApiKeyRow> rows;
    for (int k = 0; k < each; ++k) {
      ApiKeyRow row;
      row.id = id_bytes(core::EvidenceId::make(clock.now(), random));
      for (auto& byte : row.digest) byte = static_cast<std::byte>(bytes() & 0xff);
      row.preview = "sk-...abcdef";
      row.name = fmt::format("key {}", k);
      row.created = clock.now();
      digests.push_back(row.digest);
      rows.push_back(std::move(row));
    }
    item->apply = [tenant, rows = std::move(rows)](WriteTxn& txn, LogNumber log) -> core::Result<void> {
      AccountRow account{.id = tenant};
      account.name = account.email = "someone@example.com";
      account.tier = "growth";
      const auto key = key_of(log);
      TALON_TRY_VOID(txn.put(Table::accounts, key, encode(key, account)));
      for (const auto& row : rows) TALON_TRY_VOID(put_api_key(txn, log, row));
      return {};
    };
    while (vault.journal().submit(item) == Submit::queue_full)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  auto last = std::make_unique<JournalItem>();
  last->kind = ItemKind::barrier;
  need(commit_and_wait(vault.journal(), std::move(last)));
  return digests;
}

/// For benchmarks of the real server: fills what is there, and prints a key of the first of these tenants.
int fill_existing(const std::filesystem::path& dir, int tenants, int keys, const core::Clock& clock,
                  core::Random& random) {
  auto vault = serve(dir, clock, random);
  fill(*vault, tenants, keys, clock, random);
  const auto issued = need(vault->registry().create_api_key(need(core::TenantId::parse("tenant-0")),
                                                            {.name = "bench", .expires = {}}, {"bench"}, {}));
  fmt::print("{}\n", issued.key.reveal());
  return 0;
}

struct Result {
  double start_ms = 0, first_start_ms = 0, loaded_ms = 0, early_us = 0, lookup_ns = 0, miss_ns = 0, create_us = 0,
         revoke_us = 0;
  double bytes_per_key = 0, resident_per_key = 0;
  double insert_ns = 0, insert_max_ns = 0, insert_bytes = 0;
  std::size_t keys = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <class Work>
double nanos_each(std::size_t count, Work work) {
  const auto start = Steady::now();
  for (std::size_t i = 0; i < count; ++i) work(i);
  return micros_since(start) * 1000 / static_cast<double>(count);
}

Result run(const std::filesystem::path& dir, int tenants, int keys, const core::Clock& clock, core::Random& random) {
  Result out;
  std::vector<Hash> digests;
  {
    auto vault = serve(dir, clock, random);
    digests = fill(*vault, tenants, keys, clock, random);
  }
  std::shuffle(digests.begin(), digests.end(), std::mt19937_64(9));
  std::vector<double> starts, loads, early;
  for (int round = 0; round < 5; ++round) {
    const auto start = Steady::now();
    auto vault = serve(dir, clock, random);
    const auto asked = Steady::now();
    if (vault->registry().find(digests[0]) == nullptr) die({core::Code::internal_error, "a key is missing"});
    early.push_back(micros_since(asked));
    starts.push_back(micros_since(start) / 1000);
    need(static_cast<const StoredRegistry&>(vault->registry()).wait_loaded());
    loads.push_back(micros_since(start) / 1000);
  }
  out.first_start_ms = starts[0];
  out.start_ms = median(starts);
  out.loaded_ms = median(loads);
  out.early_us = median(early);

  const auto before = resident_bytes();
  auto vault = serve(dir, clock, random);
  auto& registry = vault->registry();
  need(static_cast<const StoredRegistry&>(registry).wait_loaded());
  const auto& table = static_cast<const StoredRegistry&>(registry).table();
  out.keys = table.size();
  out.bytes_per_key = static_cast<double>(table.bytes()) / static_cast<double>(table.size());
  out.resident_per_key =
      static_cast<double>(resident_bytes() - std::min(before, resident_bytes())) / static_cast<double>(table.size());
  std::size_t found = 0;
  out.lookup_ns = nanos_each(digests.size(), [&](std::size_t i) { found += registry.find(digests[i]) != nullptr; });
  if (found != digests.size()) die({core::Code::internal_error, "keys are missing"});
  auto strangers = digests;
  for (auto& digest : strangers) digest[31] ^= std::byte{1};
  out.miss_ns = nanos_each(strangers.size(), [&](std::size_t i) { found += registry.find(strangers[i]) != nullptr; });

  // A copy of the table, since the vault's is its own: what a key more takes when its commit is done.
  KeyTable copy;
  copy.begin_load(static_cast<std::uint32_t>(table.size()));
  std::uint32_t number = 0;
  table.each([&](const KeyEntry& entry) {
    copy.load(number++, {.digest = entry.digest, .id = entry.id, .tenant = entry.tenant, .expires = entry.expires});
  });
  copy.end_load();
  std::vector<double> inserts;
  const auto held = copy.bytes();
  std::mt19937_64 more(11);
  for (int i = 0; i < 10'000; ++i) {
    KeyTable::NewEntry fresh;
    for (auto& byte : fresh.digest) byte = static_cast<std::byte>(more() & 0xff);
    const auto start = Steady::now();
    copy.insert(fresh);
    inserts.push_back(micros_since(start) * 1000);
  }
  out.insert_ns = median(inserts);
  out.insert_max_ns = *std::max_element(inserts.begin(), inserts.end());
  out.insert_bytes = static_cast<double>(copy.bytes() - held) / 10'000;

  std::vector<double> creates, revokes;
  const auto tenant = need(core::TenantId::parse("tenant-0"));
  for (int i = 0; i < 200; ++i) {
    auto start = Steady::now();
    const auto issued = need(registry.create_api_key(tenant, {.name = "one more", .expires = {}}, {"bench"}, {}));
    creates.push_back(micros_since(start));
    start = Steady::now();
    if (auto gone = registry.revoke_api_key(tenant, issued.row.id, {"bench"}); !gone) die(gone.error());
    revokes.push_back(micros_since(start));
  }
  out.create_us = median(creates);
  out.revoke_us = median(revokes);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  int tenants = 100'000, keys = 1'000'000;
  std::filesystem::path base = std::filesystem::temp_directory_path();
  std::filesystem::path existing;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--json") {
      json = true;
    } else if (i + 1 < argc && flag == "--tenants") {
      tenants = std::stoi(argv[++i]);
    } else if (i + 1 < argc && flag == "--keys") {
      keys = std::stoi(argv[++i]);
    } else if (i + 1 < argc && flag == "--dir") {
      base = argv[++i];
    } else if (i + 1 < argc && flag == "--fill") {
      existing = argv[++i];
    } else {
      fmt::print(stderr,
                 "usage: bench_registry [--tenants N] [--keys N] [--dir DIR] [--json]\n       bench_registry --fill "
                 "DATA ...\n");
      return 2;
    }
  }
  if (!existing.empty()) {
    const core::SystemClock wall;
    core::SystemRandom bits;
    return fill_existing(existing, tenants, keys, wall, bits);
  }
  std::string name = (base / "talon-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return 3;
  const core::SystemClock clock;
  core::SystemRandom random;
  const auto dir = std::filesystem::path(name) / "data";
  need(init_vault(dir, "bench", "bench", clock, random));
  const auto r = run(dir, tenants, keys, clock, random);
  if (json) {
    fmt::print(
        "{{\"tenants\":{},\"keys\":{},\"start_ms\":{:.1f},\"first_start_ms\":{:.1f},\"loaded_ms\":{:.1f},"
        "\"early_us\":{:.1f},\"lookup_ns\":{:.0f},"
        "\"miss_ns\":{:.0f},\"create_key_us\":{:.0f},\"revoke_key_us\":{:.0f},\"bytes_per_key\":{:.1f},"
        "\"resident_per_key\":{:.1f},\"insert_ns\":{:.0f},\"insert_max_ns\":{:.0f},\"insert_bytes\":{:.1f}}}\n",
        tenants, r.keys, r.start_ms, r.first_start_ms, r.loaded_ms, r.early_us, r.lookup_ns, r.miss_ns, r.create_us,
        r.revoke_us, r.bytes_per_key, r.resident_per_key, r.insert_ns, r.insert_max_ns, r.insert_bytes);
  } else {
    fmt::print("{} tenants, {} keys\n", tenants, r.keys);
    fmt::print("start (median of 5, first)   {:>8.1f} {:.1f} ms   (target 200)\n", r.start_ms, r.first_start_ms);
    fmt::print("all keys in memory           {:>8.1f} ms; a key found before that took {:.1f} us\n", r.loaded_ms,
               r.early_us);
    fmt::print("look-up, known and unknown   {:>8.0f} {:.0f} ns   (target 2000)\n", r.lookup_ns, r.miss_ns);
    fmt::print("one key more in the table    {:>8.0f} ns, at most {:.0f}; {:.0f} bytes\n", r.insert_ns, r.insert_max_ns,
               r.insert_bytes);
    fmt::print("create, revoke one key more  {:>8.0f} {:.0f} us\n", r.create_us, r.revoke_us);
    fmt::print("bytes a key: table, process  {:>8.1f} {:.1f}      (target 256)\n", r.bytes_per_key, r.resident_per_key);
  }
  std::error_code ignored;
  std::filesystem::remove_all(name, ignored);
  return 0;
}
