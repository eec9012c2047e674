#include <doctest/doctest.h>

#include "tests/unit/vault/log_world.h"
#include "vault/log/minisign.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

struct SignedFile {
  SeededRandom random{11};
  SigningKey key = SigningKey::generate(random);
  MinisignKey public_key = MinisignKey::of(key.public_key());
  std::string file = "hello\n";
  std::string untrusted = "talon-test";
  std::string trusted = "talon-bundle/v1 tenant=a%2Fb";
  std::string signature = minisign(file, untrusted, trusted, key);

  [[nodiscard]] bool verifies(std::string_view changed) const {
    return verify_minisign(changed, file, untrusted, trusted, public_key).has_value();
  }
};

}  // namespace

TEST_CASE("a minisign public key has one spelling, RW…, and Talon's key id") {
  const SignedFile world;
  const std::string text = world.public_key.text();
  CHECK(text.size() == 56);
  CHECK(text.starts_with("RW"));
  const auto parsed = MinisignKey::parse(text);
  REQUIRE(parsed.has_value());
  CHECK(parsed->text() == text);
  CHECK(parsed->id == world.public_key.id);

  std::string foreign = *core::base64_decode(text);
  foreign[3] = static_cast<char>(foreign[3] ^ 1);
  CHECK_FALSE(MinisignKey::parse(core::base64_encode(foreign)).has_value());
  CHECK_FALSE(MinisignKey::parse(text.substr(0, 55)).has_value());
  CHECK_FALSE(MinisignKey::parse("").has_value());
  const std::string zeros(32, '\0');
  const std::string small = "Ed" + std::string(bytes_of(sha256(zeros)).substr(0, 8)) + zeros;
  CHECK_FALSE(MinisignKey::parse(core::base64_encode(small)).has_value());
}

TEST_CASE("a signature has four lines and verifies with both comments") {
  const SignedFile world;
  CHECK(std::count(world.signature.begin(), world.signature.end(), '\n') == 4);
  CHECK(world.verifies(world.signature));
  CHECK_FALSE(verify_minisign(world.signature, "hello", world.untrusted, world.trusted, world.public_key).has_value());
  CHECK_FALSE(verify_minisign(world.signature, world.file, "other", world.trusted, world.public_key).has_value());
  CHECK_FALSE(verify_minisign(world.signature, world.file, world.untrusted, "other", world.public_key).has_value());
  SeededRandom random(12);
  const MinisignKey other = MinisignKey::of(SigningKey::generate(random).public_key());
  CHECK_FALSE(verify_minisign(world.signature, world.file, world.untrusted, world.trusted, other).has_value());
}

TEST_CASE("no changed, missing or added byte of a signature file verifies") {
  const SignedFile world;
  for (std::size_t i = 0; i < world.signature.size(); ++i) {
    std::string changed = world.signature;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(world.verifies(changed));
    CHECK_FALSE(world.verifies(world.signature.substr(0, i)));
  }
  CHECK_FALSE(world.verifies(world.signature + "\n"));
  CHECK_FALSE(world.verifies(world.signature + "x"));
}

TEST_CASE("the legacy form, which signs the file itself, is refused") {
  const SignedFile world;
  const std::string raw = world.key.sign(world.file);
  const std::string packed = "Ed" + std::string(world.public_key.id.data(), 8) + raw;
  const std::string legacy = "untrusted comment: " + world.untrusted + "\n" + core::base64_encode(packed) +
                             "\ntrusted comment: " + world.trusted + "\n" +
                             core::base64_encode(world.key.sign(raw + world.trusted)) + "\n";
  CHECK_FALSE(world.verifies(legacy));
}
