#include <doctest/doctest.h>

#include <thread>

#include "tests/unit/vault/log_world.h"
#include "vault/log/body_commitment.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;
using namespace std::string_literals;
using namespace std::string_view_literals;

TEST_CASE("SHA-256 gives the values of FIPS 180-4") {
  CHECK(to_hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(to_base64(sha256("")) == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

TEST_CASE("leaves and nodes carry the prefixes of RFC 6962") {
  CHECK(leaf_hash("x") == sha256("\0x"sv));
  const Hash left = leaf_hash("l"), right = leaf_hash("r");
  CHECK(node_hash(left, right) == sha256("\1" + std::string(bytes_of(left)) + std::string(bytes_of(right))));
}

TEST_CASE("hashing in pieces, after a move and in several threads gives the same hash") {
  Sha256 first;
  first.update("ab");
  Sha256 moved = std::move(first);
  moved.update("c");
  CHECK(moved.finish() == sha256("abc"));

  std::array<Hash, 3> results;
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&result] {
      for (int i = 0; i < 100; ++i) result = sha256("abc");
    });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) CHECK(result == sha256("abc"));
}

TEST_CASE("a hash has one base64 spelling") {
  const Hash hash = sha256("abc");
  CHECK(hash_from_base64(to_base64(hash)) == hash);
  CHECK_FALSE(hash_from_base64("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV="));  // stray bits
  CHECK_FALSE(hash_from_base64("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"));   // no padding
  CHECK_FALSE(hash_from_base64("AAAA"));
}

TEST_CASE("a body commitment is salted with the log's content key, the id and the body's name") {
  const auto id = core::EvidenceId::parse("ev_01ARZ3NDEKTSV4RRFFQ69G5FAV");
  REQUIRE(id.has_value());
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes += static_cast<char>(i);
  const ContentKey key{1, core::Secret(std::move(bytes))};
  // Python: hashlib.blake2b(b"talon-salt/v1\0" + id + b"\0request", key=bytes(range(32)), digest_size=32)
  const Hash salt = body_salt(key, *id, "request");
  CHECK(to_hex(salt) == "140688ea05660bece6bdcde7897574c8c20df0de1253a7fd2c618e8d79ebd067");

  BodyCommitment commitment(key, *id, "request");
  commitment.update("hel");
  commitment.update("lo");
  CHECK(commitment.finish() == sha256("talon-body/v1\0"s + std::string(bytes_of(salt)) + "hello"));
  CHECK(body_salt(key, *id, "response") != salt);
}
