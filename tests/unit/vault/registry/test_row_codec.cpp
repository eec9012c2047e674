// Rows of the registry as bytes: every value comes back, every damage is refused.
#include <doctest/doctest.h>

#include "vault/registry/row_codec.h"

using namespace talon;
using namespace talon::vault;

namespace {

core::TenantId tenant(std::string_view text) { return core::TenantId::parse(text).value(); }

IdBytes id(char fill) {
  IdBytes out;
  out.fill(fill);
  return out;
}

Hash hash(int fill) {
  Hash out;
  out.fill(static_cast<std::byte>(fill));
  return out;
}

AccountRow full_account() {
  AccountRow row{.id = tenant("acme"), .source = AccountSource::config, .status = AccountStatus::suspended};
  row.name = "Acme";
  row.email = "it@acme.example";
  row.tier = "scale";
  row.pending_tier = "growth";
  row.effective_at = core::Instant{7};
  row.monthly_budget = core::NanoUsd(5'000'000'000'000);
  row.own_provider_keys = false;
  row.features_off = {"council_mode", ""};
  row.routing = R"({"policy":"fallback"})";
  row.reason = "unpaid";
  row.suspended_at = core::Instant{8};
  row.closed_at = core::Instant{9};
  row.created = core::Instant{10};
  row.changed = core::Instant{11};
  return row;
}

ApiKeyRow full_api_key() {
  return {.id = id('a'),
          .digest = hash(3),
          .preview = "sk-...abcdef",
          .name = "ci",
          .created = {1},
          .expires = core::Instant{2},
          .last_used = core::Instant{3},
          .revoked = {}};
}

ProviderKeyRow full_provider_key() {
  return {.id = id('p'),
          .provider = "openai",
          .sealed = std::string(60, '\x80'),
          .timeout_s = 30,
          .max_retries = 3,
          .created = {4},
          .healthy = false,
          .last_check = core::Instant{5},
          .models = {"gpt-4o", "gpt-4o-mini"}};
}

VirtualKeyRow full_virtual_key() {
  return {.id = id('v'),
          .digest = hash(9),
          .prefix = "vk_AABBC",
          .name = "agent",
          .project = "default",
          .tenant = tenant("acme"),
          .issued_by = "ops",
          .expose_cost = true,
          .issued = {6},
          .last_used = core::Instant{7},
          .revoked = core::Instant{8}};
}

/// Encoding what was decoded gives the same bytes: nothing was lost. And no damaged form of them is taken.
template <class Row>
void check(std::string_view key, const Row& row) {
  const auto bytes = encode(key, row);
  const auto back = decode<Row>(key, bytes);
  REQUIRE(back.has_value());
  CHECK(encode(key, *back) == bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    CHECK_FALSE(decode<Row>(key, bytes.substr(0, i)).has_value());
    for (const int bit : {1, 2, 16, 128}) {
      auto changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ bit);
      CHECK_FALSE(decode<Row>(key, changed).has_value());
    }
  }
  CHECK_FALSE(decode<Row>(key, bytes + '\0').has_value());
  auto other = std::string(key);
  other.back() = static_cast<char>(other.back() + 1);
  CHECK_FALSE(decode<Row>(other, bytes).has_value());
}

}  // namespace

TEST_CASE("an account comes back as it was stored, and no damaged one is taken") {
  const auto key = key_of(LogNumber{5});
  check(key, full_account());
  check(key, AccountRow{.id = tenant("b")});
  const auto row = full_account();
  const auto back = decode<AccountRow>(key, encode(key, row));
  REQUIRE(back.has_value());
  CHECK(back->id == row.id);
  CHECK(back->source == row.source);
  CHECK(back->status == row.status);
  CHECK(back->pending_tier == row.pending_tier);
  CHECK(back->effective_at == row.effective_at);
  CHECK(back->monthly_budget == row.monthly_budget);
  CHECK(back->own_provider_keys == row.own_provider_keys);
  CHECK(back->features_off == row.features_off);
  CHECK(back->routing == row.routing);
  CHECK(back->closed_at == row.closed_at);
}

TEST_CASE("keys come back as they were stored, and no damaged ones are taken") {
  check(owned_key(LogNumber{5}, id('a')), full_api_key());
  check(owned_key(LogNumber{5}, IdBytes{}), ApiKeyRow());
  check(owned_key(LogNumber{5}, id('v')), full_virtual_key());
  check(owned_key(LogNumber{0}, IdBytes{}), VirtualKeyRow());
  const auto digest = hash(3);
  check(
      bytes_of(digest),
      KeyRow{
          .log = LogNumber{5}, .id = id('a'), .kind = KeyClass::virtual_key, .expose_cost = true, .expires = 1 << 20});
}

TEST_CASE("provider keys and kept answers come back as they were stored, and no damaged ones are taken") {
  check(provider_key_key(LogNumber{5}, "openai"), full_provider_key());
  check(answer_key("ops create 1"), KeptAnswer{.at = {12}, .answer = {"ops create 1", hash(4), R"({"key":null})"}});
}

TEST_CASE("a key id has one spelling") {
  IdBytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 17);
  const auto text = key_id_text(bytes);
  CHECK(text.size() == 30);
  CHECK(text.starts_with("key_0"));
  CHECK(parse_key_id(text) == bytes);
  auto upper = text;
  upper.back() = 'Z';
  CHECK_FALSE(parse_key_id(upper).has_value());
  CHECK_FALSE(parse_key_id(text.substr(1)).has_value());
  CHECK_FALSE(parse_key_id(text + "0").has_value());
  CHECK_FALSE(parse_key_id("key_il" + text.substr(6)).has_value());
  CHECK_FALSE(parse_key_id("key_8" + text.substr(5)).has_value());
}

TEST_CASE("a downgrade is in force from its instant on") {
  AccountRow row{.id = tenant("acme")};
  row.tier = "scale";
  CHECK(row.tier_at({5}) == "scale");
  row.pending_tier = "growth";
  row.effective_at = core::Instant{10};
  CHECK(row.tier_at({9}) == "scale");
  CHECK(row.tier_at({10}) == "growth");
}
