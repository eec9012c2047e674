// Random sequences of changes against a plain model, with restarts and crashes in between.
#include <map>
#include <random>
#include <set>

#include "tests/unit/vault/registry/registry_world.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

struct ModelAccount {
  AccountStatus status = AccountStatus::active;
  std::string tier;
  bool own = true;
  std::set<std::string> providers;
  std::map<std::string, std::string> keys;  ///< id, key
};
struct ModelVirtual {
  std::string key, tenant;
  bool revoked = false;
};

class Walk {
 public:
  explicit Walk(std::uint64_t seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (i % 50 == 49) compare();
    }
    compare();
    world_.check_verifies();
  }

 private:
  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  Registry& registry() { return world_.registry(); }

  void step() {
    world_.clock.advance(static_cast<std::int64_t>(below(3'000'000)));
    // Closed ids stay closed: six at a time, and others later.
    const auto id = "t" + std::to_string(steps_++ / 40 * 3 + below(6));
    const auto tenant = tenant_of(id);
    const auto known = accounts_.find(id);
    const bool open = known != accounts_.end() && known->second.status != AccountStatus::closed;
    switch (below(13)) {
      case 0:
      case 1: {
        NewAccount wanted;
        wanted.name = wanted.key_name = id;
        wanted.tier = "growth";
        wanted.id = tenant;
        wanted.own_provider_keys = below(2) == 0;
        auto created = registry().create_account(wanted, k_ops, {});
        REQUIRE(created.has_value() == (known == accounts_.end()));
        if (!created) break;
        auto& account = accounts_[id] = {};
        account.tier = "growth";
        account.own = wanted.own_provider_keys;
        account.keys[key_id_text(created->key.row.id)] = created->key.key.reveal();
        break;
      }
      case 2:
      case 3:
      case 4: {
        if (known == accounts_.end()) break;  // a scoped virtual key may have made the tenant known
        auto issued = registry().create_api_key(tenant, {}, k_ops, {});
        REQUIRE(issued.has_value() == open);
        if (issued) known->second.keys[key_id_text(issued->row.id)] = issued->key.reveal();
        break;
      }
      case 5: {
        if (known == accounts_.end() || known->second.keys.empty()) break;
        auto at = known->second.keys.begin();
        std::advance(at, below(known->second.keys.size()));
        need(registry().revoke_api_key(tenant, *parse_key_id(at->first), k_ops));
        known->second.keys.erase(at);
        break;
      }
      case 6: {
        if (!open) break;
        auto row = *need(registry().account(tenant));
        row.tier = known->second.tier = below(2) == 0 ? "growth" : "scale";
        need(registry().change_account(row, "tenant.tier", k_ops));
        break;
      }
      case 7: {
        if (known == accounts_.end()) break;
        auto row = *need(registry().account(tenant));
        const bool suspend = below(2) == 0;
        const auto wanted = suspend ? AccountStatus::suspended : AccountStatus::active;
        const bool possible = open && known->second.status != wanted;
        row.status = wanted;
        const auto changed = registry().change_account(row, suspend ? "tenant.suspend" : "tenant.resume", k_ops);
        REQUIRE(changed.has_value() == possible);
        if (changed) known->second.status = wanted;
        break;
      }
      case 8: {
        if (below(4) != 0) break;
        REQUIRE(registry().close_account(tenant, k_ops).has_value() == open);
        if (!open) break;
        known->second.status = AccountStatus::closed;
        known->second.keys.clear();
        known->second.providers.clear();
        for (auto& [virtual_id, key] : virtual_) key.revoked |= key.tenant == id;
        break;
      }
      case 9: {
        const std::string provider = below(2) == 0 ? "openai" : "anthropic";
        if (known == accounts_.end()) break;
        NewProviderKey wanted{.provider = provider, .api_key = core::Secret(id + provider)};
        REQUIRE(registry().put_provider_key(tenant, std::move(wanted), k_ops).has_value() == open);
        if (!open) break;
        known->second.providers.insert(provider);
        known->second.own = true;
        break;
      }
      case 10: {
        const bool there = known != accounts_.end() && known->second.providers.erase("openai") == 1;
        REQUIRE(registry().remove_provider(tenant, "openai", k_ops).has_value() == there);
        break;
      }
      case 11: {
        NewVirtualKey wanted;
        const bool scoped = below(2) == 0;
        if (scoped) wanted.tenant = tenant;
        const auto issued = registry().issue_virtual_key(wanted, k_ops, {});
        const bool possible = !scoped || known == accounts_.end() || open;
        REQUIRE(issued.has_value() == possible);
        if (issued) {
          virtual_[key_id_text(issued->row.id)] = {std::string(issued->key.reveal()), scoped ? id : "", false};
        }
        break;
      }
      default: {
        if (below(3) == 0) reopen();
        if (virtual_.empty()) break;
        auto at = virtual_.begin();
        std::advance(at, below(virtual_.size()));
        const bool possible = !at->second.revoked;
        REQUIRE(registry().revoke_virtual_key(*parse_key_id(at->first), k_ops).has_value() == possible);
        at->second.revoked = true;
      }
    }
  }

  /// An orderly restart, or as after kill -9: a copy of the file goes on.
  void reopen() {
    if (below(2) == 0) return world_.restart();
    auto copy = std::make_unique<CrashedCopy>(world_.dir);
    world_.stop();
    world_.dir = copy->dir;
    world_.start();
    copies_.push_back(std::move(copy));
  }

  void compare() {
    const auto listed = need(registry().accounts({}));
    REQUIRE(listed.rows.size() == accounts_.size());
    for (const auto& row : listed.rows) {
      const auto& model = accounts_.at(row.id.bytes());
      CHECK(row.status == model.status);
      CHECK(row.tier == model.tier);
      const auto account = need(registry().open_account(row.id));
      CHECK(account->only_own_credentials == model.own);
      REQUIRE(account->credentials.size() == model.providers.size());
      for (const auto& provider : model.providers) {
        REQUIRE(account->credential(provider) != nullptr);
        CHECK(account->credential(provider)->api_key.reveal() == row.id.bytes() + provider);
      }
      const auto keys = need(registry().api_keys(row.id));
      REQUIRE(keys.size() == model.keys.size());
      for (const auto& key : keys) {
        const auto* entry = registry().find(world_.vault->key_digest(model.keys.at(key_id_text(key.id))));
        REQUIRE(entry != nullptr);
        CHECK(entry->id == key.id);
        CHECK(need(registry().tenant_of(entry->tenant)) == row.id);
      }
    }
    const auto keys = need(registry().virtual_keys({1000, std::nullopt}, VirtualKeys::all)).rows;
    REQUIRE(keys.size() == virtual_.size());
    for (const auto& key : keys) {
      const auto& model = virtual_.at(key_id_text(key.id));
      CHECK(key.revoked.has_value() == model.revoked);
      CHECK((registry().find(world_.vault->key_digest(model.key)) == nullptr) == model.revoked);
    }
  }

  RegistryWorld world_;
  std::vector<std::unique_ptr<CrashedCopy>> copies_;
  std::mt19937_64 random_;
  std::uint64_t steps_ = 0;
  std::map<std::string, ModelAccount> accounts_;
  std::map<std::string, ModelVirtual> virtual_;
};

}  // namespace

TEST_CASE("random changes, restarts and crashes leave what a plain model says") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    Walk(seed).run(300);
  }
}
