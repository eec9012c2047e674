// The directory around the store: init, owners and modes, locks, cut files, tampering with rows.
#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "tests/unit/vault/test_world.h"
#include "vault/store/preflight.h"
#include "vault/store/tables.h"
#include "vault/store/writer_lock.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;
namespace fs = std::filesystem;

namespace {

std::set<std::string> listing(const fs::path& dir) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir)) names.insert(entry.path().filename().string());
  return names;
}

/// Opens a vault's store behind Talon's back and changes one value.
void change_value(const fs::path& dir, const char* table, const std::string& key, const auto& change) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  REQUIRE(mdb_env_create(&env) == 0);
  mdb_env_set_maxdbs(env, 16);
  mdb_env_set_mapsize(env, 1 << 30);
  REQUIRE(mdb_env_open(env, dir.c_str(), 0, 0600) == 0);
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  REQUIRE(mdb_dbi_open(txn, table, 0, &dbi) == 0);
  MDB_val k{key.size(), const_cast<char*>(key.data())};
  MDB_val v{};
  REQUIRE(mdb_get(txn, dbi, &k, &v) == 0);
  std::string value(static_cast<const char*>(v.mv_data), v.mv_size);
  if (change(value)) {
    v = {value.size(), value.data()};
    REQUIRE(mdb_put(txn, dbi, &k, &v, 0) == 0);
  } else {
    REQUIRE(mdb_del(txn, dbi, &k, nullptr) == 0);
  }
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

std::string key_text(const SmallBytes& key) { return std::string(key.view()); }

}  // namespace

TEST_CASE("init makes a private directory with keys, and a second one changes nothing") {
  TempDir temp;
  TestClock clock;
  TestRandom random;
  const auto dir = temp.path() / "a" / "b";
  const auto made = init_vault(dir, "", "0.1.0", clock, random);
  REQUIRE_MESSAGE(made.has_value(), made.error().message);
  CHECK(made->vault_name.starts_with("talon-"));
  CHECK(made->vault_name.size() == 14);
  CHECK((fs::status(dir).permissions() & fs::perms::all) == fs::perms::owner_all);
  CHECK(fs::exists(made->public_key_file));
  CHECK(fs::exists(made->admin_key_file));
  const auto before = listing(dir);
  std::ifstream key(dir / "keys" / "log.key");
  const std::string kept((std::istreambuf_iterator<char>(key)), {});
  const auto second = init_vault(dir, "other", "0.1.0", clock, random);
  CHECK(second.error().code == core::Code::vault_exists);
  CHECK(listing(dir) == before);
  std::ifstream again(dir / "keys" / "log.key");
  CHECK(std::string((std::istreambuf_iterator<char>(again)), {}) == kept);
}

TEST_CASE("init refuses names that would break origins, and makes nothing") {
  TempDir temp;
  TestClock clock;
  TestRandom random;
  for (const char* name : {"Upper", "a/b", "t", "-x", "a b", "ümlaut"}) {
    CHECK(init_vault(temp.path() / "d", name, "0.1.0", clock, random).error().code == core::Code::usage);
  }
  CHECK(!fs::exists(temp.path() / "d"));
}

TEST_CASE("init takes an empty directory, makes it private, and refuses one that is in use") {
  TempDir temp;
  TestClock clock;
  TestRandom random;
  fs::create_directory(temp.path() / "empty");
  fs::permissions(temp.path() / "empty", fs::perms::owner_all | fs::perms::group_all | fs::perms::others_all);
  fs::create_directory(temp.path() / "empty" / "lost+found");
  CHECK(init_vault(temp.path() / "empty", "gw", "0.1.0", clock, random).has_value());
  CHECK((fs::status(temp.path() / "empty").permissions() & fs::perms::all) == fs::perms::owner_all);
  fs::create_directory(temp.path() / "used");
  std::ofstream(temp.path() / "used" / "thesis.tex") << "x";
  CHECK(init_vault(temp.path() / "used", "gw", "0.1.0", clock, random).error().code == core::Code::vault_exists);
  CHECK(listing(temp.path() / "used") == std::set<std::string>{"thesis.tex"});
}

TEST_CASE("an init that died between its moves is taken back by the next one") {
  for (int moved = 0; moved <= 3; ++moved) {
    World done;
    const char* parts[] = {"keys", "admin.key", "vault.pub", "data.mdb"};
    fs::create_directory(done.dir / ".init-deadbeef");
    for (int i = moved; i < 4; ++i) fs::rename(done.dir / parts[i], done.dir / ".init-deadbeef" / parts[i]);
    CHECK(Vault::open_for_reading(done.dir, done.clock).error().code == core::Code::vault_missing);
    const auto made = init_vault(done.dir, "again", "0.1.0", done.clock, done.random);
    REQUIRE_MESSAGE(made.has_value(), made.error().message);
    CHECK(!listing(done.dir).contains(".init-deadbeef"));
    done.start();
    CHECK(done.vault->name() == "again");
  }
}

