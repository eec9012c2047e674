// Accounts: made, changed, suspended, closed; each act with its record in the tenant's log.
#include "tests/unit/vault/registry/registry_world.h"

#include "vault/registry/sealed_provider_key.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

NewProviderKey provider_key(std::string provider, std::string text) {
  return {.provider = std::move(provider), .api_key = core::Secret(std::move(text)), .timeout_s = 30, .max_retries = 3};
}

}  // namespace

TEST_CASE("a created account is there with its key, its log and the record of who made it") {
  RegistryWorld world;
  NewAccount wanted;
  wanted.name = "Acme Corp";
  wanted.email = "it@acme.example";
  wanted.tier = "growth";
  wanted.monthly_budget = core::NanoUsd(5'000'000'000'000);
  wanted.key_name = "default";
  const auto created = need(world.registry().create_account(wanted, k_ops, {}));
  CHECK(created.row.id.bytes().size() == 33);
  CHECK(created.row.id.bytes().starts_with("tenant_0"));
  CHECK(created.key.key.reveal().size() == 46);
  CHECK(created.key.key.reveal().starts_with("sk-"));
  CHECK(created.key.row.preview == "sk-..." + std::string(created.key.key.reveal().substr(40)));

  const auto* key = world.find(created.key.key);
  REQUIRE(key != nullptr);
  CHECK(key->kind == KeyClass::tenant_key);
  CHECK(need(world.registry().tenant_of(key->tenant)) == created.row.id);
  const auto stored = need(world.registry().account(created.row.id));
  REQUIRE(stored.has_value());
  CHECK(stored->name == "Acme Corp");
  CHECK(stored->monthly_budget == wanted.monthly_budget);
  CHECK(stored->own_provider_keys);
  CHECK(need(world.registry().api_keys(created.row.id)).size() == 1);

  const auto lines = world.lines(created.row.id.bytes());
  REQUIRE(lines.size() == 2);
  CHECK(holds(lines[0], R"("kind":"genesis")"));
  CHECK(holds(lines[1], R"("action":"tenant.create","actor":"ops","changes":[{"after":"Acme Corp","member":"name"})"));
  CHECK(holds(lines[1], R"({"after":"5000","member":"monthly_budget_usd"})"));
  CHECK(holds(lines[1], key_id_text(created.key.row.id)));
  CHECK_FALSE(holds(lines[1], created.key.key.reveal()));
  CHECK_FALSE(holds(lines[1], "before"));
  world.check_verifies();
}

TEST_CASE("an account is there after a restart, with its keys in force") {
  RegistryWorld world;
  const auto created = world.create("acme");
  world.restart();
  CHECK(need(world.registry().account(tenant_of("acme"))).has_value());
  const auto* key = world.find(created.key.key);
  REQUIRE(key != nullptr);
  CHECK(need(world.registry().tenant_of(key->tenant)) == tenant_of("acme"));
  CHECK(need(world.registry().tenant_of(LogNumber{1})) == std::nullopt);
  CHECK(need(world.registry().tenant_of(LogNumber{999})) == std::nullopt);
}

TEST_CASE("an id that exists is refused, also when only tags had named it it may become an account") {
  RegistryWorld world;
  world.create("acme");
  NewAccount again;
  again.name = again.tier = again.key_name = "x";
  again.id = tenant_of("acme");
  CHECK(code_of(world.registry().create_account(again, k_ops, {})) == core::Code::conflict);
  world.record({.tenant = "tagged"});
  world.create("tagged");
  CHECK(world.lines("tagged").size() == 3);
  world.check_verifies();
}

TEST_CASE("a suspension records its reason, before and after; twice is a conflict") {
  RegistryWorld world;
  auto row = world.create("acme").row;
  row.status = AccountStatus::suspended;
  row.reason = "unpaid";
  row.suspended_at = world.clock.now();
  const auto suspended = need(world.registry().change_account(row, "tenant.suspend", k_ops));
  CHECK(suspended.status == AccountStatus::suspended);
  CHECK(holds(world.lines("acme").back(), R"("changes":[{"after":"suspended","before":"active","member":"status"},)"
                                          R"({"after":"unpaid","member":"reason"}])"));
  CHECK(code_of(world.registry().change_account(row, "tenant.suspend", k_ops)) == core::Code::conflict);
  row.status = AccountStatus::active;
  row.reason.clear();
  row.suspended_at.reset();
  need(world.registry().change_account(row, "tenant.resume", k_ops));
  CHECK(code_of(world.registry().change_account(row, "tenant.resume", k_ops)) == core::Code::conflict);
  CHECK(need(world.registry().account(row.id))->status == AccountStatus::active);
}

