// A served vault with a registry, and what tests say to it.
#pragma once

#include "tests/unit/vault/test_world.h"
#include "vault/registry/registry.h"

namespace talon::vault::test {

inline core::TenantId tenant_of(std::string_view text) { return core::TenantId::parse(text).value(); }

template <class T>
T need(core::Result<T> result) {
  REQUIRE_MESSAGE(result.has_value(), result.error().message);
  return std::move(*result);
}
inline void need(core::Result<void> result) { REQUIRE_MESSAGE(result.has_value(), result.error().message); }
template <class T>
core::Code code_of(const core::Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

inline const Actor k_ops{"ops"};

struct RegistryWorld : World {
  RegistryWorld() { start(); }
  Registry& registry() { return vault->registry(); }
  void restart() {
    stop();
    start();
  }
  const KeyEntry* find(const core::Secret& key) { return registry().find(vault->key_digest(key.reveal())); }
  CreatedAccount create(std::string_view id, std::string_view tier = "growth") {
    NewAccount wanted;
    wanted.name = "Shop " + std::string(id);
    wanted.email = "it@example.com";
    wanted.tier = tier;
    wanted.id = tenant_of(id);
    wanted.key_name = "first";
    return need(registry().create_account(wanted, k_ops, {}));
  }
  void check_verifies() {
    const auto report = vault->verify();
    REQUIRE(report.has_value());
    for (const auto& problem : report->problems) MESSAGE(problem);
    CHECK(report->ok());
  }
};

/// The directory as a power cut would leave it: data file and keys, no locks, nothing from memory.
struct CrashedCopy {
  TempDir temp;
  std::filesystem::path dir = temp.path() / "data";
  explicit CrashedCopy(const std::filesystem::path& from) {
    std::filesystem::create_directory(dir);
    std::filesystem::permissions(dir, std::filesystem::perms::owner_all);
    for (const char* part : {"data.mdb", "keys", "vault.pub", "admin.key"}) {
      std::filesystem::copy(from / part, dir / part, std::filesystem::copy_options::recursive);
    }
  }
};

}  // namespace talon::vault::test
