// The table of keys: what was put in is found, from many threads, while it grows.
#include "vault/registry/key_table.h"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <thread>

using namespace talon::vault;

namespace {

Hash digest_of(std::uint64_t number) {
  std::mt19937_64 random(number);
  Hash out;
  for (auto& byte : out) byte = static_cast<std::byte>(random() & 0xff);
  return out;
}

KeyTable::NewEntry key(std::uint64_t number) {
  KeyTable::NewEntry out;
  out.digest = digest_of(number);
  std::memcpy(out.id.data(), &number, sizeof number);
  out.tenant = LogNumber{static_cast<std::uint32_t>(number)};
  out.expires = static_cast<std::int64_t>(number) * 3;
  return out;
}

}  // namespace

TEST_CASE("a key that was put in is found with what it was put in with") {
  KeyTable table;
  CHECK(table.find(digest_of(1)) == nullptr);
  for (std::uint64_t i = 1; i <= 20'000; ++i) table.insert(key(i));
  CHECK(table.size() == 20'000);
  for (std::uint64_t i = 1; i <= 20'000; ++i) {
    const auto* found = table.find(digest_of(i));
    REQUIRE(found != nullptr);
    CHECK(found->tenant == LogNumber{static_cast<std::uint32_t>(i)});
    CHECK(found->expires == static_cast<std::int64_t>(i) * 3);
  }
  for (std::uint64_t i = 20'001; i <= 25'000; ++i) CHECK(table.find(digest_of(i)) == nullptr);
}

TEST_CASE("a revoked key is not found, its entry stays where it is") {
  KeyTable table;
  const auto& entry = table.insert(key(7));
  CHECK(table.find(digest_of(7)) == &entry);
  table.revoke(digest_of(7));
  table.revoke(digest_of(8));
  CHECK(table.find(digest_of(7)) == nullptr);
  CHECK(table.any(digest_of(7)) == &entry);
}

TEST_CASE("keys whose digests begin alike are told apart") {
  KeyTable table;
  // The same leading bits and tag: only the rest of the digest differs.
  for (int i = 0; i < 100; ++i) {
    KeyTable::NewEntry same;
    same.digest.fill(std::byte{0xff});
    same.digest[31] = static_cast<std::byte>(i);
    same.tenant = LogNumber{static_cast<std::uint32_t>(i)};
    table.insert(same);
  }
  for (int i = 0; i < 100; ++i) {
    Hash digest;
    digest.fill(std::byte{0xff});
    digest[31] = static_cast<std::byte>(i);
    const auto* found = table.find(digest);
    REQUIRE(found != nullptr);
    CHECK(found->tenant == LogNumber{static_cast<std::uint32_t>(i)});
  }
}

TEST_CASE("readers find every key from the moment it is announced, while the table grows") {
  KeyTable table;
  constexpr std::uint64_t k_keys = 40'000;
  std::vector<Hash> digests;
  digests.reserve(k_keys);
  for (std::uint64_t i = 0; i < k_keys; ++i) digests.push_back(digest_of(i));
  std::atomic<std::uint64_t> announced{0}, revoked{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (unsigned r = 0; r < 3; ++r) {
    readers.emplace_back([&, r] {
      std::mt19937_64 random(r);
      for (;;) {
        const auto gone = revoked.load();
        const auto there = announced.load();
        if (there > 0) {
          const auto i = random() % there;
          const auto* found = table.find(digests[i]);
          // Every 16th is revoked in order: those below `gone` are.
          const bool may_be_gone = i % 16 == 0;
          if (!may_be_gone && (found == nullptr || found->digest != digests[i])) ++wrong;
          if (may_be_gone && i < gone && found != nullptr) ++wrong;
          if (found != nullptr) const_cast<KeyEntry*>(found)->last_used.store(1, std::memory_order_relaxed);
        }
        if (there == k_keys) return;
      }
    });
  }
  for (std::uint64_t i = 0; i < k_keys; ++i) {
    table.insert({.digest = digests[i], .id = {}, .tenant = {}, .expires = 0});
    announced.store(i + 1);
    if (i % 16 == 0) {
      table.revoke(digests[i]);
      revoked.store(i + 1);
    }
  }
  for (auto& reader : readers) reader.join();
  CHECK(wrong == 0);
}

TEST_CASE("a key takes at most 128 bytes once there are many") {
  KeyTable table;
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    table.insert(key(i));
    if (i > 100'000 && i % 1000 == 0) CHECK(table.bytes() / table.size() <= 128);
  }
}

TEST_CASE("a key that is put in before its turn keeps its entry when it is loaded, and others come in behind it") {
  KeyTable table;
  CHECK_FALSE(table.loading());
  table.begin_load(10'000);
  CHECK(table.loading());
  const auto* early = table.load_early(key(17));
  REQUIRE(early != nullptr);
  CHECK(table.load_early(key(17)) == early);
  for (std::uint32_t i = 0; i < 10'000; ++i) table.load(i, key(i));
  const auto* late = table.load_early(key(18));
  CHECK(late == table.find(digest_of(18)));
  table.end_load();
  CHECK_FALSE(table.loading());
  CHECK(table.load_early(key(10'000)) == nullptr);
  table.insert(key(10'000));
  std::size_t in_force = 0;
  table.each([&](const KeyEntry& entry) { in_force += entry.revoked.load() ? 0 : 1; });
  CHECK(in_force == 10'001);
  CHECK(table.find(digest_of(17)) == early);
  for (std::uint32_t i = 0; i <= 10'000; ++i) REQUIRE(table.find(digest_of(i)) != nullptr);
}