TEST_CASE("a tenant without an account gets a row with its first change") {
  RegistryWorld world;
  world.record({.tenant = "yaml"});
  AccountRow row{.id = tenant_of("yaml"), .source = AccountSource::config, .status = AccountStatus::suspended};
  row.own_provider_keys = false;
  row.reason = "asked";
  need(world.registry().change_account(row, "tenant.suspend", k_ops));
  CHECK(holds(world.lines("yaml").back(), R"({"after":"suspended","before":"active","member":"status"})"));
  const auto account = need(world.registry().open_account(tenant_of("yaml")));
  REQUIRE(account);
  CHECK(account->row.source == AccountSource::config);
  CHECK_FALSE(account->only_own_credentials);
  CHECK_FALSE(need(world.registry().open_account(tenant_of("unheard"))));
}

TEST_CASE("a closed account keeps its evidence and loses its keys; its id is nobody else's") {
  RegistryWorld world;
  const auto created = world.create("acme");
  const auto second =
      need(world.registry().create_api_key(tenant_of("acme"), {.name = "two", .expires = {}}, k_ops, {}));
  NewVirtualKey scoped;
  scoped.tenant = tenant_of("acme");
  const auto virtual_key = need(world.registry().issue_virtual_key(scoped, k_ops, {}));
  const auto unscoped = need(world.registry().issue_virtual_key({}, k_ops, {}));
  need(world.registry().put_provider_key(tenant_of("acme"), provider_key("openai", "sk-proj-1"), k_ops));
  need(world.registry().close_account(tenant_of("acme"), k_ops));
  for (int round = 0; round < 2; ++round) {
    CHECK(world.find(created.key.key) == nullptr);
    CHECK(world.find(second.key) == nullptr);
    CHECK(world.find(virtual_key.key) == nullptr);
    CHECK(world.find(unscoped.key) != nullptr);
    CHECK(need(world.registry().account(tenant_of("acme")))->status == AccountStatus::closed);
    CHECK(need(world.registry().provider_keys(tenant_of("acme"))).empty());
    CHECK(need(world.registry().api_keys(tenant_of("acme"))).empty());
    CHECK(need(world.registry().virtual_keys({}, VirtualKeys::all)).rows.size() == 2);
    world.restart();
  }
  CHECK(holds(world.lines("acme").back(), R"({"after":"0","before":"2","member":"api_keys"})"));
  CHECK(code_of(world.registry().close_account(tenant_of("acme"), k_ops)) == core::Code::not_found);
  CHECK(code_of(world.registry().create_api_key(tenant_of("acme"), {}, k_ops, {})) == core::Code::conflict);
  const auto size = world.lines("acme").size();
  NewAccount again;
  again.name = again.key_name = "another";
  again.tier = "growth";
  again.id = tenant_of("acme");
  CHECK(code_of(world.registry().create_account(again, k_ops, {})) == core::Code::conflict);
  CHECK(world.lines("acme").size() == size);
  world.check_verifies();
}

TEST_CASE("a provider key opens for its tenant only, replaces the one before, and ends the operator's") {
  RegistryWorld world;
  world.record({.tenant = "yaml"});
  const auto first =
      need(world.registry().put_provider_key(tenant_of("yaml"), provider_key("openai", "sk-proj-one"), k_ops));
  CHECK(first.sealed.find("sk-proj-one") == std::string::npos);
  auto account = need(world.registry().open_account(tenant_of("yaml")));
  REQUIRE(account);
  CHECK(account->only_own_credentials);
  REQUIRE(account->credential("openai") != nullptr);
  CHECK(account->credential("openai")->api_key.reveal() == "sk-proj-one");
  CHECK(account->credential("openai")->timeout_s == 30);
  CHECK(account->credential("anthropic") == nullptr);

  const auto second =
      need(world.registry().put_provider_key(tenant_of("yaml"), provider_key("openai", "sk-proj-two"), k_ops));
  CHECK(second.id != first.id);
  account = need(world.registry().open_account(tenant_of("yaml")));
  REQUIRE(account->credentials.size() == 1);
  CHECK(account->credentials[0].api_key.reveal() == "sk-proj-two");
  for (const auto& line : world.lines("yaml")) CHECK_FALSE(holds(line, "sk-proj"));

  need(world.registry().note_health(tenant_of("yaml"), second.id, false, {42}, {"gpt-4o"}));
  const auto rows = need(world.registry().provider_keys(tenant_of("yaml")));
  REQUIRE(rows.size() == 1);
  CHECK_FALSE(rows[0].healthy);
  CHECK(rows[0].models == std::vector<std::string>{"gpt-4o"});
  CHECK(code_of(world.registry().note_health(tenant_of("yaml"), first.id, true, {42}, {})) == core::Code::not_found);

  need(world.registry().remove_provider(tenant_of("yaml"), "openai", k_ops));
  CHECK(code_of(world.registry().remove_provider(tenant_of("yaml"), "openai", k_ops)) == core::Code::not_found);
  account = need(world.registry().open_account(tenant_of("yaml")));
  CHECK(account->credentials.empty());
  CHECK(account->only_own_credentials);
  world.check_verifies();
}

