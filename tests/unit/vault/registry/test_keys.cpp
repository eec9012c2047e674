// API keys and virtual keys: issued, listed, used, revoked; answers kept for a replay.
#include "tests/unit/vault/registry/registry_world.h"
#include "vault/registry/stored_registry.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

constexpr std::int64_t k_hour = 3'600 * core::k_micros_per_second;

NewApiKey named(std::string name) { return {.name = std::move(name), .expires = std::nullopt}; }

}  // namespace

TEST_CASE("a key works when it was created and not when it was revoked, also after a restart") {
  RegistryWorld world;
  world.create("acme");
  world.clock.advance(1'000'000);
  const auto expires = core::Instant{world.clock.now().micros + k_hour};
  const auto issued =
      need(world.registry().create_api_key(tenant_of("acme"), {.name = "ci", .expires = expires}, k_ops, {}));
  const auto* key = world.find(issued.key);
  REQUIRE(key != nullptr);
  CHECK(key->expires == expires.micros);
  auto listed = need(world.registry().api_keys(tenant_of("acme")));
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].name == "ci");
  CHECK(listed[0].expires == expires);
  CHECK(listed[1].name == "first");

  need(world.registry().revoke_api_key(tenant_of("acme"), issued.row.id, {"key_of_acme"}));
  CHECK(world.find(issued.key) == nullptr);
  CHECK(need(world.registry().api_keys(tenant_of("acme"))).size() == 1);
  CHECK(world.lines("acme").back().find(R"("action":"key.revoke","actor":"key_of_acme")") != std::string::npos);
  const auto again = world.registry().revoke_api_key(tenant_of("acme"), issued.row.id, k_ops);
  CHECK(again.error().code == core::Code::not_found);
  world.restart();
  CHECK(world.find(issued.key) == nullptr);
  world.check_verifies();
}

TEST_CASE("a key is revoked by its own tenant only") {
  RegistryWorld world;
  const auto acme = world.create("acme");
  world.create("globex");
  const auto refused = world.registry().revoke_api_key(tenant_of("globex"), acme.key.row.id, k_ops);
  CHECK(refused.error().code == core::Code::not_found);
  CHECK(world.registry().revoke_api_key(tenant_of("nobody"), acme.key.row.id, k_ops).error().code ==
        core::Code::not_found);
  CHECK(world.find(acme.key.key) != nullptr);
  CHECK(code_of(world.registry().create_api_key(tenant_of("nobody"), named("x"), k_ops, {})) == core::Code::not_found);
}

TEST_CASE("keys that are made in one millisecond are listed in the order they were made") {
  RegistryWorld world;  // its clock stands
  std::vector<IdBytes> made;
  for (int i = 0; i < 300; ++i) made.push_back(need(world.registry().issue_virtual_key({}, k_ops, {})).row.id);
  std::vector<IdBytes> listed;
  for (const auto& row : need(world.registry().virtual_keys({.limit = 1000, .before = {}}, VirtualKeys::all)).rows)
    listed.push_back(row.id);
  std::ranges::reverse(listed);
  CHECK(listed == made);
}

TEST_CASE("virtual keys are scoped to a tenant or to none, and stay listed when revoked") {
  RegistryWorld world;
  NewVirtualKey scoped{.name = "agent", .project = "default", .tenant = tenant_of("acme"), .issued_by = "ops"};
  scoped.expose_cost = true;
  const auto first = need(world.registry().issue_virtual_key(scoped, k_ops, {}));
  world.clock.advance(1'000'000);
  const auto second = need(world.registry().issue_virtual_key(
      {.name = "any", .project = "default", .tenant = {}, .issued_by = {}}, k_ops, {}));
  CHECK(first.key.reveal().size() == 35);
  CHECK(first.key.reveal().find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 3) == std::string::npos);
  CHECK(first.row.prefix == first.key.reveal().substr(0, 8));
  for (int round = 0; round < 2; ++round) {
    const auto* key = world.find(first.key);
    REQUIRE(key != nullptr);
    CHECK(key->kind == KeyClass::virtual_key);
    CHECK(key->expose_cost);
    CHECK(need(world.registry().tenant_of(key->tenant)) == tenant_of("acme"));
    const auto* any = world.find(second.key);
    REQUIRE(any != nullptr);
    CHECK(any->tenant == LogNumber{});
    world.restart();
  }
  CHECK(world.lines("acme").back().find(R"("action":"virtual_key.issue")") != std::string::npos);
  const auto revoked = need(world.registry().revoke_virtual_key(first.row.id, k_ops));
  CHECK(revoked.revoked.has_value());
  CHECK(world.find(first.key) == nullptr);
  CHECK(code_of(world.registry().revoke_virtual_key(first.row.id, k_ops)) == core::Code::not_found);
  need(world.registry().revoke_virtual_key(second.row.id, k_ops));
  const auto listed = need(world.registry().virtual_keys({}, VirtualKeys::all)).rows;
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].name == "any");
  CHECK(listed[1].revoked.has_value());
  world.check_verifies();
}

