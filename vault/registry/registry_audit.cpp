#include "vault/registry/registry_audit.h"

#include <fmt/format.h>

#include "core/text.h"
#include "vault/registry/new_keys.h"
#include "vault/registry/row_codec.h"
#include "vault/registry/sealed_provider_key.h"
#include "vault/store/scan.h"

namespace talon::vault {
namespace {

using core::Result;

constexpr std::size_t k_max_problems = 20;

class RegistryAudit {
 public:
  RegistryAudit(const Environment& environment, const KeyRing& keys) : environment_(environment), keys_(keys) {}

  Result<std::vector<std::string>> run() {
    TALON_TRY_VOID(walk(Table::accounts, &RegistryAudit::account));
    TALON_TRY_VOID(walk(Table::api_keys, &RegistryAudit::api_key));
    TALON_TRY_VOID(walk(Table::provider_keys, &RegistryAudit::provider_key));
    TALON_TRY_VOID(walk(Table::virtual_keys, &RegistryAudit::virtual_key));
    TALON_TRY_VOID(walk(Table::keys, &RegistryAudit::key_in_force));
    TALON_TRY_VOID(walk(Table::answers, &RegistryAudit::answer));
    return std::move(problems_);
  }

 private:
  /// What is wrong with one entry; empty: nothing.
  using Check = Result<std::string> (RegistryAudit::*)(const ReadTxn& txn, const Entry& entry);

  Result<void> walk(Table table, Check check) {
    return walk_table(environment_, table, {}, [&](const ReadTxn& txn, const Entry& entry) -> Result<Walk> {
      TALON_TRY(wrong, (this->*check)(txn, entry));
      if (wrong.empty()) return Walk::on;
      problems_.push_back(fmt::format("the registry: {}", wrong));
      return problems_.size() < k_max_problems ? Walk::on : Walk::end;
    });
  }

  /// The tenant whose log an entry's key begins with.
  static Result<std::optional<core::TenantId>> owner(const ReadTxn& txn, const Entry& entry) {
    const LogNumber log{ByteReader(entry.key).number<std::uint32_t>()};
    TALON_TRY(value, txn.get(Table::logs, key_of(log)));
    const auto row = value ? LogRow::decode(*value) : std::nullopt;
    if (!row || !row->name.is_tenant()) return std::optional<core::TenantId>();
    TALON_TRY(tenant, core::TenantId::parse(row->name.bytes()));
    return std::optional(std::move(tenant));
  }
  static LogNumber log_of(const Entry& entry) { return LogNumber{ByteReader(entry.key).number<std::uint32_t>()}; }
  static std::string of(const std::optional<core::TenantId>& tenant) {
    return tenant ? "of tenant " + core::terminal_text(tenant->bytes()) : "of no tenant";
  }

  Result<std::string> account(const ReadTxn& txn, const Entry& entry) {
    TALON_TRY(tenant, owner(txn, entry));
    const auto row = decode<AccountRow>(entry.key, entry.value);
    if (!row) return fmt::format("the account {} is damaged", of(tenant));
    if (tenant != row->id) return fmt::format("the account of tenant {} stands elsewhere", row->id.bytes());
    return std::string();
  }

  /// Whether a key is in force exactly as its row says.
  static Result<bool> in_force(const ReadTxn& txn, const KeyTable::NewEntry& expected, bool should) {
    const auto digest = bytes_of(expected.digest);
    TALON_TRY(value, txn.get(Table::keys, digest));
    if (!should) return !value;
    const auto row = value ? decode<KeyRow>(digest, *value) : std::nullopt;
    return row && row->log == expected.tenant && row->id == expected.id && row->kind == expected.kind &&
           row->expires == expected.expires && row->expose_cost == expected.expose_cost;
  }

  Result<std::string> api_key(const ReadTxn& txn, const Entry& entry) {
    TALON_TRY(tenant, owner(txn, entry));
    const auto row = decode<ApiKeyRow>(entry.key, entry.value);
    if (!row || !tenant || entry.key != owned_key(log_of(entry), row->id).view()) {
      return fmt::format("an API key {} is damaged", of(tenant));
    }
    TALON_TRY(fits, in_force(txn, entry_of(log_of(entry), *row), true));
    return fits ? std::string()
                : fmt::format("API key {} {} is listed and not in force as it says", key_id_text(row->id), of(tenant));
  }

  Result<std::string> provider_key(const ReadTxn& txn, const Entry& entry) {
    TALON_TRY(tenant, owner(txn, entry));
    const auto row = decode<ProviderKeyRow>(entry.key, entry.value);
    if (!row || !tenant || entry.key != provider_key_key(log_of(entry), row->provider).view()) {
      return fmt::format("a provider key {} is damaged", of(tenant));
    }
    const auto opened = open_provider_key(row->sealed, *tenant, row->provider, keys_.sealing_key);
    return opened ? std::string() : opened.error().message;
  }

  Result<std::string> virtual_key(const ReadTxn& txn, const Entry& entry) {
    TALON_TRY(tenant, owner(txn, entry));
    const auto row = decode<VirtualKeyRow>(entry.key, entry.value);
    if (!row || tenant != row->tenant || entry.key != owned_key(log_of(entry), row->id).view()) {
      return fmt::format("a virtual key {} is damaged", of(tenant));
    }
    TALON_TRY(fits, in_force(txn, entry_of(log_of(entry), *row), !row->revoked));
    return fits ? std::string()
                : fmt::format("virtual key {} {} is not in force as its row says", key_id_text(row->id), of(tenant));
  }

  Result<std::string> key_in_force(const ReadTxn& txn, const Entry& entry) {
    const auto row = decode<KeyRow>(entry.key, entry.value);
    if (!row) return std::string("a key in force is damaged");
    const auto at = owned_key(row->log, row->id);
    const bool api = row->kind == KeyClass::tenant_key;
    TALON_TRY(value, txn.get(api ? Table::api_keys : Table::virtual_keys, at));
    const auto digest = hash_from_bytes(entry.key);
    bool listed = false;
    if (value && api) {
      const auto listing = decode<ApiKeyRow>(at, *value);
      listed = listing && listing->digest == digest;
    } else if (value) {
      const auto listing = decode<VirtualKeyRow>(at, *value);
      listed = listing && listing->digest == digest && !listing->revoked;
    }
    return listed ? std::string() : fmt::format("key {} is in force and not listed", key_id_text(row->id));
  }

  Result<std::string> answer(const ReadTxn&, const Entry& entry) {
    const auto row = decode<KeptAnswer>(entry.key, entry.value);
    return row && entry.key == answer_key(row->answer.key).view() ? std::string()
                                                                  : std::string("a kept answer is damaged");
  }

  const Environment& environment_;
  const KeyRing& keys_;
  std::vector<std::string> problems_;
};

}  // namespace

Result<std::vector<std::string>> audit_registry(const Environment& environment, const KeyRing& keys) {
  return RegistryAudit(environment, keys).run();
}

}  // namespace talon::vault
