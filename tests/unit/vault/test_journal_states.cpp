#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "tests/unit/vault/test_world.h"
#include "vault/journal/queue.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

/// The largest size a file of this process may have: the smallest seam for a disk that is full.
class FileSizeLimit {
 public:
  FileSizeLimit() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() { lift(); }
  void set(std::uint64_t bytes) const {
    auto limit = before_;
    limit.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  void lift() const { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

std::uint64_t file_size(const World& world) { return std::filesystem::file_size(world.dir / "data.mdb"); }

bool wait_until(const auto& condition) {
  for (int i = 0; i < 3000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

}  // namespace

TEST_CASE("space is allocated ahead of what is used") {
  World world;
  world.start();
  world.record({});
  CHECK(world.vault->stats().reserve_bytes >= world.options.reserve_bytes);
  CHECK(file_size(world) >= world.options.reserve_bytes);
}

TEST_CASE("without room ahead nothing new is admitted, calls in flight commit, and room brings it back") {
  World world;
  world.options.reserve_bytes = 4 << 20;
  world.start();
  const auto in_flight = world.intent({.tenant = "acme", .cost = 3});
  const FileSizeLimit limit;
  limit.set(file_size(world));
  // Records eat into what is ahead until the next allocation is refused.
  for (int i = 0; i < 20'000 && world.vault->journal().accepting(); ++i) {
    world.submit(item_of({.tenant = "acme", .outcome = core::Outcome::denied}, next_id(world.clock), ItemKind::record,
                         world.port));
    if (i % 500 == 499) world.port.wait(world.submitted);
  }
  world.port.wait(world.submitted);
  REQUIRE(!world.vault->journal().accepting());
  CHECK(world.vault->stats().state == JournalStats::State::full);
  auto under_way = item_of({.tenant = "acme"}, next_id(world.clock), ItemKind::intent, world.port);
  under_way->under_way = true;
  CHECK(world.vault->journal().submit(under_way) == Submit::queued);
  ++world.submitted;
  auto refused = item_of({.tenant = "acme"}, next_id(world.clock), ItemKind::intent, world.port);
  CHECK(world.vault->journal().submit(refused) == Submit::refused);
  CHECK(refused != nullptr);

  auto outcome = item_of({.tenant = "acme", .cost = 3}, in_flight, ItemKind::record, world.port);
  outcome->closes_intent = true;
  world.submit(std::move(outcome));
  CHECK(world.port.wait(world.submitted).back().state == ItemState::committed);

  limit.lift();
  CHECK(wait_until([&] { return world.vault->journal().accepting(); }));
  world.intent({.tenant = "acme"});
  world.stop();
  world.start();
  CHECK(world.vault->verify()->ok());
}

TEST_CASE("a commit that fails is final: waiting items fail, it is said once, the next start is sound") {
  World world;
  world.options.reserve_bytes = 0;
  std::atomic<int> failures{0};
  world.options.on_failure = [&](const core::Error&) { ++failures; };
  world.start();
  world.record({.tenant = "acme", .cost = 5});
  {
    const FileSizeLimit limit;
    limit.set(8192);  // even pages in use cannot be written any more
    world.submit(item_of({.tenant = "acme", .cost = 70}, next_id(world.clock), ItemKind::record, world.port));
    CHECK(world.port.wait(world.submitted).back().state == ItemState::failed);
    CHECK(wait_until([&] { return failures.load() == 1; }));
    CHECK(world.vault->stats().state == JournalStats::State::failed);
    CHECK(!world.vault->journal().accepting());
    auto item = item_of({.tenant = "acme"}, next_id(world.clock), ItemKind::record, world.port);
    CHECK(world.vault->journal().submit(item) == Submit::refused);
    CHECK(world.vault->logs().error().code == core::Code::vault_unavailable);
  }
  world.stop();
  CHECK(failures.load() == 1);
  world.options.on_failure = {};
  world.start();
  CHECK(world.vault->tenant(core::TenantId::parse("acme").value())->row.total_cost.nano() == 5);
  CHECK(world.vault->verify()->ok());
}

TEST_CASE("batched: what is queued is committed without being waited for, and read by whoever asks") {
  World world;
  world.options.durability = core::Durability::batched;
  world.start();
  for (int round = 0; round < 20; ++round) {
    world.submit(item_of({.tenant = "acme", .cost = 1}, next_id(world.clock), ItemKind::record, world.port));
    CHECK(world.vault->tenant(core::TenantId::parse("acme").value())->request_count == round + 1);
  }
}

TEST_CASE("batched: an intent whose outcome is in the same batch is not written") {
  World world;
  world.options.durability = core::Durability::batched;
  world.start();
  std::uint64_t intents = 0;
  for (int round = 0; round < 50; ++round) {
    const auto id = next_id(world.clock);
    auto outcome = item_of({}, id, ItemKind::record, world.port);
    outcome->closes_intent = true;
    world.submit(item_of({}, id, ItemKind::intent, world.port));
    world.submit(std::move(outcome));
    world.port.wait(world.submitted);
    intents = world.vault->stats().intents;
  }
  CHECK(intents < 25);  // a pair may be parted by the end of a window, not often
  CHECK(world.vault->stats().records == 50);
  CHECK(world.vault->verify()->ok());
}

TEST_CASE("stop commits what waits and takes nothing new; a second stop is harmless") {
  World world;
  world.options.durability = core::Durability::batched;
  world.start();
  for (int i = 0; i < 200; ++i) {
    world.submit(item_of({.tenant = "acme"}, next_id(world.clock), ItemKind::record, world.port));
  }
  world.vault->stop();
  CHECK(world.port.wait(200).back().state == ItemState::committed);
  auto item = item_of({}, next_id(world.clock), ItemKind::record, world.port);
  CHECK(world.vault->journal().submit(item) == Submit::refused);
  world.vault->stop();
  CHECK(world.lines("acme").size() == 201);
}

TEST_CASE("the queue takes no more than its bound, and tells who waits when it is half empty") {
  JournalQueue queue;
  TestPort port;
  for (std::uint64_t i = 0; i < k_queue_items; ++i) {
    auto item = barrier(port);
    REQUIRE(queue.push(item, [] {}) == Submit::queued);
  }
  auto item = barrier(port);
  CHECK(queue.push(item, [] {}) == Submit::queue_full);
  CHECK(item != nullptr);
  bool told = false;
  auto waiting = barrier(port);
  waiting->done = [&](const ItemResult&) { told = true; };
  queue.wait_for_room(port, std::move(waiting));
  std::uint64_t done = 0;
  while (done < k_queue_items / 2 - 1) {
    const auto batch = queue.take(1, 1 << 20);
    REQUIRE(batch.size() == 1);
    queue.completed(1, JournalQueue::bytes_of_item(*batch[0]));
    ++done;
  }
  CHECK(!told);
  const auto batch = queue.take(1, 1 << 20);
  queue.completed(1, JournalQueue::bytes_of_item(*batch[0]));
  CHECK(told);
}

TEST_CASE("a batch lingers so much less as its items were due before they came") {
  constexpr auto k_window = std::chrono::hours(1);
  constexpr core::Micros k_all_of_it{std::chrono::microseconds(k_window).count()};
  JournalQueue queue;
  TestPort port;
  const auto push = [&](core::Micros waited) {
    auto item = item_of({}, core::EvidenceId(), ItemKind::record, port);
    item->waited = waited;
    REQUIRE(queue.push(item, [] {}) == Submit::queued);
  };
  push(k_all_of_it);
  queue.wait(std::chrono::steady_clock::now() + k_window, k_window);
  CHECK(queue.take(100, 1 << 20).size() == 1);

  push({});
  std::thread later([&] { push(k_all_of_it); });  // before the wait or in the middle of it
  queue.wait(std::chrono::steady_clock::now() + k_window, k_window);
  later.join();
  CHECK(queue.take(100, 1 << 20).size() == 2);
}

TEST_CASE("a line longer than a leaf may be is refused, not stored") {
  World world;
  world.start();
  auto item = item_of({}, next_id(world.clock), ItemKind::record, world.port);
  const std::string long_text(70'000, 'x');
  item->line = core::UnsequencedLine({long_text, {}, {}, {}});
  CHECK(world.vault->journal().submit(item) == Submit::refused);
}
