#include "tests/unit/vault/test_world.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

TEST_CASE("a record is committed, counted and readable at once") {
  World world;
  world.start();
  const auto result = world.record({.tenant = "acme", .cost = 1'350'000});
  CHECK(result.state == ItemState::committed);
  CHECK(result.seq == 1);  // behind the genesis

  const auto detail = world.vault->tenant(core::TenantId::parse("acme").value());
  REQUIRE_MESSAGE(detail.has_value(), detail.error().message);
  CHECK(detail->row.session_count == 1);
  CHECK(detail->row.total_cost.nano() == 1'350'000);
  CHECK(detail->request_count == 1);
  CHECK(detail->spend_today.nano() == 1'350'000);
  CHECK(detail->spend_month.nano() == 1'350'000);
  CHECK(detail->log.size == 2);
  CHECK(detail->log.origin == origin_of("gw1", log_of("acme")));

  const auto lines = world.lines("acme");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find(R"("kind":"genesis")") != std::string::npos);
  CHECK(lines[1].find(R"("kind":"request")") != std::string::npos);
  CHECK(core::check_canonical(lines[1]).has_value());
}

TEST_CASE("items of one port are completed in the order they were submitted") {
  World world;
  world.start();
  std::vector<core::EvidenceId> ids;
  for (int i = 0; i < 500; ++i) {
    ids.push_back(next_id(world.clock));
    world.submit(item_of({.tenant = "t" + std::to_string(i % 7)}, ids.back(), ItemKind::record, world.port));
  }
  world.port.wait(500);
  CHECK(world.port.ids() == ids);
}

TEST_CASE("everything is there again after an orderly stop") {
  World world;
  world.start();
  for (int i = 0; i < 20; ++i) world.record({.tenant = i % 2 == 0 ? "acme" : "globex"});
  const auto before = world.lines("acme");
  world.stop();
  world.start();
  CHECK(world.lines("acme") == before);
  const auto reader_twice = Vault::open_for_reading(world.dir, world.clock);
  CHECK(reader_twice.error().code == core::Code::vault_locked);  // one environment in each process
}

TEST_CASE("a restart says in the operator's log whether the last stop was orderly") {
  World world;
  world.start();
  world.stop();
  world.start();
  EvidenceQuery query;
  const auto page = world.vault->evidence(core::LogName::operator_log(), query);
  REQUIRE(page.has_value());
  CHECK(page->lines.at(0).find(R"("clean":true)") != std::string::npos);
  CHECK(page->lines.at(0).find(R"("interrupted":0)") != std::string::npos);
}

TEST_CASE("a commitment key belongs to its log and is the same after a restart") {
  World world;
  world.start();
  const auto acme = world.vault->content_key(log_of("acme"));
  const auto globex = world.vault->content_key(log_of("globex"));
  REQUIRE(acme.has_value());
  REQUIRE(globex.has_value());
  CHECK((*acme)->number == 1);
  CHECK((*acme)->key.reveal().size() == 32);
  CHECK((*acme)->key.reveal() != (*globex)->key.reveal());
  const std::string kept((*acme)->key.reveal());
  world.stop();
  world.start();
  CHECK(world.vault->content_key(log_of("acme")).value()->key.reveal() == kept);
}