TEST_CASE("a sealed provider key that was moved to another tenant or provider does not open") {
  TestRandom random;
  const core::Secret key("sk-proj-x"), sealing(std::string(32, 's')), other(std::string(32, 't'));
  const auto sealed = seal_provider_key(key, tenant_of("acme"), "openai", sealing, random);
  CHECK(need(open_provider_key(sealed, tenant_of("acme"), "openai", sealing)).reveal() == "sk-proj-x");
  CHECK(code_of(open_provider_key(sealed, tenant_of("acme"), "anthropic", sealing)) == core::Code::key_invalid);
  CHECK(code_of(open_provider_key(sealed, tenant_of("globex"), "openai", sealing)) == core::Code::key_invalid);
  CHECK(code_of(open_provider_key(sealed, tenant_of("acmeo"), "penai", sealing)) == core::Code::key_invalid);
  CHECK(code_of(open_provider_key(sealed, tenant_of("acme"), "openai", other)) == core::Code::key_invalid);
  CHECK(code_of(open_provider_key(sealed.substr(1), tenant_of("acme"), "openai", sealing)) == core::Code::key_invalid);
}

TEST_CASE("accounts are listed in the order of creation, in pages, and found by a part of id, name or e-mail") {
  RegistryWorld world;
  for (int i = 0; i < 25; ++i) world.create("t" + std::to_string(i));
  std::vector<std::string> seen;
  AccountQuery query;
  query.limit = 10;
  for (;;) {
    const auto page = need(world.registry().accounts(query));
    for (const auto& row : page.rows) seen.push_back(row.id.bytes());
    if (!page.next_after) break;
    CHECK(page.rows.size() == 10);
    query.after = page.next_after;
  }
  REQUIRE(seen.size() == 25);
  for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == "t" + std::to_string(i));
  CHECK(need(world.registry().accounts({.text = "Shop t2", .limit = 50, .after = {}})).rows.size() == 6);
  CHECK(need(world.registry().accounts({.text = "it@example", .limit = 50, .after = {}})).rows.size() == 25);
  CHECK(need(world.registry().accounts({.text = "nobody", .limit = 50, .after = {}})).rows.empty());
  CHECK_FALSE(need(world.registry().accounts({.text = "", .limit = 25, .after = {}})).next_after.has_value());
}

TEST_CASE("a reader of the vault sees accounts and keys, and makes no change") {
  RegistryWorld world;
  world.create("acme");
  need(world.registry().put_provider_key(tenant_of("acme"), provider_key("openai", "sk-proj-1"), k_ops));
  const CrashedCopy copy(world.dir);
  const auto reader = need(Vault::open_for_reading(copy.dir, world.clock));
  CHECK(need(reader->registry().account(tenant_of("acme"))).has_value());
  CHECK(need(reader->registry().api_keys(tenant_of("acme"))).size() == 1);
  CHECK(need(reader->registry().open_account(tenant_of("acme")))->credentials.size() == 1);
  CHECK(need(reader->registry().accounts({})).rows.size() == 1);
  CHECK(reader->registry().record_act("serve.drain", "", k_ops).error().code == core::Code::internal_error);
}

TEST_CASE("an act that changes no row stands in the operator's log") {
  RegistryWorld world;
  need(world.registry().record_act("config.reload", "talon.yaml", k_ops));
  const auto page = need(world.vault->evidence(core::LogName::operator_log(), {}));
  CHECK(holds(page.lines[0], R"("action":"config.reload","actor":"ops",)"));
  CHECK(holds(page.lines[0], R"("target":"talon.yaml")"));
}
