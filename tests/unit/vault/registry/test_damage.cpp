// What is wrong with a registry's rows is found; stores from before the registry open; nothing is half done.
#include <lmdb.h>

#include "tests/unit/vault/registry/registry_world.h"
#include "vault/registry/row_codec.h"
#include "vault/store/environment.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

/// Rewrites entries of a table of a stopped vault: `change` answers what a value becomes, nullopt: it goes.
template <class Change>
void rewrite(const std::filesystem::path& dir, Table table, Change change) {
  const auto environment = need(Environment::open(dir, Access::write));
  std::vector<std::pair<std::string, std::string>> entries;
  {
    const auto txn = need(environment->read());
    auto cursor = need(txn.cursor(table));
    for (auto at = need(cursor.first()); at; at = need(cursor.next())) entries.emplace_back(at->key, at->value);
  }
  REQUIRE_FALSE(entries.empty());
  auto txn = need(environment->write());
  for (const auto& [key, value] : entries) {
    const std::optional<std::string> changed = change(key, value);
    if (changed) {
      need(txn.put(table, key, *changed));
    } else {
      need(txn.remove(table, key));
    }
  }
  need(txn.commit());
}

/// Makes a stopped vault one of a version that knew no registry.
void drop_registry_tables(const std::filesystem::path& dir) {
  MDB_env* environment = nullptr;
  REQUIRE(mdb_env_create(&environment) == 0);
  mdb_env_set_maxdbs(environment, k_table_count);
  REQUIRE(mdb_env_open(environment, dir.c_str(), 0, 0600) == 0);
  MDB_txn* txn = nullptr;
  REQUIRE(mdb_txn_begin(environment, nullptr, 0, &txn) == 0);
  for (auto table = static_cast<std::size_t>(k_first_added_table); table < k_table_count; ++table) {
    MDB_dbi handle = 0;
    REQUIRE(mdb_dbi_open(txn, table_name(static_cast<Table>(table)), 0, &handle) == 0);
    REQUIRE(mdb_drop(txn, handle, 1) == 0);
  }
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(environment);
}

std::optional<std::string> flip_last(const std::string&, std::string value) {
  value.back() = static_cast<char>(value.back() ^ 1);
  return value;
}

std::vector<std::string> problems(const RegistryWorld& world) {
  const auto reader = need(Vault::open_for_reading(world.dir, world.clock));
  return need(reader->verify()).problems;
}

void fill(RegistryWorld& world) {
  world.create("acme");
  need(world.registry().put_provider_key(
      tenant_of("acme"), {.provider = "openai", .api_key = core::Secret(std::string("sk-proj-1"))}, k_ops));
  need(
      world.registry().issue_virtual_key({}, k_ops, [](const IssuedVirtualKey&) { return Idempotent{"k", {}, "{}"}; }));
}

}  // namespace

TEST_CASE("a damaged row is named by verify, whatever its table") {
  for (const auto table :
       {Table::accounts, Table::api_keys, Table::provider_keys, Table::virtual_keys, Table::keys, Table::answers}) {
    CAPTURE(table_name(table));
    RegistryWorld world;
    fill(world);
    world.stop();
    CHECK(problems(world).empty());
    rewrite(world.dir, table, flip_last);
    const auto found = problems(world);
    REQUIRE_FALSE(found.empty());
    CHECK(found[0].starts_with("the registry: "));
  }
}

TEST_CASE("a server does not start on damaged keys, and says so in a sentence") {
  RegistryWorld world;
  fill(world);
  world.stop();
  rewrite(world.dir, Table::keys, flip_last);
  const auto served = world.serve();
  REQUIRE_FALSE(served.has_value());
  CHECK(served.error().code == core::Code::vault_corrupt);
  CHECK(served.error().message.find("API key") != std::string::npos);
}