TEST_CASE("a use shows at once, is written lazily, and is there after the next start") {
  RegistryWorld world;
  const auto created = world.create("acme");
  const auto listed = [&] { return need(world.registry().api_keys(tenant_of("acme")))[0].last_used; };
  CHECK_FALSE(listed().has_value());
  world.clock.advance(10 * 60'000'000);
  const auto first = world.clock.now();
  world.registry().note_used(*world.find(created.key.key), first);
  CHECK(listed() == first);
  world.clock.advance(30'000'000);
  world.registry().note_used(*world.find(created.key.key), world.clock.now());
  CHECK(listed() == first);  // at most one store a minute
  {
    const CrashedCopy copy(world.dir);
    const auto reader = need(Vault::open_for_reading(copy.dir, world.clock));
    CHECK_FALSE(need(reader->registry().api_keys(tenant_of("acme")))[0].last_used.has_value());
  }
  const auto records = world.lines("acme").size();
  world.restart();
  CHECK(listed() == first);
  CHECK(world.lines("acme").size() == records);
  world.check_verifies();
}

TEST_CASE("uses are written in batches without stopping") {
  RegistryWorld world;
  const auto created = world.create("acme");
  const auto issued = need(world.registry().issue_virtual_key({}, k_ops, {}));
  world.clock.advance(10 * 60'000'000);
  const auto now = world.clock.now();
  world.registry().note_used(*world.find(created.key.key), now);
  world.registry().note_used(*world.find(issued.key), now);
  static_cast<StoredRegistry&>(world.registry()).write_uses();
  const CrashedCopy copy(world.dir);
  const auto reader = need(Vault::open_for_reading(copy.dir, world.clock));
  CHECK(need(reader->registry().api_keys(tenant_of("acme")))[0].last_used == now);
  CHECK(need(reader->registry().virtual_keys({}, VirtualKeys::all)).rows[0].last_used == now);
}

