// A vault in a temporary directory with clocks and randomness that tests own.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "core/canonical_json.h"
#include "vault/vault.h"

namespace talon::vault::test {

/// Both clocks move together, as a machine's do, unless a test steps only one.
class TestClock final : public core::Clock {
 public:
  [[nodiscard]] core::Instant now() const noexcept override { return {now_.load()}; }
  [[nodiscard]] core::Micros monotonic() const noexcept override { return {monotonic_.load()}; }
  void advance(std::int64_t micros) {
    now_ += micros;
    monotonic_ += micros;
  }
  void step(std::int64_t micros) { now_ += micros; }
  void advance_to(core::Instant at) { advance(at.micros - now_.load()); }

 private:
  std::atomic<std::int64_t> now_{1'777'636'800'000'000};  // 2026-05-01T12:00:00Z
  std::atomic<std::int64_t> monotonic_{5'000'000};
};

/// The same bytes in every run. Thread-safe.
class TestRandom final : public core::Random {
 public:
  explicit TestRandom(std::uint64_t seed = 1) : engine_(seed) {}
  void fill(std::span<std::byte> out) noexcept override {
    const std::lock_guard lock(guard_);
    for (auto& byte : out) byte = static_cast<std::byte>(engine_() & 0xff);
  }

 private:
  std::mutex guard_;
  std::mt19937_64 engine_;
};

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "talon-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Runs `done` of each item on the journal's thread and lets the test wait for them.
class TestPort final : public CompletionPort {
 public:
  void completed(std::vector<std::unique_ptr<JournalItem>> items) noexcept override {
    const std::lock_guard lock(guard_);
    ++lists_;
    for (auto& item : items) {
      if (item->done) item->done(item->result);
      ids_.push_back(item->id);
      results_.push_back(item->result);
    }
    wake_.notify_all();
  }
  /// The results of the first `count` items, waiting for them.
  std::vector<ItemResult> wait(std::size_t count) {
    std::unique_lock lock(guard_);
    REQUIRE(wake_.wait_for(lock, std::chrono::seconds(60), [&] { return results_.size() >= count; }));
    return results_;
  }
  std::vector<core::EvidenceId> ids() {
    const std::lock_guard lock(guard_);
    return ids_;
  }
  std::size_t lists() {
    const std::lock_guard lock(guard_);
    return lists_;
  }

 private:
  std::mutex guard_;
  std::condition_variable wake_;
  std::vector<ItemResult> results_;
  std::vector<core::EvidenceId> ids_;
  std::size_t lists_ = 0;
};

inline core::LogName log_of(std::string_view tenant) {
  if (tenant.empty()) return core::LogName::unattributed();
  return core::LogName::of(core::TenantId::parse(tenant).value());
}

/// One call as the gateway would hand it in.
struct Call {
  std::string tenant = "acme", caller = "app1", provider = "openai", model = "gpt-4o-mini", session = "";
  std::int64_t cost = 1000;
  bool priced = true;
  core::Outcome outcome = core::Outcome::allowed;
};

/// Fresh ids for everything a test submits.
inline core::EvidenceId next_id(const core::Clock& clock) {
  static TestRandom random(99);
  return core::EvidenceId::make(clock.now(), random);
}

inline std::unique_ptr<JournalItem> item_of(const Call& call, core::EvidenceId id, ItemKind kind,
                                            CompletionPort& port) {
  const bool admitted = call.outcome != core::Outcome::denied;
  core::EvidenceRecord record;
  record.id = id;
  record.log = log_of(call.tenant);
  core::RequestDetail detail;
  detail.request_id = "req_" + std::string(id.ulid().text());
  detail.caller = call.caller;
  detail.key_id = "key_1";
  detail.session = call.session.empty() ? "ses_" + std::string(id.ulid().text()) : call.session;
  detail.ask.endpoint = "/v1/chat/completions";
  if (!call.model.empty()) detail.ask.model = call.model;
  detail.decision.outcome = kind == ItemKind::intent ? core::Outcome::interrupted : call.outcome;
  if (!call.provider.empty() && admitted) {
    detail.route.emplace();
    core::Attempt attempt;
    attempt.provider = call.provider;
    detail.route->attempts.push_back(attempt);
  }
  if (admitted) {
    core::Cost cost;
    cost.cost = core::NanoUsd(call.priced ? call.cost : 0);
    cost.priced = call.priced;
    detail.cost = cost;
  }
  record.detail = std::move(detail);
  auto item = std::make_unique<JournalItem>();
  item->kind = kind;
  item->log = record.log;
  item->id = id;
  item->line = core::to_unsequenced_line(record);
  item->port = &port;
  if (admitted) {
    item->rollup = {.counts_as_request = true,
                    .unpriced = !call.priced,
                    .cost = core::NanoUsd(call.priced ? call.cost : 0),
                    .caller = call.caller,
                    .provider = call.provider,
                    .model = call.model,
                    .session = call.session};
  }
  return item;
}

inline std::unique_ptr<JournalItem> barrier(CompletionPort& port) {
  auto item = std::make_unique<JournalItem>();
  item->kind = ItemKind::barrier;
  item->port = &port;
  return item;
}

/// A vault directory, and a server on it while one is wanted.
struct World {
  TempDir temp;
  TestClock clock;
  TestRandom random;
  std::filesystem::path dir = temp.path() / "data";
  TestPort port;  // outlives the journal
  std::unique_ptr<Vault> vault;
  std::size_t submitted = 0;
  ServeOptions options{.durability = core::Durability::strict,
                       .reserve_bytes = 1 << 20,
                       .version = "0.1.0",
                       .known_tenants = {},
                       .on_failure = {}};

  World() { REQUIRE(init_vault(dir, "gw1", "0.1.0", clock, random).has_value()); }

  core::Result<void> serve() {
    auto opened = Vault::open_for_serving(dir, options, clock, random);
    if (!opened) return core::fail(opened.error());
    vault = std::move(*opened);
    return {};
  }
  void start() {
    const auto served = serve();
    REQUIRE_MESSAGE(served.has_value(), served.error().message);
  }
  void stop() { vault.reset(); }

  void submit(std::unique_ptr<JournalItem> item) {
    REQUIRE(vault->journal().submit(item) == Submit::queued);
    ++submitted;
  }
  /// Submits a record and waits until it is committed.
  ItemResult record(const Call& call) {
    submit(item_of(call, next_id(clock), ItemKind::record, port));
    return port.wait(submitted).back();
  }
  core::EvidenceId intent(const Call& call) {
    const auto id = next_id(clock);
    submit(item_of(call, id, ItemKind::intent, port));
    port.wait(submitted);
    return id;
  }
  /// Waits until the journal's thread has turned once more, so that what a clock made due is done.
  void settle() {
    submit(barrier(port));
    port.wait(submitted);
  }
  std::vector<std::string> lines(std::string_view tenant) {
    EvidenceQuery query;
    query.order = Order::oldest_first;
    query.limit = 100'000;
    auto page = vault->evidence(log_of(tenant), query);
    REQUIRE_MESSAGE(page.has_value(), page.error().message);
    return page->lines;
  }
};

}  // namespace talon::vault::test
