// Lists, proofs and exports, over what is indexed and what is not.
#include <random>

#include "tests/unit/vault/test_world.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

TEST_CASE("every record is provable under the checkpoint that comes with it, on both sides of the index") {
  World world;
  world.start();
  std::vector<core::EvidenceId> ids;
  std::mt19937 random(5);
  for (const int more : {1, 2, 300, 2100, 700}) {
    for (int i = 0; i < more; ++i) {
      ids.push_back(next_id(world.clock));
      world.submit(item_of({.tenant = "acme"}, ids.back(), ItemKind::record, world.port));
      if (i % 5 == 0) world.submit(item_of({.tenant = "globex"}, next_id(world.clock), ItemKind::record, world.port));
    }
    world.port.wait(world.submitted);
    Frontier frontier;
    for (const auto& line : world.lines("acme")) frontier.append(leaf_hash(line));
    for (int i = 0; i < 30; ++i) {
      const auto& id = i == 0 ? ids.back() : ids[random() % ids.size()];
      const auto found = world.vault->evidence_by_id(log_of("acme"), id);
      REQUIRE_MESSAGE(found.has_value(), found.error().message);
      CHECK(found->tree_size == ids.size() + 1);
      CHECK(leaf_hash(found->line) == found->leaf);
      const auto checkpoint = open_checkpoint(found->checkpoint, world.vault->public_keys().log_key);
      REQUIRE(checkpoint.has_value());
      CHECK(checkpoint->size == found->tree_size);
      CHECK(checkpoint->root == frontier.root());
      CHECK(verify_inclusion(found->leaf_index, found->tree_size, found->leaf, found->inclusion, checkpoint->root));
      CHECK(world.vault->find_evidence(id)->log == log_of("acme"));
    }
  }
  CHECK(world.vault->find_evidence(next_id(world.clock)).error().code == core::Code::evidence_unknown);
}

TEST_CASE("pages walk through a log in both orders without a gap or a repeat") {
  World world;
  world.start();
  for (int i = 0; i < 100; ++i) {
    world.record({.tenant = "acme",
                  .caller = "app" + std::to_string(i % 3),
                  .outcome = i % 4 == 0 ? core::Outcome::failed : core::Outcome::allowed});
    world.clock.advance(60'000'000);
  }
  const auto all = world.lines("acme");
  REQUIRE(all.size() == 101);
  for (const auto order : {Order::newest_first, Order::oldest_first}) {
    for (const bool filtered : {false, true}) {
      EvidenceQuery query;
      query.order = order;
      query.limit = 7;
      if (filtered) query.outcome = core::Outcome::failed;
      std::vector<std::string> walked;
      for (;;) {
        const auto page = world.vault->evidence(log_of("acme"), query);
        REQUIRE(page.has_value());
        CHECK(page->lines.size() <= 7);
        walked.insert(walked.end(), page->lines.begin(), page->lines.end());
        if (!page->next_after) break;
        CHECK(page->lines.size() == 7);
        query.after = page->next_after;
      }
      if (order == Order::newest_first) std::reverse(walked.begin(), walked.end());
      std::vector<std::string> expected;
      for (const auto& line : all) {
        if (!filtered || line.find(R"("outcome":"failed")") != std::string::npos) expected.push_back(line);
      }
      CHECK(walked == expected);
    }
  }
  EvidenceQuery hour;
  hour.limit = 1000;
  const auto first = core::summarize(all[1])->time;
  hour.period = {.from = core::Instant{first.micros + 600'000'000}, .to = core::Instant{first.micros + 1'200'000'000}};
  CHECK(world.vault->evidence(log_of("acme"), hour)->lines.size() == 10);
  hour.caller = "app1";
  CHECK(world.vault->evidence(log_of("acme"), hour)->lines.size() == 4);
}

TEST_CASE("ndjson holds the exact lines, of one log or of all") {
  World world;
  world.start();
  for (int i = 0; i < 30; ++i) world.record({.tenant = i % 2 == 0 ? "acme" : "globex"});
  std::string text;
  const auto sink = [&](std::string_view bytes) -> core::Result<void> {
    text += bytes;
    return {};
  };
  const auto report = world.vault->export_ndjson(log_of("acme"), {}, sink);
  REQUIRE(report.has_value());
  std::string expected;
  for (const auto& line : world.lines("acme")) expected += line + "\n";
  CHECK(text == expected);
  CHECK(report->records == 16);
  const auto digest = sha256(text);
  CHECK(report->sha256 == to_hex(digest));
  text.clear();
  REQUIRE(world.vault->export_ndjson(std::nullopt, {}, sink).has_value());
  CHECK(std::count(text.begin(), text.end(), '\n') == 16 + 16 + 1 + 2);  // two tenants, unattributed, operator
  CHECK(world.vault->export_ndjson(log_of("nobody"), {}, sink).error().code == core::Code::tenant_unknown);
}

TEST_CASE("a bundle of a log is written from the store") {
  World world;
  world.start();
  for (int i = 0; i < 400; ++i) world.record({.tenant = "acme"});
  std::string first, second;
  const auto into = [](std::string& text) {
    return [&text](std::string_view bytes) -> core::Result<void> {
      text += bytes;
      return {};
    };
  };
  const auto report = world.vault->export_bundle(log_of("acme"), {}, into(first));
  REQUIRE_MESSAGE(report.has_value(), report.error().message);
  CHECK(report->size == 401);
  REQUIRE(world.vault->export_bundle(log_of("acme"), {}, into(second)).has_value());
  CHECK(first == second);
  CHECK(first.find("globex") == std::string::npos);
}
