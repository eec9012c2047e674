// bench_vault: what the vault costs. Prints a table and, with --json, one JSON document; asserts nothing.
//
//   bench_vault [--seconds S] [--records N] [--open C] [--rate WORD] [--dir DIR] [--json]     (C: only that many open calls;
//               WORD: only rates with it in their name; 0 seconds, 0 records: none of that kind)
//
// journal: C closed-loop calls, each an intent and then its record, both waited for (strict) or not (batched).
// CPU is the journal thread's own (/proc/self/task/TID/schedstat), so what the producers do is not in it.
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <string_view>
#include <thread>

#include "vault/bundle/verifier.h"
#include "vault/vault.h"

namespace {

using namespace talon;
using namespace talon::vault;
using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point start) { return std::chrono::duration<double>(Steady::now() - start).count(); }

[[noreturn]] void die(const core::Error& error) {
  fmt::print(stderr, "bench_vault: {}\n", error.message);
  std::exit(3);
}

template <class T>
T need(core::Result<T> result) {
  if (!result) die(result.error());
  return std::move(*result);
}

/// Nanoseconds that the thread of this name has run.
std::int64_t thread_cpu(std::string_view name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string comm;
    std::getline(std::ifstream(task.path() / "comm"), comm);
    if (comm != name) continue;
    std::int64_t ran = 0;
    std::ifstream(task.path() / "schedstat") >> ran;
    return ran;
  }
  return 0;
}

/// Completed items, handed to the one producer thread.
class Port final : public CompletionPort {
 public:
  void completed(std::vector<std::unique_ptr<JournalItem>> items) noexcept override {
    const std::lock_guard lock(guard_);
    for (auto& item : items) ready_.push_back(std::move(item));
    wake_.notify_one();
  }
  std::vector<std::unique_ptr<JournalItem>> take() {
    std::unique_lock lock(guard_);
    wake_.wait(lock, [&] { return !ready_.empty(); });
    return std::exchange(ready_, {});
  }

 private:
  std::mutex guard_;
  std::condition_variable wake_;
  std::vector<std::unique_ptr<JournalItem>> ready_;
};