TEST_CASE("keys without their store are never thrown away") {
  World world;
  fs::remove(world.dir / "data.mdb");
  CHECK(init_vault(world.dir, "gw", "0.1.0", world.clock, world.random).error().code == core::Code::vault_exists);
  CHECK(fs::exists(world.dir / "keys" / "log.key"));
  CHECK(world.serve().error().code == core::Code::vault_missing);
}

TEST_CASE("a second server on the directory is refused and told whose it is") {
  World world;
  world.start();
  const auto second = Vault::open_for_serving(world.dir, world.options, world.clock, world.random);
  CHECK(second.error().code == core::Code::vault_locked);
  CHECK(second.error().message.find(std::to_string(::getpid())) != std::string::npos);
  CHECK(WriterLock::held(world.dir));
  world.stop();
  CHECK(!WriterLock::held(world.dir));
}

TEST_CASE("a directory open to others, or a file cut off, is refused with the remedy") {
  World world;
  ::chmod(world.dir.c_str(), 0755);
  auto refused = world.serve();
  CHECK(refused.error().code == core::Code::vault_permission);
  CHECK(refused.error().message.find("chmod 700") != std::string::npos);
  ::chmod(world.dir.c_str(), 0700);
  world.start();
  for (int i = 0; i < 50; ++i) world.record({});
  world.stop();
  const auto whole = fs::file_size(world.dir / "data.mdb");
  for (const std::uintmax_t size :
       {std::uintmax_t{0}, std::uintmax_t{100}, std::uintmax_t{4096}, std::uintmax_t{8192}, std::uintmax_t{40960}}) {
    CAPTURE(size);
    TempDir copy;
    fs::copy(world.dir, copy.path() / "d", fs::copy_options::recursive);
    fs::permissions(copy.path() / "d", fs::perms::owner_all);
    fs::resize_file(copy.path() / "d" / "data.mdb", size);
    CHECK(Vault::open_for_serving(copy.path() / "d", world.options, world.clock, world.random).error().code ==
          core::Code::vault_corrupt);
    CHECK(Vault::open_for_reading(copy.path() / "d", world.clock).error().code == core::Code::vault_corrupt);
  }
  CHECK(fs::file_size(world.dir / "data.mdb") == whole);
}

TEST_CASE("every kind of change behind Talon's back is found") {
  World world;
  world.start();
  for (int i = 0; i < 300; ++i) world.record({.tenant = i % 3 == 0 ? "globex" : "acme", .cost = 10});
  world.stop();
  const auto flip = [](std::string& value) {
    value[value.size() / 2] = static_cast<char>(value[value.size() / 2] ^ 1);
    return true;
  };
  const auto drop = [](std::string&) { return false; };
  struct Case {
    const char* what;
    const char* table;
    std::string key;
    std::function<bool(std::string&)> change;
  };
  const LogNumber acme{4};
  const std::vector<Case> cases = {
      {"a byte of a record", "rows", key_text(row_key(20)), flip},
      {"a row dropped", "rows", key_text(row_key(20)), drop},
      {"the newest row dropped", "rows", key_text(row_key(304)), drop},
      {"a row's time", "rows", key_text(row_key(30)),
       [](std::string& row) {
         row[20] = static_cast<char>(row[20] ^ 1);
         return true;
       }},
      {"a row's flags", "rows", key_text(row_key(30)),
       [](std::string& row) {
         row[1] = static_cast<char>(row[1] ^ 2);
         return true;
       }},
      {"an index entry", "index", key_text(index_key(acme, 50)), flip},
      {"an index entry dropped", "index", key_text(index_key(acme, 50)), drop},
      {"a frontier", "frontiers", key_text(key_of(acme)), flip},
      {"the seal", "meta", "state", flip},
      {"the indexed state", "meta", "indexed", flip},
  };
  for (const auto& test : cases) {
    CAPTURE(test.what);
    TempDir copy;
    const auto dir = copy.path() / "d";
    fs::copy(world.dir, dir, fs::copy_options::recursive);
    fs::permissions(dir, fs::perms::owner_all);
    change_value(dir, test.table, test.key, test.change);
    const auto reader = Vault::open_for_reading(dir, world.clock);
    REQUIRE(reader.has_value());
    const auto report = (*reader)->verify();
    CHECK((!report || !report->ok()));
  }
}

