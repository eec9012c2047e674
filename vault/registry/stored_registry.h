// StoredRegistry: the Registry over the store. Reads work in any process; find() and changes are the server's.
//
// Sources: stored_registry.cpp (start, look-up), registry_reads.cpp, account_changes.cpp, key_changes.cpp,
// provider_changes.cpp, key_uses.cpp. A change looks first (on the one thread that makes changes, so that what it saw
// still holds), then hands the journal a closure that only encodes and puts, then updates the table of keys.
#pragma once

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "core/evidence_record.h"
#include "core/random.h"
#include "vault/journal/journal.h"
#include "vault/log/key_ring.h"
#include "vault/registry/key_table.h"
#include "vault/registry/row_codec.h"
#include "vault/registry/tenant_names.h"
#include "vault/store/environment.h"

namespace talon::vault {

class StoredRegistry final : public Registry {
 public:
  /// `keys` answers the key files, loading them on first use; any thread. What is handed in outlives this.
  using KeysOf = std::function<core::Result<const KeyRing*>()>;
  StoredRegistry(const Environment& environment, const core::Clock& clock, KeysOf keys);
  ~StoredRegistry() override;

  /// The server's start: begins to read the keys in force, beside whatever else is done until serve().
  [[nodiscard]] core::Result<void> begin_load();
  /// After begin_load(): from now on keys are found, and changes are taken. `random` is used beside the journal's
  /// thread. Error: vault_corrupt when a row is damaged.
  [[nodiscard]] core::Result<void> serve(Journal& journal, core::Random& random);
  /// Writes down what was used last, and takes no more changes. Before the journal stops.
  void stop();
  /// Writes the times of use that are not on disk yet; at most every minute by itself.
  void write_uses();
  /// For the benchmark.
  [[nodiscard]] const KeyTable& table() const noexcept { return table_; }

  [[nodiscard]] const KeyEntry* find(const Hash& digest) const noexcept override { return table_.find(digest); }
  void note_used(const KeyEntry& key, core::Instant now) const noexcept override;
  [[nodiscard]] core::Result<std::optional<core::TenantId>> tenant_of(LogNumber log) const override;

  [[nodiscard]] core::Result<std::optional<AccountRow>> account(const core::TenantId& tenant) const override;
  [[nodiscard]] core::Result<AccountRef> open_account(const core::TenantId& tenant) const override;
  [[nodiscard]] core::Result<AccountPage> accounts(const AccountQuery& query) const override;
  [[nodiscard]] core::Result<std::vector<ApiKeyRow>> api_keys(const core::TenantId& tenant) const override;
  [[nodiscard]] core::Result<std::vector<ProviderKeyRow>> provider_keys(const core::TenantId& tenant) const override;
  [[nodiscard]] core::Result<KeyPage<ApiKeyRow>> api_keys(const core::TenantId& tenant,
                                                          const KeyQuery& query) const override;
  [[nodiscard]] core::Result<KeyPage<VirtualKeyRow>> virtual_keys(const KeyQuery& query,
                                                                  VirtualKeys which) const override;
  [[nodiscard]] core::Result<std::optional<Idempotent>> kept_answer(const std::string& key) const override;

