// A registry in memory that knows what a test told it; what the gateway does not ask of it in unit tests fails.
#pragma once

#include <deque>
#include <map>

#include "tests/unit/gateway/world.h"
#include "vault/registry/registry.h"

namespace talon::gateway::test {

class FakeRegistry final : public vault::Registry {
  template <class T>
  using Result = core::Result<T>;
  static auto unasked() { return core::fail(core::Code::internal_error, "not part of this test"); }

 public:
  std::deque<vault::KeyEntry> keys;
  std::map<std::uint32_t, core::TenantId> tenants;
  std::map<core::TenantId, vault::AccountRef> open_accounts;
  mutable std::vector<vault::IdBytes> used;

  /// A key of the tenant with this number (0: none).
  vault::KeyEntry& add_key(std::string_view text, std::uint32_t number,
                           vault::KeyClass kind = vault::KeyClass::tenant_key) {
    auto& entry = keys.emplace_back();
    entry.digest = digest(text);
    entry.id = {'k', 'e', 'y', static_cast<char>('0' + keys.size())};
    entry.tenant = vault::LogNumber{number};
    entry.kind = kind;
    return entry;
  }
  vault::Account& add_account(std::string_view name) {
    auto account = std::make_shared<vault::Account>(vault::Account{.row = row_of(tenant(name)), .credentials = {}});
    open_accounts.insert_or_assign(tenant(name), account);
    return *account;
  }
  static vault::AccountRow row_of(core::TenantId id) {
    return vault::AccountRow{.id = std::move(id),
                             .name = {},
                             .email = {},
                             .tier = {},
                             .pending_tier = {},
                             .effective_at = {},
                             .monthly_budget = {},
                             .features_off = {},
                             .routing = {},
                             .reason = {},
                             .suspended_at = {},
                             .closed_at = {},
                             .created = {},
                             .changed = {}};
  }

  const vault::KeyEntry* find(const vault::Hash& wanted) const noexcept override {
    for (const auto& entry : keys) {
      if (entry.digest == wanted) return &entry;
    }
    return nullptr;
  }
  void note_used(const vault::KeyEntry& key, core::Instant) const noexcept override { used.push_back(key.id); }
  Result<std::optional<core::TenantId>> tenant_of(vault::LogNumber log) const override {
    const auto found = tenants.find(static_cast<std::uint32_t>(log));
    if (found == tenants.end()) return std::nullopt;
    return found->second;
  }
  Result<std::optional<vault::AccountRow>> account(const core::TenantId& id) const override {
    const auto found = open_accounts.find(id);
    if (found == open_accounts.end()) return std::nullopt;
    return found->second->row;
  }
  Result<vault::AccountRef> open_account(const core::TenantId& id) const override {
    const auto found = open_accounts.find(id);
    if (found == open_accounts.end()) return vault::AccountRef();
    return found->second;
  }

  Result<vault::AccountPage> accounts(const vault::AccountQuery&) const override { return unasked(); }
  Result<std::vector<vault::ApiKeyRow>> api_keys(const core::TenantId&) const override { return unasked(); }
  Result<std::vector<vault::ProviderKeyRow>> provider_keys(const core::TenantId&) const override { return unasked(); }
  Result<vault::KeyPage<vault::ApiKeyRow>> api_keys(const core::TenantId&, const vault::KeyQuery&) const override {
    return unasked();
  }
  Result<vault::KeyPage<vault::VirtualKeyRow>> virtual_keys(const vault::KeyQuery&, vault::VirtualKeys) const override {
    return unasked();
  }
  Result<std::optional<vault::Idempotent>> kept_answer(const std::string&) const override { return unasked(); }
  Result<vault::CreatedAccount> create_account(const vault::NewAccount&, const vault::Actor&,
                                               const AnswerOf&) override {
    return unasked();
  }
  Result<vault::AccountRow> change_account(vault::AccountRow, std::string_view, const vault::Actor&) override {
    return unasked();
  }
  Result<void> close_account(const core::TenantId&, const vault::Actor&) override { return unasked(); }
  Result<vault::IssuedKey> create_api_key(const core::TenantId&, const vault::NewApiKey&, const vault::Actor&,
                                          const KeyAnswerOf&) override {
    return unasked();
  }
  Result<void> revoke_api_key(const core::TenantId&, const vault::IdBytes&, const vault::Actor&) override {
    return unasked();
  }
  Result<vault::ProviderKeyRow> put_provider_key(const core::TenantId&, vault::NewProviderKey,
                                                 const vault::Actor&) override {
    return unasked();
  }
  Result<void> remove_provider(const core::TenantId&, std::string_view, const vault::Actor&) override {
    return unasked();
  }
  Result<void> note_health(const core::TenantId&, const vault::IdBytes&, bool, core::Instant,
                           std::vector<std::string>) override {
    return unasked();
  }
  Result<vault::IssuedVirtualKey> issue_virtual_key(const vault::NewVirtualKey&, const vault::Actor&,
                                                    const VirtualAnswerOf&) override {
    return unasked();
  }
  Result<vault::VirtualKeyRow> revoke_virtual_key(const vault::IdBytes&, const vault::Actor&) override {
    return unasked();
  }
  Result<void> record_act(std::string_view, std::string_view, const vault::Actor&) override { return unasked(); }
};

}  // namespace talon::gateway::test