TEST_CASE("roll-ups changed on disk differ from the recount") {
  World world;
  world.start();
  for (int i = 0; i < 30; ++i) world.record({.tenant = "acme", .session = "s1", .cost = 10});
  world.stop();
  change_value(world.dir, "meta", "state", [](std::string&) { return true; });  // a change that changes nothing is fine
  {
    const auto reader = Vault::open_for_reading(world.dir, world.clock);
    CHECK((*reader)->verify()->ok());
  }
  change_value(
      world.dir, "sessions",
      [] {
        SmallBytes key;
        key.number(std::uint32_t{3});
        const auto hash = sha256("s1");
        key.bytes(bytes_of(hash).substr(0, 16));
        return std::string(key.view());
      }(),
      [](std::string& value) {
        value[7] = static_cast<char>(value[7] + 1);
        return true;
      });
  const auto reader = Vault::open_for_reading(world.dir, world.clock);
  const auto report = (*reader)->verify();
  REQUIRE(report.has_value());
  CHECK(!report->rollups_ok);
  CHECK(!report->ok());
}

TEST_CASE("a server refuses to start on rows that do not lead to their seal") {
  World world;
  world.start();
  for (int i = 0; i < 5; ++i) world.record({.tenant = "acme"});
  // As after a crash: these rows are behind the index and are replayed at start.
  TempDir copy;
  const auto dir = copy.path() / "d";
  fs::create_directory(dir);
  fs::permissions(dir, fs::perms::owner_all);
  for (const char* part : {"data.mdb", "keys", "vault.pub", "admin.key"})
    fs::copy(world.dir / part, dir / part, fs::copy_options::recursive);
  world.stop();
  change_value(dir, "rows", key_text(row_key(6)), [](std::string& row) {
    const auto at = row.find("\"nano_usd\":1000");
    REQUIRE(at != std::string::npos);
    row[at + 11] = '2';
    return true;
  });
  const auto refused = Vault::open_for_serving(dir, world.options, world.clock, world.random);
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == core::Code::vault_corrupt);
  CHECK(refused.error().message.find("seal") != std::string::npos);
}

TEST_CASE("two vaults side by side know nothing of each other") {
  World one;
  World two;
  one.start();
  two.start();
  one.record({.tenant = "acme", .cost = 1});
  two.record({.tenant = "globex", .cost = 2});
  CHECK(one.vault->tenants(std::nullopt, "")->tenants.size() == 1);
  CHECK(two.vault->tenants(std::nullopt, "")->tenants[0].tenant->bytes() == "globex");
  CHECK(one.vault->checkpoint(log_of("globex")).error().code == core::Code::tenant_unknown);
}

TEST_CASE("another process sees every call that was queued when it began to read") {
  World world;
  world.options.durability = core::Durability::batched;
  int to_child[2], to_parent[2];
  REQUIRE(::pipe(to_child) == 0);
  REQUIRE(::pipe(to_parent) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::uint32_t expected = 0;
    for (;;) {
      if (::read(to_child[0], &expected, sizeof expected) != sizeof expected || expected == 0) ::_exit(0);
      const auto reader = Vault::open_for_reading(world.dir, world.clock);
      const auto detail = reader ? (*reader)->tenant(core::TenantId::parse("acme").value())
                                 : core::Result<TenantDetail>(core::fail(reader.error()));
      const std::uint32_t seen = detail ? static_cast<std::uint32_t>(detail->request_count) : 0;
      if (::write(to_parent[1], &seen, sizeof seen) != sizeof seen) ::_exit(1);
    }
  }
  world.start();
  for (std::uint32_t round = 1; round <= 30; ++round) {
    world.submit(item_of({.tenant = "acme"}, next_id(world.clock), ItemKind::record, world.port));
    REQUIRE(::write(to_child[1], &round, sizeof round) == sizeof round);
    std::uint32_t seen = 0;
    REQUIRE(::read(to_parent[0], &seen, sizeof seen) == sizeof seen);
    CHECK(seen == round);
  }
  const std::uint32_t end = 0;
  REQUIRE(::write(to_child[1], &end, sizeof end) == sizeof end);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  for (const int descriptor : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) ::close(descriptor);
}

TEST_CASE("numbers of a writer that is gone keep no reader waiting") {
  World world;
  world.start();
  world.record({.tenant = "acme"});
  world.stop();
  {
    // What kill -9 in batched leaves behind: more submitted than committed.
    std::fstream file(world.dir / "journal.pos", std::ios::in | std::ios::out | std::ios::binary);
    const std::uint64_t submitted = 1000;
    file.seekp(16);
    file.write(reinterpret_cast<const char*>(&submitted), sizeof submitted);
  }
  const auto started = std::chrono::steady_clock::now();
  const auto reader = Vault::open_for_reading(world.dir, world.clock);
  CHECK((*reader)->logs().has_value());
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(4));
}