  [[nodiscard]] core::Result<CreatedAccount> create_account(const NewAccount& wanted, const Actor& actor,
                                                            const AnswerOf& answer) override;
  [[nodiscard]] core::Result<AccountRow> change_account(AccountRow row, std::string_view action,
                                                        const Actor& actor) override;
  [[nodiscard]] core::Result<void> close_account(const core::TenantId& tenant, const Actor& actor) override;
  [[nodiscard]] core::Result<IssuedKey> create_api_key(const core::TenantId& tenant, const NewApiKey& wanted,
                                                       const Actor& actor, const KeyAnswerOf& answer) override;
  [[nodiscard]] core::Result<void> revoke_api_key(const core::TenantId& tenant, const IdBytes& id,
                                                  const Actor& actor) override;
  [[nodiscard]] core::Result<ProviderKeyRow> put_provider_key(const core::TenantId& tenant, NewProviderKey wanted,
                                                              const Actor& actor) override;
  [[nodiscard]] core::Result<void> remove_provider(const core::TenantId& tenant, std::string_view provider,
                                                   const Actor& actor) override;
  [[nodiscard]] core::Result<void> note_health(const core::TenantId& tenant, const IdBytes& id, bool healthy,
                                               core::Instant when, std::vector<std::string> models) override;
  [[nodiscard]] core::Result<IssuedVirtualKey> issue_virtual_key(const NewVirtualKey& wanted, const Actor& actor,
                                                                 const VirtualAnswerOf& answer) override;
  [[nodiscard]] core::Result<VirtualKeyRow> revoke_virtual_key(const IdBytes& id, const Actor& actor) override;
  [[nodiscard]] core::Result<void> record_act(std::string_view action, std::string_view target,
                                              const Actor& actor) override;

 private:
  /// What is stored about a tenant.
  struct Known {
    std::optional<LogNumber> log;
    std::optional<AccountRow> row;
  };
  [[nodiscard]] core::Result<Known> known(const core::TenantId& tenant) const;
  [[nodiscard]] core::Result<std::vector<ProviderKeyRow>> provider_rows(const ReadTxn& txn, LogNumber log) const;
  template <class Row>
  [[nodiscard]] core::Result<std::vector<Row>> owned_rows(Table table, LogNumber log) const;
  /// The newest use that is known, on disk or in memory.
  [[nodiscard]] std::optional<core::Instant> last_use(const Hash& digest, std::optional<core::Instant> stored) const;

  /// Puts rows inside the change's transaction. It may fail only where the store does.
  using Rows = std::move_only_function<core::Result<void>(WriteTxn& txn, LogNumber log)>;
  /// One commit: the log if it is new, the rows, the record of the act. Blocks until it is durable. The log's number.
  [[nodiscard]] core::Result<LogNumber> commit(const core::LogName& log, Rows rows,
                                               std::optional<core::OperatorDetail> act);
  [[nodiscard]] core::Result<LogNumber> commit(const core::TenantId& tenant, Rows rows, core::OperatorDetail act) {
    return commit(core::LogName::of(tenant), std::move(rows), std::move(act));
  }
  [[nodiscard]] IdBytes new_id();
  [[nodiscard]] core::Result<IssuedKey> new_api_key(const NewApiKey& wanted);
  [[nodiscard]] core::Result<const KeyRing*> ready_to_change() const;
  void run();
  enum class End { first, last };
  /// From this end of the table, so many keys.
  [[nodiscard]] core::Result<void> load_keys(Cursor& cursor, End end, std::uint32_t number, std::uint32_t count);

  const Environment& environment_;
  const core::Clock& clock_;
  KeysOf keys_;
  Journal* journal_ = nullptr;
  core::Random* random_ = nullptr;
  KeyTable table_;
  mutable TenantNames names_;
  std::mutex changing_;  ///< changes come from one thread; this keeps it so

  std::mutex uses_guard_;
  core::Instant uses_written_;  ///< uses before this are on disk
  std::mutex stop_guard_;
  std::condition_variable stop_wake_;
  bool stopping_ = false;
  std::thread uses_thread_;
  std::vector<std::future<core::Result<void>>> loading_;  ///< declared last: they end before what they fill goes
};

/// What an act changed, for its record: members that differ, as text.
[[nodiscard]] std::vector<core::MemberChange> changes_between(const AccountRow* before, const AccountRow& after);
/// Keeps an answer for a replay, and drops a few that are older than a day.
[[nodiscard]] core::Result<void> keep_answer(WriteTxn& txn, const KeptAnswer& kept);
inline constexpr std::int64_t k_answer_kept_micros = core::k_micros_per_day;

}  // namespace talon::vault
