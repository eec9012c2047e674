#include <doctest/doctest.h>

#include <sys/stat.h>

#include "tests/unit/vault/log_world.h"
#include "vault/log/key_ring.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;
namespace fs = std::filesystem;

namespace {

struct Written {
  TemporaryFolder folder;
  fs::path data_dir = folder / "data";
  SeededRandom random{3};
  KeyRing keys = KeyRing::generate("talon-test", random);
  Written() { REQUIRE(keys.write(data_dir, random).has_value()); }
};

unsigned mode_of(const fs::path& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

}  // namespace

TEST_CASE("a written key ring loads again, name and all keys the same") {
  const Written world;
  const auto loaded = KeyRing::load(world.data_dir);
  REQUIRE(loaded.has_value());
  CHECK(loaded->vault_name == "talon-test");
  CHECK(loaded->log_key.seed().reveal() == world.keys.log_key.seed().reveal());
  CHECK(loaded->export_key.seed().reveal() == world.keys.export_key.seed().reveal());
  CHECK(loaded->vault_secret.reveal() == world.keys.vault_secret.reveal());
  CHECK(loaded->sealing_key.reveal() == world.keys.sealing_key.reveal());
  const auto published = load_public_keys(world.data_dir);
  REQUIRE(published.has_value());
  CHECK(published->text() == world.keys.public_keys().text());
  CHECK(read_text(world.data_dir / "vault.pub") == published->text());
}

TEST_CASE("secret files are 0600 in 0700 folders, whatever the umask") {
  const auto before = ::umask(0);
  const Written world;
  ::umask(before);
  CHECK(mode_of(world.data_dir) == 0700);
  CHECK(mode_of(world.data_dir / "keys") == 0700);
  CHECK(mode_of(world.data_dir / "keys/sealing") == 0700);
  for (const char* name : {"keys/log.key", "keys/export.key", "keys/vault.secret", "keys/sealing/1.key", "admin.key"}) {
    CHECK(mode_of(world.data_dir / name) == 0600);
    const auto text = read_text(world.data_dir / name);
    CHECK(text.size() >= 44);
    CHECK(text.find('\n') == text.size() - 1);
  }
  CHECK(mode_of(world.data_dir / "vault.pub") == 0644);
}

TEST_CASE("a second write refuses and changes nothing") {
  Written world;
  const auto before = read_text(world.data_dir / "keys/log.key");
  const auto other = KeyRing::generate("talon-other", world.random);
  const auto result = other.write(world.data_dir, world.random);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == core::Code::vault_exists);
  CHECK(read_text(world.data_dir / "keys/log.key") == before);
  CHECK(KeyRing::load(world.data_dir).has_value());
}

TEST_CASE("a write that fails halfway leaves nothing behind") {
  TemporaryFolder folder;
  SeededRandom random(4);
  const auto keys = KeyRing::generate("talon-test", random);
  CHECK_FALSE(keys.write(folder / "no/such/parent", random).has_value());
  CHECK(fs::is_empty(folder.path()));
  const auto bad_name = KeyRing::generate("t", random);
  CHECK_FALSE(bad_name.write(folder / "data", random).has_value());
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("keys that others can read are refused with the command that closes them") {
  const Written world;
  const auto file = world.data_dir / "keys/log.key";
  ::chmod(file.c_str(), 0640);
  auto loaded = KeyRing::load(world.data_dir);
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == core::Code::vault_permission);
  CHECK(loaded.error().message.find("chmod 600 " + file.string()) != std::string::npos);

  ::chmod(file.c_str(), 0600);
  ::chmod((world.data_dir / "keys").c_str(), 0750);
  loaded = KeyRing::load(world.data_dir);
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == core::Code::vault_permission);
  CHECK(loaded.error().message.find("chmod 700 ") != std::string::npos);
}

TEST_CASE("missing, damaged and swapped key files are named") {
  const Written world;
  const auto log_key = world.data_dir / "keys/log.key";
  const std::string good = read_text(log_key);

  fs::remove(log_key);
  auto loaded = KeyRing::load(world.data_dir);
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == core::Code::key_missing);
  CHECK(loaded.error().message.find(log_key.string()) != std::string::npos);

  write_text(log_key, "not base64\n");
  ::chmod(log_key.c_str(), 0600);
  loaded = KeyRing::load(world.data_dir);
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == core::Code::key_invalid);
  CHECK(loaded.error().message.find("not base64") == std::string::npos);  // never shows what a key file holds

  write_text(log_key, read_text(world.data_dir / "keys/export.key"));
  loaded = KeyRing::load(world.data_dir);
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == core::Code::key_invalid);
  CHECK(loaded.error().message.find("vault.pub") != std::string::npos);

  write_text(log_key, good);
  fs::remove(world.data_dir / "vault.pub");
  loaded = KeyRing::load(world.data_dir);
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == core::Code::key_missing);
}

TEST_CASE("--key takes a vkey, a minisign key, vault.pub or a minisign .pub file") {
  const Written world;
  const auto keys = world.keys.public_keys();
  auto pinned = read_pinned_keys(keys.log_key.text());
  REQUIRE(pinned.has_value());
  CHECK(pinned->log_key->text() == keys.log_key.text());
  CHECK_FALSE(pinned->export_key);

  pinned = read_pinned_keys(keys.export_key.text());
  REQUIRE(pinned.has_value());
  CHECK(pinned->export_key->text() == keys.export_key.text());
  CHECK_FALSE(pinned->log_key);

  pinned = read_pinned_keys((world.data_dir / "vault.pub").string());
  REQUIRE(pinned.has_value());
  CHECK((pinned->log_key && pinned->export_key));

  write_text(world.data_dir / "mini.pub", "untrusted comment: minisign public key\n" + keys.export_key.text() + "\n");
  pinned = read_pinned_keys((world.data_dir / "mini.pub").string());
  REQUIRE(pinned.has_value());
  CHECK(pinned->export_key.has_value());
}

TEST_CASE("--key refuses what it cannot use, as usage") {
  const Written world;
  const auto keys = world.keys.public_keys();
  const auto file = (world.data_dir / "pin").string();
  const auto refused = [](std::string_view argument) {
    const auto pinned = read_pinned_keys(argument);
    return !pinned && pinned.error().code == core::Code::usage;
  };
  CHECK(refused(file));
  CHECK(refused("name+00000000+AAAA"));
  CHECK(refused(world.data_dir.string()));
  CHECK(refused(std::string("RW") + std::string(54, 'A')));
  write_text(file, "");
  CHECK(refused(file));
  write_text(file, keys.log_key.text() + "\nhello\n");
  CHECK(refused(file));
  write_text(file, keys.log_key.text() + "\n" + keys.log_key.text() + "\n");
  CHECK(refused(file));
  write_text(file, keys.export_key.text() + "\n" + keys.export_key.text() + "\n");
  CHECK(refused(file));
  write_text(file, std::string(70'000, '\n'));
  CHECK(refused(file));
}
