// StoredRegistry: the Registry over the store. Reads work in any process; find() and changes are the server's.
//
// Sources: stored_registry.cpp (start, look-up), load_keys.cpp, registry_reads.cpp, account_changes.cpp, key_changes.cpp,
// provider_changes.cpp, key_uses.cpp. A change looks first (on the one thread that makes changes, so that what it saw
// still holds), then hands the journal a closure that only encodes and puts, then updates the table of keys.
//
// A start does not wait for a million keys: a thread loads them while the server answers already. Until it is done
//  - a key that is not in the table yet is read from the store, under the same checks, and put in the table;
//  - changes wait (they are the admin thread's), so that the keys in the store are the same from the first to the last;
//  - a damaged row is no key, whoever presents it; when the load meets it, the vault fails as after a failed commit and
//    the server ends with that sentence. Where there are few keys they are loaded before the start goes on, and a
//    damaged one keeps it from going on.
#pragma once

#include <atomic>
#include <condition_variable>
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

  /// For tests: called on the loading thread, before the first key and every 4,096.
  using LoadWatch = std::function<void(std::uint32_t loaded)>;
  /// The server's start: from now on keys are found, and changes are taken. `random` is used beside the journal's
  /// thread. Error: vault_corrupt when a row is damaged and there are few.
  [[nodiscard]] core::Result<void> serve(Journal& journal, core::Random& random, LoadWatch watch = {});
  /// Until all keys are in the table. Error: why they cannot be; draining when stop() comes first.
  [[nodiscard]] core::Result<void> wait_loaded() const;
  /// Ends a load that is under way, writes down what was used last (where all keys are loaded), and takes no more
  /// changes. Before the journal stops.
  void stop();
  /// Writes the times of use that are not on disk yet; at most every minute by itself.
  void write_uses();
  /// For the benchmark.
  [[nodiscard]] const KeyTable& table() const noexcept { return table_; }

  [[nodiscard]] const KeyEntry* find(const Hash& digest) const noexcept override {
    const bool loading = table_.loading();  // asked first: what is loaded between the two is found
    const auto* entry = table_.find(digest);
    return entry != nullptr || !loading ? entry : find_stored(digest);
  }
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
  // load_keys.cpp
  [[nodiscard]] core::Result<void> load_keys(std::uint32_t keys, const LoadWatch& watch);
  void load_and_tell(std::uint32_t keys, const LoadWatch& watch);
  [[nodiscard]] core::Result<std::optional<KeyTable::NewEntry>> read_key(const Hash& digest) const;
  [[nodiscard]] const KeyEntry* find_stored(const Hash& digest) const noexcept;

  const Environment& environment_;
  const core::Clock& clock_;
  KeysOf keys_;
  Journal* journal_ = nullptr;
  core::Random* random_ = nullptr;
  mutable KeyTable table_;  ///< while it is loaded, find() may do a part of that
  mutable TenantNames names_;
  std::mutex changing_;  ///< changes come from one thread; this keeps it so
  IdBytes last_id_{};    ///< given by new_id(); under changing_

  mutable std::mutex loaded_guard_;
  mutable std::condition_variable loaded_wake_;
  std::optional<core::Result<void>> loaded_;  ///< under loaded_guard_: how the load ended

  std::mutex uses_guard_;
  core::Instant uses_written_;  ///< uses before this are on disk
  std::mutex stop_guard_;
  std::condition_variable stop_wake_;
  std::atomic<bool> stopping_{false};  ///< set under stop_guard_ and loaded_guard_
  std::thread thread_;                 ///< loads the keys, then writes down uses
};

/// What an act changed, for its record: members that differ, as text.
[[nodiscard]] std::vector<core::MemberChange> changes_between(const AccountRow* before, const AccountRow& after);
/// Keeps an answer for a replay, and drops a few that are older than a day.
[[nodiscard]] core::Result<void> keep_answer(WriteTxn& txn, const KeptAnswer& kept);
inline constexpr std::int64_t k_answer_kept_micros = core::k_micros_per_day;

}  // namespace talon::vault