/// A chat call of ordinary size: about 900 bytes of line.
std::unique_ptr<JournalItem> make_item(ItemKind kind, const core::EvidenceId& id, int tenant, Port& port) {
  core::EvidenceRecord record;
  record.id = id;
  record.log = core::LogName::of(need(core::TenantId::parse("tenant-" + std::to_string(tenant))));
  core::RequestDetail detail;
  detail.request_id = "req_" + std::string(id.ulid().text());
  detail.caller = "customer-acme-app1";
  detail.key_id = "key_customer-acme-app1";
  detail.session = "ses_" + std::string(id.ulid().text());
  detail.status = 200;
  detail.ask = {
      .endpoint = "/v1/chat/completions", .model = "gpt-4o-mini", .stream = false, .n = {}, .max_tokens = 256};
  detail.decision.outcome = kind == ItemKind::intent ? core::Outcome::interrupted : core::Outcome::allowed;
  detail.decision.policy = core::Hash{};
  detail.decision.prices = core::Hash{};
  core::Attempt attempt{.provider = "openai",
                        .model = "gpt-4o-mini",
                        .status = 200,
                        .error = {},
                        .ttfb = core::Micros{812'345},
                        .duration = {912'345}};
  detail.route = core::Route{.policy = {}, .attempts = {attempt}};
  detail.usage = core::Usage{.basis = core::UsageBasis::provider,
                             .input = 512,
                             .output = 128,
                             .cached_read = {},
                             .cached_write = {},
                             .reasoning = {},
                             .audio_us = {},
                             .characters = {}};
  detail.cost = core::Cost{.cost = core::NanoUsd(153'600), .held = core::NanoUsd(230'400), .priced = true};
  detail.timing = {.total = {913'000}, .own = core::Micros{420}, .ttft = {}};
  detail.bodies = core::Bodies{.key = 1, .request = core::Hash{}, .upstream = {}, .response = core::Hash{}};
  record.detail = std::move(detail);
  auto item = std::make_unique<JournalItem>();
  item->kind = kind;
  item->log = record.log;
  item->id = id;
  item->line = core::to_unsequenced_line(record);
  item->rollup = {.counts_as_request = true,
                  .unpriced = false,
                  .cost = core::NanoUsd(153'600),
                  .caller = "customer-acme-app1",
                  .provider = "openai",
                  .model = "gpt-4o-mini",
                  .session = {}};
  item->closes_intent = kind == ItemKind::record;
  item->port = &port;
  return item;
}

struct JournalResult {
  std::string durability;
  int calls_open = 0, tenants = 0;
  double calls_per_second = 0, cpu_per_call_us = 0;
  std::int64_t commit_p50_us = 0, commit_p99_us = 0;
  double records_per_commit = 0;
};

JournalResult run_journal(const std::filesystem::path& dir, core::Durability durability, int open, int tenants,
                          double seconds, const core::Clock& clock, core::Random& random) {
  auto vault = need(Vault::open_for_serving(dir,
                                            {.durability = durability,
                                             .reserve_bytes = 64ull << 20,
                                             .version = "bench",
                                             .known_tenants = {},
                                             .on_failure = [](const core::Error& e) { die(e); }},
                                            clock, random));
  Port port;
  core::SystemRandom ids;
  const bool strict = durability == core::Durability::strict;
  std::int64_t calls = 0;
  int tenant = 0;
  const auto submit = [&](std::unique_ptr<JournalItem> item) {
    while (vault->journal().submit(item) == Submit::queue_full) std::this_thread::yield();
  };
  const auto begin_call = [&] {
    const auto id = core::EvidenceId::make(clock.now(), ids);
    tenant = (tenant + 1) % tenants;
    submit(make_item(ItemKind::intent, id, tenant, port));
    if (!strict) submit(make_item(ItemKind::record, id, tenant, port));
  };
  const auto started = Steady::now();
  const auto cpu = thread_cpu("talon-journal");
  for (int i = 0; i < open; ++i) begin_call();
  int running = open;
  while (running > 0) {
    for (auto& item : port.take()) {
      if (strict && item->kind == ItemKind::intent) {
        const auto digits = item->log.bytes().substr(7);
        submit(make_item(ItemKind::record, item->id, std::stoi(digits), port));
      }
      if (item->kind != ItemKind::record) continue;
      ++calls;
      if (seconds_since(started) < seconds) {
        begin_call();
      } else {
        --running;
      }
    }
  }
  const auto took = seconds_since(started);
  const auto stats = vault->stats();
  const auto ran = static_cast<double>(thread_cpu("talon-journal") - cpu) / 1000.0;
  return {strict ? "strict" : "batched",
          open,
          tenants,
          static_cast<double>(calls) / took,
          ran / static_cast<double>(calls),
          stats.commit_p50.count,
          stats.commit_p99.count,
          static_cast<double>(stats.records + stats.intents) /
              static_cast<double>(std::max<std::uint64_t>(stats.commits, 1))};
}

struct Rate {
  std::string what;
  std::int64_t records = 0;
  double seconds = 0, cpu_seconds = 0;
  [[nodiscard]] double per_second() const { return static_cast<double>(records) / seconds; }
  /// Of processor time, on however many cores: says something on a busy machine too.
  [[nodiscard]] double cpu_micros() const { return cpu_seconds * 1e6 / static_cast<double>(records); }
};

/// This process's processor time in seconds.
double process_cpu() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

template <class Work>
Rate best_of_three(std::string what, Work work) {
  Rate best{std::move(what), 0, 1e9, 1e9};
  for (int round = 0; round < 3; ++round) {
    const auto started = Steady::now();
    const auto cpu = process_cpu();
    best.records = work();
    best.seconds = std::min(best.seconds, seconds_since(started));
    best.cpu_seconds = std::min(best.cpu_seconds, process_cpu() - cpu);
  }
  return best;
}

std::vector<Rate> run_reads(const std::filesystem::path& dir, std::int64_t records, std::string_view word,
                            const core::Clock& clock, core::Random& random) {
  {
    auto vault = need(Vault::open_for_serving(dir,
                                              {.durability = core::Durability::batched,
                                               .reserve_bytes = 64ull << 20,
                                               .version = "bench",
                                               .known_tenants = {},
                                               .on_failure = [](const core::Error& e) { die(e); }},
                                              clock, random));
    Port port;
    core::SystemRandom ids;
    std::int64_t done = 0;
    for (std::int64_t sent = 0; done < records;) {
      for (; sent < records && sent - done < 2000; ++sent) {
        auto item = make_item(ItemKind::record, core::EvidenceId::make(clock.now(), ids), 1000, port);
        if (vault->journal().submit(item) != Submit::queued) break;
      }
      done += static_cast<std::int64_t>(port.take().size());
    }
  }
  const auto vault = need(Vault::open_for_reading(dir, clock));
  const auto log = core::LogName::of(need(core::TenantId::parse("tenant-1000")));
  const auto file = dir.parent_path() / "bench.talon";
  std::vector<Rate> rates;
  const auto wanted = [&](std::string_view what) { return word.empty() || what.find(word) != std::string_view::npos; };
  const auto measure = [&](std::string what, auto work) {
    if (wanted(what)) rates.push_back(best_of_three(std::move(what), work));
  };
  measure("verify live vault", [&] {
    const auto report = need(vault->verify());
    if (!report.ok()) die({core::Code::vault_corrupt, report.problems.front()});
    return report.records;
  });
  const auto drop = [](std::string_view) -> core::Result<void> { return {}; };
  measure("export ndjson", [&] { return need(vault->export_ndjson(log, {}, drop)).records; });
  measure("export bundle", [&] {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    return need(vault->export_bundle(log, {},
                                     [&](std::string_view bytes) -> core::Result<void> {
                                       out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
                                       return {};
                                     }))
        .records;
  });
  measure("verify bundle", [&] {
    VerifyOptions options;
    options.require_pinned = false;
    const auto report = need(verify_bundle(file, options));
    if (report.exit != 0) die({core::Code::vault_corrupt, "the bundle does not verify"});
    return report.records;
  });
  return rates;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 2;
  std::int64_t records = 300'000;
  std::filesystem::path base = std::filesystem::temp_directory_path();
  bool json = false;
  int only = 0;
  std::string_view word;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--json") {
      json = true;
    } else if (i + 1 < argc && flag == "--seconds") {
      seconds = std::stod(argv[++i]);
    } else if (i + 1 < argc && flag == "--records") {
      records = std::stoll(argv[++i]);
    } else if (i + 1 < argc && flag == "--open") {
      only = std::stoi(argv[++i]);
    } else if (i + 1 < argc && flag == "--rate") {
      word = argv[++i];
    } else if (i + 1 < argc && flag == "--dir") {
      base = argv[++i];
    } else {
      fmt::print(stderr,
                 "usage: bench_vault [--seconds S] [--records N] [--open C] [--rate WORD] [--dir DIR] [--json]\n");
      return 2;
    }
  }
  std::string name = (base / "talon-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return 3;
  const core::SystemClock clock;
  core::SystemRandom random;
  const auto dir = std::filesystem::path(name) / "data";
  need(init_vault(dir, "bench", "bench", clock, random));

  std::vector<JournalResult> journal;
  for (const auto durability : {core::Durability::strict, core::Durability::batched}) {
    for (const int open : only > 0 ? std::vector<int>{only} : std::vector<int>{1, 8, 32, 64, 128, 256}) {
      if (seconds > 0) journal.push_back(run_journal(dir, durability, open, 4, seconds, clock, random));
    }
  }
  if (only == 0 && seconds > 0) {
    journal.push_back(run_journal(dir, core::Durability::strict, 128, 1000, seconds, clock, random));
  }
  const auto rates = records > 0 ? run_reads(dir, records, word, clock, random) : std::vector<Rate>();

  if (json) {
    fmt::print("{{\"journal\":[");
    for (std::size_t i = 0; i < journal.size(); ++i) {
      const auto& r = journal[i];
      fmt::print(
          "{}{{\"durability\":\"{}\",\"open\":{},\"tenants\":{},\"calls_per_second\":{:.0f},\"journal_cpu_us\":{:.2f},"
          "\"commit_p50_us\":{},\"commit_p99_us\":{},\"rows_per_commit\":{:.1f}}}",
          i == 0 ? "" : ",", r.durability, r.calls_open, r.tenants, r.calls_per_second, r.cpu_per_call_us,
          r.commit_p50_us, r.commit_p99_us, r.records_per_commit);
    }
    fmt::print("],\"rates\":{{");
    for (std::size_t i = 0; i < rates.size(); ++i) {
      fmt::print("{}\"{}\":{:.0f},\"{} cpu us\":{:.2f}", i == 0 ? "" : ",", rates[i].what, rates[i].per_second(),
                 rates[i].what, rates[i].cpu_micros());
    }
    fmt::print("}}}}\n");
  } else {
    fmt::print("{:8} {:>5} {:>8} {:>10} {:>14} {:>11} {:>11} {:>10}\n", "journal", "open", "tenants", "calls/s",
               "cpu us/call", "commit p50", "commit p99", "rows/commit");
    for (const auto& r : journal) {
      fmt::print("{:8} {:>5} {:>8} {:>10.0f} {:>14.2f} {:>11} {:>11} {:>10.1f}\n", r.durability, r.calls_open,
                 r.tenants, r.calls_per_second, r.cpu_per_call_us, r.commit_p50_us, r.commit_p99_us,
                 r.records_per_commit);
    }
    fmt::print("targets, strict: 15 us in batches of 32, 7 us in batches of 128\n\n");
    fmt::print("{:20} {:>12} {:>14} {:>12}\n", "rates", "rec/s", "cpu us/record", "target");
    for (const auto& rate : rates) {
      fmt::print("{:20} {:>12.0f} {:>14.2f} {:>12}\n", rate.what, rate.per_second(), rate.cpu_micros(),
                 rate.what.starts_with("verify") ? 500'000 : 300'000);
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(name, ignored);
  return 0;
}
