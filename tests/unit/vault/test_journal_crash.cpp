// What is on disk at any instant opens again: a copy of the directory stands for the crash.
#include <sys/wait.h>

#include <random>

#include "tests/unit/vault/test_world.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

/// The directory as a power cut would leave it: data file and keys, no locks, nothing from memory.
struct Crashed {
  TempDir temp;
  std::filesystem::path dir = temp.path() / "data";
  explicit Crashed(const std::filesystem::path& from) {
    std::filesystem::create_directory(dir);
    std::filesystem::permissions(dir, std::filesystem::perms::owner_all);
    for (const char* part : {"data.mdb", "keys", "vault.pub", "admin.key"}) {
      std::filesystem::copy(from / part, dir / part, std::filesystem::copy_options::recursive);
    }
  }
};

std::size_t count(const std::vector<std::string>& lines, std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      lines.begin(), lines.end(), [&](const auto& line) { return line.find(text) != std::string::npos; }));
}

std::vector<std::string> lines_of(const Vault& vault, std::string_view tenant) {
  EvidenceQuery query;
  query.order = Order::oldest_first;
  query.limit = 100'000;
  auto page = vault.evidence(log_of(tenant), query);
  REQUIRE(page.has_value());
  return page->lines;
}

}  // namespace

TEST_CASE("after a crash every open intent is an interrupted record that costs its hold") {
  World world;
  world.start();
  world.record({.tenant = "acme", .cost = 7});
  const auto open = world.intent({.tenant = "acme", .cost = 500});
  const auto settled = world.intent({.tenant = "acme", .cost = 900});
  auto outcome = item_of({.tenant = "acme", .cost = 11}, settled, ItemKind::record, world.port);
  outcome->closes_intent = true;
  world.submit(std::move(outcome));
  world.port.wait(world.submitted);

  const Crashed crashed(world.dir);
  auto again = Vault::open_for_serving(crashed.dir, world.options, world.clock, world.random);
  REQUIRE_MESSAGE(again.has_value(), again.error().message);
  const auto lines = lines_of(**again, "acme");
  CHECK(lines.size() == 4);  // genesis, record, outcome, interrupted
  CHECK(count(lines, R"("outcome":"interrupted")") == 1);
  const auto found = (*again)->evidence_by_id(log_of("acme"), open);
  REQUIRE(found.has_value());
  CHECK(found->line.find(R"("nano_usd":500)") != std::string::npos);
  CHECK((*again)->tenant(core::TenantId::parse("acme").value())->row.total_cost.nano() == 7 + 11 + 500);
  const auto boot = (*again)->evidence(core::LogName::operator_log(), {});
  REQUIRE(boot.has_value());
  CHECK(boot->lines[0].find(R"("interrupted":1)") != std::string::npos);
  CHECK(boot->lines[0].find("clean") == std::string::npos);
  CHECK((*again)->verify()->ok());
  CHECK((*again)->verify()->open_intents == 0);
}

TEST_CASE("a copy taken after any commit opens, loses nothing that was completed, and verifies") {
  World world;
  world.start();
  std::mt19937 random(11);
  std::vector<std::pair<Call, core::EvidenceId>> open;
  std::size_t records = 0;
  for (int step = 0; step < 400; ++step) {
    Call call;
    call.tenant = "t" + std::to_string(random() % 5);
    call.session = random() % 2 == 0 ? "s" + std::to_string(random() % 3) : "";
    call.cost = static_cast<std::int64_t>(random() % 1000);
    if (open.empty() || random() % 2 == 0) {
      open.emplace_back(call, world.intent(call));
    } else {
      const auto at = random() % open.size();
      auto item = item_of(open[at].first, open[at].second, ItemKind::record, world.port);
      item->closes_intent = true;
      world.submit(std::move(item));
      world.port.wait(world.submitted);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
      ++records;
    }
    if (step % 40 != 39) continue;
    const Crashed crashed(world.dir);
    auto again = Vault::open_for_serving(crashed.dir, world.options, world.clock, world.random);
    REQUIRE_MESSAGE(again.has_value(), again.error().message);
    const auto report = (*again)->verify();
    REQUIRE(report.has_value());
    for (const auto& problem : report->problems) MESSAGE(problem);
    CHECK(report->ok());
    std::size_t requests = 0, interrupted = 0;
    for (int t = 0; t < 5; ++t) {
      const auto name = log_of("t" + std::to_string(t));
      if (!(*again)->checkpoint(name)) continue;
      const auto lines = lines_of(**again, name.bytes());
      requests += count(lines, R"("kind":"request")");
      interrupted += count(lines, R"("outcome":"interrupted")");
    }
    CHECK(interrupted == open.size());
    CHECK(requests == records + open.size());
  }
}

TEST_CASE("a server killed without warning leaves a vault whose next start closes its intents") {
  World world;
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    world.start();
    for (int i = 0; i < 50; ++i) world.intent({.tenant = "acme", .cost = 3});
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  {
    // Nobody serves: a reader does not wait for what the dead one had queued.
    const auto reader = Vault::open_for_reading(world.dir, world.clock);
    REQUIRE(reader.has_value());
    CHECK((*reader)->logs().has_value());
    CHECK((*reader)->verify()->open_intents == 50);
  }
  world.start();
  CHECK(count(world.lines("acme"), R"("outcome":"interrupted")") == 50);
  CHECK(world.vault->verify()->ok());
}

TEST_CASE("an intent stays known across many index passes") {
  World world;
  world.start();
  const auto open = world.intent({.tenant = "slow", .cost = 42});
  for (int i = 0; i < 5000; ++i) {
    world.submit(item_of({.tenant = "busy"}, next_id(world.clock), ItemKind::record, world.port));
  }
  world.port.wait(world.submitted);
  const Crashed crashed(world.dir);
  auto again = Vault::open_for_serving(crashed.dir, world.options, world.clock, world.random);
  REQUIRE_MESSAGE(again.has_value(), again.error().message);
  CHECK((*again)->evidence_by_id(log_of("slow"), open).has_value());
  CHECK((*again)->verify()->ok());
}