TEST_CASE("a store from before the registry reads as one without accounts, and gets its tables when it is served") {
  RegistryWorld world;
  world.record({.tenant = "acme"});
  world.stop();
  drop_registry_tables(world.dir);
  {
    const auto reader = need(Vault::open_for_reading(world.dir, world.clock));
    CHECK(need(reader->registry().accounts({})).rows.empty());
    CHECK_FALSE(need(reader->registry().account(tenant_of("acme"))).has_value());
    CHECK(need(reader->registry().virtual_keys({}, VirtualKeys::all)).rows.empty());
    CHECK_FALSE(need(reader->registry().kept_answer("k")).has_value());
    CHECK(need(reader->verify()).ok());
  }
  world.start();
  const auto created = world.create("acme");
  world.restart();
  CHECK(world.find(created.key.key) != nullptr);
  world.check_verifies();
}

TEST_CASE("a key that is listed and not in force, or in force and not listed, is named") {
  RegistryWorld world;
  fill(world);
  world.stop();
  rewrite(world.dir, Table::api_keys, [](const auto&, const auto&) { return std::nullopt; });
  CHECK(problems(world).size() == 1);
  RegistryWorld other;
  fill(other);
  other.stop();
  rewrite(other.dir, Table::keys, [](const auto&, const auto&) { return std::nullopt; });
  CHECK(problems(other).size() == 2);
}

TEST_CASE("a provider key in another tenant's row does not open there") {
  RegistryWorld world;
  fill(world);
  world.create("globex");
  need(world.registry().put_provider_key(
      tenant_of("globex"), {.provider = "openai", .api_key = core::Secret(std::string("sk-proj-2"))}, k_ops));
  world.stop();
  // Both rows stay well formed; only the sealed bytes change places.
  std::vector<std::string> sealed;
  rewrite(world.dir, Table::provider_keys, [&](const auto& key, const auto& value) {
    sealed.push_back(decode<ProviderKeyRow>(key, value)->sealed);
    return std::optional<std::string>(value);
  });
  rewrite(world.dir, Table::provider_keys, [&](const auto& key, const auto& value) {
    auto row = *decode<ProviderKeyRow>(key, value);
    row.sealed = row.sealed == sealed[0] ? sealed[1] : sealed[0];
    return std::optional<std::string>(encode(key, row));
  });
  CHECK(problems(world).size() == 2);
  world.start();
  CHECK(code_of(world.registry().open_account(tenant_of("acme"))) == core::Code::key_invalid);
}

TEST_CASE("a copy taken after any change holds all of it: rows, record and genesis") {
  RegistryWorld world;
  for (int i = 0; i < 6; ++i) {
    const auto id = "t" + std::to_string(i);
    const auto created = world.create(id);
    const auto issued = need(world.registry().create_api_key(tenant_of(id), {}, k_ops, {}));
    need(world.registry().revoke_api_key(tenant_of(id), created.key.row.id, k_ops));
    const CrashedCopy copy(world.dir);
    auto again = need(Vault::open_for_serving(copy.dir, world.options, world.clock, world.random));
    CHECK(need(again->registry().account(tenant_of(id))).has_value());
    CHECK(again->registry().find(again->key_digest(issued.key.reveal())) != nullptr);
    CHECK(again->registry().find(again->key_digest(created.key.key.reveal())) == nullptr);
    const auto report = need(again->verify());
    for (const auto& problem : report.problems) MESSAGE(problem);
    CHECK(report.ok());
    EvidenceQuery query;
    CHECK(need(again->evidence(log_of(id), query)).lines.size() == 4);
  }
}

TEST_CASE("nothing is changed once the journal has stopped") {
  RegistryWorld world;
  const auto created = world.create("acme");
  world.vault->stop();
  NewAccount wanted;
  wanted.name = wanted.tier = wanted.key_name = "x";
  wanted.id = tenant_of("late");
  CHECK(code_of(world.registry().create_account(wanted, k_ops, {})) == core::Code::vault_unavailable);
  CHECK(code_of(world.registry().create_api_key(tenant_of("acme"), {}, k_ops, {})) == core::Code::vault_unavailable);
  const auto revoked = world.registry().revoke_api_key(tenant_of("acme"), created.key.row.id, k_ops);
  CHECK(revoked.error().code == core::Code::vault_unavailable);
  CHECK(world.find(created.key.key) != nullptr);
  world.restart();
  CHECK_FALSE(need(world.registry().account(tenant_of("late"))).has_value());
  CHECK(world.find(created.key.key) != nullptr);
}
