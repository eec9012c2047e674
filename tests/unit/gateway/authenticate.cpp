// From header fields to a caller.
#include "gateway/guard/authenticate.h"

#include <doctest/doctest.h>

#include "tests/unit/gateway/fake_registry.h"

namespace tg = talon::gateway;
using talon::core::Code;

namespace {
struct Door {
  std::shared_ptr<const tg::Snapshot> snapshot = tg::test::world();
  tg::test::FakeRegistry registry{};
  talon::core::Instant now{1'000'000};

  std::string knock(std::initializer_list<tg::Field> sent) const {
    tg::Fields fields;
    for (const auto& field : sent) fields.add(field.name, field.value);
    const auto key = tg::presented_key(fields);
    if (!key) return refused(key.error());
    const auto found = tg::find_identity(*snapshot, registry, now, tg::test::digest(*key), *key);
    if (!found) return refused(found.error());
    return found->caller != nullptr ? found->caller->name : "of the registry";
  }

  static std::string refused(const tg::Refusal& refusal) {
    if (refusal.error.code == Code::api_key_expired) return "expired";
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

TEST_CASE("a key of the registry opens the door until it expires or is revoked") {
  Door door;
  auto& entry = door.registry.add_key("sk-tenant", 7);
  CHECK(door.knock({{"Authorization", "Bearer sk-tenant"}}) == "of the registry");
  CHECK(door.registry.used == std::vector{entry.id});
  entry.expires = door.now.micros + 1;
  CHECK(door.knock({{"x-api-key", "sk-tenant"}}) == "of the registry");
  entry.expires = door.now.micros;
  CHECK(door.knock({{"x-api-key", "sk-tenant"}}) == "expired");
  entry.revoked = true;
  CHECK(door.knock({{"x-api-key", "sk-tenant"}}) == door.knock({{"x-api-key", "sk-never-was"}}));
  CHECK(door.registry.used.size() == 2);  // successes only
}

TEST_CASE("a key of the registry is a caller of its own under the default policy") {
  const Door door;
  tg::test::FakeRegistry registry;
  auto& own = registry.add_key("sk-tenant", 7);
  const auto caller = tg::registry_caller(*door.snapshot, own, tg::test::tenant("acme"));
  CHECK(caller.kind == tg::KeyKind::tenant_key);
  CHECK(caller.name == talon::vault::key_id_text(own.id));
  CHECK(caller.key_id == caller.name);
  CHECK(caller.tenant->bytes() == "acme");
  CHECK(caller.expose_cost);
  CHECK(caller.index == tg::k_registry_caller);
  auto& lent = registry.add_key("vk_lent", 0, talon::vault::KeyClass::virtual_key);
  CHECK_FALSE(tg::registry_caller(*door.snapshot, lent, std::nullopt).expose_cost);
  lent.expose_cost = true;
  const auto shown = tg::registry_caller(*door.snapshot, lent, std::nullopt);
  CHECK(shown.expose_cost);
  CHECK(shown.kind == tg::KeyKind::virtual_key);
  CHECK_FALSE(shown.tenant);
}
