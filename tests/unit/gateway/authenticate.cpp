// From header fields to a caller.
#include "gateway/guard/authenticate.h"

#include <doctest/doctest.h>

#include "tests/unit/gateway/world.h"

namespace tg = talon::gateway;
using talon::core::Code;

namespace {
struct Door {
  std::shared_ptr<const tg::Snapshot> snapshot = tg::test::world();

  std::string knock(std::initializer_list<tg::Field> sent) const {
    tg::Fields fields;
    for (const auto& field : sent) fields.add(field.name, field.value);
    const auto key = tg::presented_key(fields);
    if (!key) return refused(key.error());
    const auto caller = tg::find_caller(*snapshot, tg::test::digest(*key), *key);
    return caller ? (*caller)->name : refused(caller.error());
  }

  static std::string refused(const tg::Refusal& refusal) {
    CHECK(refusal.error.code == Code::invalid_key);
    CHECK(refusal.error.message.find("Authorization: Bearer KEY") != std::string::npos);
    CHECK(refusal.error.message.find("secret") == std::string::npos);
    return "401 " + refusal.error.message;
  }
};
}  // namespace

TEST_CASE("a key opens the door by either field, for every kind of key") {
  const Door door;
  CHECK(door.knock({{"Authorization", "Bearer key-acme-app"}}) == "acme-app");
  CHECK(door.knock({{"authorization", "bearer   key-acme-bot"}}) == "acme-bot");
  CHECK(door.knock({{"X-API-Key", "key-globex"}}) == "globex-app");
  CHECK(door.knock({{"x-api-key", "key-ops"}}) == "ops");
  CHECK(door.knock({{"x-api-key", "key-admin"}}) == "admin");
}

TEST_CASE("two keys in one request are accepted only when they are the same") {
  const Door door;
  CHECK(door.knock({{"Authorization", "Bearer key-globex"}, {"x-api-key", "key-globex"}}) == "globex-app");
  CHECK(door.knock({{"Authorization", "Bearer key-globex"}, {"x-api-key", "key-acme-app"}})
            .starts_with("401 Two different keys"));
  CHECK(door.knock({{"x-api-key", "key-globex"}, {"x-api-key", "secret-b"}}).starts_with("401 Two different keys"));
}

TEST_CASE("a stranger is told how to send a key, and never shown one") {
  const Door door;
  CHECK(door.knock({}).starts_with("401 No key"));
  CHECK(door.knock({{"Authorization", "Bearer secret-key"}}).starts_with("401 This key is not known"));
  CHECK(door.knock({{"Authorization", "Bearer "}}).starts_with("401 "));
  CHECK(door.knock({{"Authorization", "Bearer"}}).starts_with("401 "));
  CHECK(door.knock({{"Authorization", ""}}).starts_with("401 "));
  CHECK(door.knock({{"x-api-key", ""}}).starts_with("401 An empty key"));
  CHECK(
      door.knock({{"Authorization", "Basic c2VjcmV0"}}).starts_with("401 The Authorization field holds no bearer key"));
  CHECK(door.knock({{"Authorization", "Bearerkey-globex"}}).starts_with("401 "));
  CHECK(door.knock({{"Authorization", "key-globex"}}).starts_with("401 "));
  CHECK(door.knock({{"Authorization", "Basic c2VjcmV0"}, {"x-api-key", "key-globex"}}).starts_with("401 "));
}

TEST_CASE("a provider's own key is recognised as such") {
  const Door door;
  for (const auto* key : {"sk-proj-secret", "sk-ant-api03-secret"})
    CHECK(door.knock({{"x-api-key", key}}).starts_with("401 This looks like a provider's own key"));
}

TEST_CASE("a tenant key of any shape works: nothing is guessed from its prefix") {
  Door door;
  tg::test::WorldSpec spec;
  spec.callers = {{"odd", "sk-ant-mine", "acme"}};
  door.snapshot = tg::test::world(spec);
  CHECK(door.knock({{"x-api-key", "sk-ant-mine"}}) == "odd");
}