TEST_CASE("pages of keys are the list in parts, whatever is made and revoked between them") {
  RegistryWorld world;
  world.create("acme");
  world.create("globex");
  const auto acme = tenant_of("acme");
  auto& registry = world.registry();
  std::vector<IdBytes> api, lent;
  const auto make = [&](const char* tenant) {
    world.clock.advance(5'000);
    api.push_back(need(registry.create_api_key(tenant_of(tenant), {}, k_ops, {})).row.id);
    NewVirtualKey wanted;
    if (api.size() % 3 != 0) wanted.tenant = tenant_of(tenant);
    lent.push_back(need(registry.issue_virtual_key(wanted, k_ops, {})).row.id);
  };
  for (int i = 0; i < 7; ++i) make(i % 2 == 0 ? "acme" : "globex");
  const auto ids = [](const auto& rows) {
    std::vector<IdBytes> out;
    for (const auto& row : rows) out.push_back(row.id);
    return out;
  };
  const auto walk = [&](std::size_t limit, auto page_at, auto between) {
    std::vector<IdBytes> seen;
    KeyQuery query{limit, std::nullopt};
    for (int pages = 0; pages < 20; ++pages) {
      const auto page = need(page_at(query));
      CHECK(page.rows.size() <= limit);
      for (const auto& id : ids(page.rows)) seen.push_back(id);
      if (!page.next) return seen;
      query.before = page.next;
      between();
    }
    FAIL("pages without an end");
    return seen;
  };
  const auto nothing = [] {};
  const auto of_acme = [&](const KeyQuery& query) { return registry.api_keys(acme, query); };
  const auto all_lent = [&](const KeyQuery& query) { return registry.virtual_keys(query, VirtualKeys::all); };
  const auto in_force = [&](const KeyQuery& query) { return registry.virtual_keys(query, VirtualKeys::in_force); };

  const auto whole = ids(need(registry.api_keys(acme)));
  REQUIRE(whole.size() == 5);
  const std::vector<IdBytes> newest_first(lent.rbegin(), lent.rend());
  for (const std::size_t limit : {1u, 2u, 3u, 5u, 50u}) {
    CHECK(walk(limit, of_acme, nothing) == whole);
    CHECK(walk(limit, all_lent, nothing) == newest_first);
  }
  CHECK(need(registry.api_keys(tenant_of("nobody"), {})).rows.empty());

  // A newer key, and another tenant's, change nothing behind; the key that a page ended with may go meanwhile.
  CHECK(walk(2, of_acme, [&] { make("acme"); }) == whole);
  const std::vector<IdBytes> lent_before(lent.rbegin(), lent.rend());
  CHECK(walk(2, all_lent, [&] { make("globex"); }) == lent_before);
  auto first = need(registry.api_keys(acme, {2, std::nullopt}));
  REQUIRE(first.next.has_value());
  need(registry.revoke_api_key(acme, *first.next, k_ops));
  const auto rest = need(registry.api_keys(acme, {50, first.next}));
  CHECK(first.rows.size() + rest.rows.size() == need(registry.api_keys(acme)).size() + 1);
  // Another tenant's key is only a place in time.
  for (const auto& row : need(registry.api_keys(acme, {50, api[5]})).rows)
    CHECK(std::ranges::find(whole, row.id) != whole.end());

  need(registry.revoke_virtual_key(lent[3], k_ops));
  const auto left = walk(2, in_force, nothing);
  CHECK(std::ranges::find(left, lent[3]) == left.end());
  CHECK(left.size() + 1 == walk(2, all_lent, nothing).size());
  CHECK(left.size() == lent.size() - 1);
}

TEST_CASE("an answer is kept for a day, in the same commit as what it answers") {
  RegistryWorld world;
  Hash body{};
  body[0] = std::byte{7};
  NewAccount wanted;
  wanted.name = wanted.tier = wanted.key_name = "x";
  std::string revealed;
  const auto created = need(world.registry().create_account(wanted, k_ops, [&](const CreatedAccount& made) {
    revealed = made.key.key.reveal();
    return Idempotent{"ops create 1", body, R"({"id":")" + made.row.id.bytes() + R"(","key":null})"};
  }));
  CHECK(created.key.key.reveal() == revealed);
  const auto kept = need(world.registry().kept_answer("ops create 1"));
  REQUIRE(kept.has_value());
  CHECK(kept->body == body);
  CHECK(kept->answer == R"({"id":")" + created.row.id.bytes() + R"(","key":null})");
  CHECK_FALSE(need(world.registry().kept_answer("ops create 2")).has_value());

  world.clock.advance(24 * k_hour - 1);
  world.restart();
  CHECK(need(world.registry().kept_answer("ops create 1")).has_value());
  world.clock.advance(1);
  CHECK_FALSE(need(world.registry().kept_answer("ops create 1")).has_value());
}

TEST_CASE("answers older than a day go away as new ones come") {
  RegistryWorld world;
  world.create("acme");
  const auto keep = [&](int i) {
    const auto answer = [&](const IssuedKey&) { return Idempotent{"k" + std::to_string(i), {}, "{}"}; };
    need(world.registry().create_api_key(tenant_of("acme"), named("x"), k_ops, answer));
  };
  for (int i = 0; i < 60; ++i) keep(i);
  world.clock.advance(25 * k_hour);
  for (int i = 100; i < 160; ++i) keep(i);
  world.stop();
  const auto environment = need(Environment::open(world.dir, Access::read));
  const auto txn = need(environment->read());
  CHECK(need(txn.count(Table::answers)) < 80);
  CHECK(need(txn.count(Table::answers)) >= 60);
}
