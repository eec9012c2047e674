// While a start loads many keys: each is found at once, once and for good; none that is not in force ever is.
#include <future>
#include <latch>
#include <random>
#include <thread>

#include "tests/unit/vault/registry/registry_world.h"
#include "vault/registry/stored_registry.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

constexpr std::uint32_t k_many = 20'000;  ///< so many are loaded beside the server

Hash digest_of(std::uint64_t number) {
  std::mt19937_64 random(number + 1);
  Hash out;
  for (auto& byte : out) byte = static_cast<std::byte>(random() & 0xff);
  return out;
}

KeyRow row_of(std::uint32_t number) {
  KeyRow row{.log = LogNumber{number + 1}, .id = {}, .expires = number % 3 == 0 ? 0 : 1000 + number};
  std::memcpy(row.id.data(), &number, sizeof number);
  return row;
}

/// Puts keys into a vault that nobody serves.
void put_keys(const std::filesystem::path& dir, std::uint32_t count) {
  const auto environment = need(Environment::open(dir, Access::write));
  auto txn = need(environment->write());
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto digest = digest_of(i);
    need(txn.put(Table::keys, bytes_of(digest), encode(bytes_of(digest), row_of(i))));
  }
  need(txn.commit());
}

void damage_key(const std::filesystem::path& dir, std::uint32_t number) {
  const auto environment = need(Environment::open(dir, Access::write));
  const auto digest = digest_of(number);
  auto row = row_of(number);
  auto txn = need(environment->write());
  auto value = encode(bytes_of(digest), row);
  value[value.size() - 5] = static_cast<char>(value[value.size() - 5] ^ 1);  // the last byte of `expires`
  need(txn.put(Table::keys, bytes_of(digest), value));
  need(txn.commit());
}

/// Commits each item by itself, on the caller's thread.
class PlainJournal final : public Journal {
 public:
  explicit PlainJournal(Environment& environment) : environment_(environment) {}
  Submit submit(std::unique_ptr<JournalItem>& item) noexcept override {
    auto txn = environment_.write().value();
    const auto applied = item->apply ? item->apply(txn, LogNumber{1}) : core::Result<void>();
    if (applied) {
      (void)txn.commit();
    } else {
      failure = applied.error();
    }
    item->result.state = applied ? ItemState::committed : ItemState::failed;
    std::vector<std::unique_ptr<JournalItem>> done;
    auto* port = item->port;
    done.push_back(std::move(item));
    port->completed(std::move(done));
    return Submit::queued;
  }
  void wait_for_room(CompletionPort&, std::move_only_function<void(const ItemResult&)>) override {}
  [[nodiscard]] bool accepting() const noexcept override { return !full; }

  std::optional<core::Error> failure;
  std::atomic<bool> full{false};

 private:
  Environment& environment_;
};

/// A vault's registry, served without the rest of it, whose load stops before the first key until it is let go.
struct Loading {
  explicit Loading(RegistryWorld& world)
      : environment(need(Environment::open(world.dir, Access::write))),
        keys(need(KeyRing::load(world.dir))),
        journal(*environment),
        registry(*environment, world.clock, [this]() -> core::Result<const KeyRing*> { return &keys; }) {
    need(registry.serve(journal, world.random, [this](std::uint32_t loaded) {
      reached = loaded;
      if (loaded == 0) held.wait();
    }));
  }
  ~Loading() { go_on(); }
  void go_on() {
    if (!std::exchange(gone_on, true)) held.count_down();
  }

  std::unique_ptr<Environment> environment;
  KeyRing keys;
  PlainJournal journal;
  std::latch held{1};
  bool gone_on = false;
  std::atomic<std::uint32_t> reached{0};
  StoredRegistry registry;
};

}  // namespace

TEST_CASE("while keys are loaded each is found, with what it was stored with, and keeps its entry") {
  RegistryWorld world;
  world.stop();
  put_keys(world.dir, k_many);
  Loading loading(world);
  auto& registry = loading.registry;
  REQUIRE(registry.table().loading());
  std::vector<const KeyEntry*> early;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const auto* found = registry.find(digest_of(i * 7));
    REQUIRE(found != nullptr);
    CHECK(found->tenant == row_of(i * 7).log);
    CHECK(found->expires == row_of(i * 7).expires);
    CHECK(registry.find(digest_of(i * 7)) == found);
    CHECK(registry.find(digest_of(k_many + i)) == nullptr);
    early.push_back(found);
  }
  registry.note_used(*early[5], world.clock.now());
  CHECK(registry.table().loading());
  loading.go_on();
  need(registry.wait_loaded());
  for (std::uint32_t i = 0; i < k_many; ++i) {
    const auto* found = registry.find(digest_of(i));
    REQUIRE(found != nullptr);
    CHECK(found->id == row_of(i).id);
    if (i % 7 == 0 && i / 7 < early.size()) CHECK(found == early[i / 7]);
    CHECK(registry.find(digest_of(k_many + i)) == nullptr);
  }
  CHECK(early[5]->last_used.load() == world.clock.now().micros);
}

TEST_CASE(
    "a revoked key is not found right after a start with many keys, and another tenant's change does not bring it") {
  RegistryWorld world;
  const auto created = world.create("acme");
  const auto second = need(world.registry().create_api_key(tenant_of("acme"), {}, k_ops, {}));
  need(world.registry().revoke_api_key(tenant_of("acme"), second.row.id, k_ops));
  world.stop();
  put_keys(world.dir, k_many);
  Loading loading(world);
  auto& registry = loading.registry;
  CHECK(registry.find(created.key.row.digest) != nullptr);
  CHECK(registry.find(second.row.digest) == nullptr);
  loading.go_on();
  need(registry.wait_loaded());
  CHECK(registry.find(created.key.row.digest) != nullptr);
  CHECK(registry.find(second.row.digest) == nullptr);
}

TEST_CASE("a change that comes while keys are loaded waits, and is in force when it answers") {
  RegistryWorld world;
  const auto created = world.create("acme");
  world.stop();
  put_keys(world.dir, k_many);
  Loading loading(world);
  auto& registry = loading.registry;
  const auto digest = created.key.row.digest;
  REQUIRE(registry.find(digest) != nullptr);
  std::atomic<bool> revoked{false};
  auto change = std::async(std::launch::async, [&] {
    auto done = registry.revoke_api_key(tenant_of("acme"), created.key.row.id, k_ops);
    revoked = true;
    return done;
  });
  for (int i = 0; i < 1000; ++i) {
    const bool before = revoked;
    CHECK_FALSE(before);
    CHECK(registry.find(digest) != nullptr);
  }
  loading.go_on();
  need(change.get());
  CHECK(registry.find(digest) == nullptr);
  const auto issued = need(registry.create_api_key(tenant_of("acme"), {}, k_ops, {}));
  CHECK(registry.find(issued.row.digest) != nullptr);
}

TEST_CASE("threads that look for keys while they are loaded find the same entries, and nothing else") {
  RegistryWorld world;
  world.stop();
  put_keys(world.dir, k_many);
  Loading loading(world);
  auto& registry = loading.registry;
  constexpr std::size_t k_threads = 3, k_looks = 4000;
  std::vector<std::vector<const KeyEntry*>> found(k_threads, std::vector<const KeyEntry*>(k_looks));
  std::atomic<int> strangers{0};
  std::latch begun(k_threads);
  std::vector<std::thread> threads;
  threads.reserve(k_threads);
  for (std::size_t t = 0; t < k_threads; ++t) {
    threads.emplace_back([&, t] {
      begun.count_down();
      for (std::size_t i = 0; i < k_looks; ++i) {
        found[t][i] = registry.find(digest_of(i));
        if (found[t][i] != nullptr) registry.note_used(*found[t][i], world.clock.now());
        if (registry.find(digest_of(k_many + i)) != nullptr) ++strangers;
      }
    });
  }
  begun.wait();
  loading.go_on();
  for (auto& thread : threads) thread.join();
  need(registry.wait_loaded());
  CHECK(strangers == 0);
  for (std::size_t i = 0; i < k_looks; ++i) {
    const auto* entry = registry.find(digest_of(i));
    REQUIRE(entry != nullptr);
    for (const auto& seen : found) CHECK(seen[i] == entry);
  }
}

TEST_CASE("a damaged key among many is nobody's key, and when the load meets it the vault fails and says why") {
  RegistryWorld world;
  world.stop();
  put_keys(world.dir, k_many);
  damage_key(world.dir, 77);
  Loading loading(world);
  auto& registry = loading.registry;
  CHECK(registry.find(digest_of(78)) != nullptr);
  CHECK(registry.find(digest_of(77)) == nullptr);  // at once: nobody waits for the load to meet it
  CHECK(registry.table().loading());
  loading.go_on();
  const auto loaded = registry.wait_loaded();
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == core::Code::vault_corrupt);
  CHECK(registry.find(digest_of(77)) == nullptr);
  CHECK(registry.revoke_api_key(tenant_of("acme"), {}, k_ops).error().code == core::Code::vault_corrupt);
  registry.stop();
  REQUIRE(loading.journal.failure.has_value());
  CHECK(loading.journal.failure->message.find("API key") != std::string::npos);
}

TEST_CASE("a damaged key that is met while the vault is full ends it all the same") {
  RegistryWorld world;
  world.stop();
  put_keys(world.dir, k_many);
  damage_key(world.dir, 77);
  Loading loading(world);
  loading.journal.full = true;
  loading.go_on();
  CHECK_FALSE(loading.registry.wait_loaded().has_value());
  loading.registry.stop();
  REQUIRE(loading.journal.failure.has_value());
  CHECK(loading.journal.failure->code == core::Code::vault_corrupt);
}

TEST_CASE("a stop ends a load that is under way, refuses who waits for it, and is no failure of the vault") {
  RegistryWorld world;
  world.stop();
  put_keys(world.dir, k_many);
  Loading loading(world);
  auto& registry = loading.registry;
  auto change = std::async(std::launch::async,
                           [&] { return registry.revoke_api_key(tenant_of("acme"), {}, k_ops).error().code; });
  auto stopped = std::async(std::launch::async, [&] { registry.stop(); });
  CHECK(change.get() == core::Code::draining);
  loading.go_on();
  stopped.get();
  CHECK(loading.reached == 0);
  CHECK_FALSE(registry.wait_loaded().has_value());
  CHECK_FALSE(loading.journal.failure.has_value());
}

TEST_CASE("a served vault with a damaged key among many ends as after a failed commit") {
  RegistryWorld world;
  world.stop();
  put_keys(world.dir, k_many);
  damage_key(world.dir, 77);
  std::promise<core::Error> failed;
  world.options.on_failure = [&failed](const core::Error& error) { failed.set_value(error); };
  world.start();
  auto failure = failed.get_future();
  REQUIRE(failure.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
  CHECK(failure.get().code == core::Code::vault_corrupt);
  CHECK(world.vault->stats().state == JournalStats::State::failed);
  world.stop();
}
