// Vault: everything on disk, as the gateway and the command line see it.
//
//   auto vault = Vault::open_for_serving(dir, options, clock, random);   // the writer: one per directory
//   auto vault = Vault::open_for_reading(dir, clock);                    // any number, while serve runs or not
//
// The LMDB environment, its lock file, the key files and the journal's thread belong to this object;
// one environment per process. Reads are const, may be called from any thread, open short
// transactions (at most 4,096 rows or 20 ms each) and copy out; they see every call whose response
// has ended, in both durabilities (they wait for what the journal has queued at the time they start,
// at most `read_deadline`). Nothing outside vault/ opens LMDB, nothing here opens a socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/error.h"
#include "core/evidence_record.h"
#include "core/money.h"
#include "core/random.h"
#include "core/tenant_id.h"
#include "core/time.h"
#include "vault/bundle/writer.h"
#include "vault/journal/journal.h"
#include "vault/log/body_commitment.h"
#include "vault/log/key_ring.h"
#include "vault/registry/registry.h"

namespace talon::vault {

struct InitReport {
  std::filesystem::path data_dir, public_key_file, admin_key_file;
  std::string vault_name, vkey, minisign;
};

/// `talon init`: makes the directory (0700), keys, vault.pub, admin.key and an empty sealed store.
/// All or nothing; Error: Code::vault_exists when one is there (nothing is changed), vault_permission,
/// write_failed. `name`: empty for `talon-` and 8 random characters.
[[nodiscard]] core::Result<InitReport> init_vault(const std::filesystem::path& data_dir, std::string_view name,
                                                  std::string_view version, const core::Clock& clock,
                                                  core::Random& random);

struct ServeOptions {
  core::Durability durability = core::Durability::strict;
  core::Priority journal_priority = core::Priority::normal;
  std::uint64_t reserve_bytes = 64ull << 20;
  std::string version;                        ///< for `boot` and genesis: "0.1.0"
  std::vector<core::TenantId> known_tenants;  ///< their logs are opened at start
  /// Runs once, on the journal's thread, after a commit error: the process must end with exit 3.
  std::function<void(const core::Error&)> on_failure;
};

struct Seen {
  std::optional<core::Instant> first, last;
};

/// One row of `tenant list`; also the unattributed bucket.
struct TenantRow {
  std::optional<core::TenantId> tenant;
  std::int64_t session_count = 0;
  core::NanoUsd total_cost;
  Seen seen;
};

struct LogHead {
  std::string origin;
  TreeSize size = 0;
  Hash root{};
  std::optional<core::Instant> time;
};

/// `tenant show`.
struct TenantDetail {
  TenantRow row;
  std::int64_t request_count = 0, unpriced_requests = 0;
  core::NanoUsd spend_today, spend_month;
  LogHead log;
};

struct TenantList {
  std::vector<TenantRow> tenants;  ///< most recent activity first, then tenant id
  TenantRow unattributed;
};
/// A part of it. The pages that follow a first one keep the order that it found, and read no more than they answer: a
/// call between two pages passes no tenant over and shows none twice. (After a restart, or sixteen listings begun since,
/// a page goes on behind the tenant before it as things stand then.)
struct TenantQuery {
  std::string text;  ///< literal, in the id; empty: all
  std::size_t limit = 50;
  std::string after;  ///< TenantPage::next of the page before, with the same text
};
struct TenantPage {
  TenantList list;
  std::optional<std::string> next;  ///< nullopt: no more; any bytes
};

struct CostCell {
  core::NanoUsd cost;
  std::int64_t requests = 0;
};
/// Buckets by UTC day; each breakdown adds up to the total.
struct Costs {
  core::Instant from, to;
  core::NanoUsd total, today, month;
  std::int64_t requests = 0;
  std::map<std::string, CostCell, std::less<>> by_caller, by_provider, by_model, by_project;
  std::map<core::Day, CostCell> by_day;
};

/// Three states (acceptance.md V20): nullopt is all of the vault, else a tenant's log or the unattributed one.
using LogFilter = std::optional<core::LogName>;
struct CostQuery {
  LogFilter log;
  std::optional<std::string> project;  ///< "default" is what names none
  Period period;
};

inline constexpr std::string_view k_default_project = "default";

/// A session, stored or a call without one that counts as a session of its own (its id is then its uid).
struct SessionInfo {
  std::string id, uid;  ///< `ses_` and a ULID
  bool operator_space = false;
  std::optional<core::TenantId> tenant;
  std::string project;
  std::vector<std::string> modalities;  ///< of llm, stt, tts; in the order of this list
  core::Instant started, last_seen;
  core::NanoUsd cost;
  std::int64_t requests = 0, unpriced = 0;
};
enum class SessionOrder { started_desc, started_asc, cost_desc, cost_asc };
/// Orders by start go through all sessions, page by page. Orders by cost sort the newest 100,000 of the filter's.
struct SessionQuery {
  LogFilter log;
  std::optional<std::string> project;
  Period period;  ///< in which it began
  SessionOrder order = SessionOrder::started_desc;
  std::size_t limit = 50;
  std::string after;  ///< SessionPage::next of the page before; empty: from the beginning
};
/// A page may be short of `limit` though there is more: only `next` says.
struct SessionPage {
  std::vector<SessionInfo> sessions;
  std::optional<std::string> next;  ///< nullopt: no more; any bytes
};

enum class Order { newest_first, oldest_first };
struct EvidenceQuery {
  Period period;
  std::optional<core::Outcome> outcome;
  std::optional<std::string> caller, model;
  Order order = Order::newest_first;
  std::size_t limit = 50;
  std::optional<TreeSize> after;  ///< continue behind this seq (exclusive), in the order asked for
};
struct EvidencePage {
  std::vector<std::string> lines;      ///< exact leaf bytes
  std::optional<TreeSize> next_after;  ///< nullopt: no more
};

/// An admitted call as its record tells it: what lists, percentiles and table exports are made of.
struct CallInfo {
  core::EvidenceId id;
  core::Instant time;
  std::optional<core::TenantId> tenant;  ///< whom it counts for: its session's, if that was attributed later
  std::string project, session, request_id, caller, provider, model, outcome;
  std::optional<std::string> code;
  std::optional<std::int64_t> status, input, output;
  core::NanoUsd cost;
  bool priced = false;
  std::string price_row;                    ///< base64 hash of the price row; empty: none
  std::optional<core::Micros> ttfb, total;  ///< until the first content; until the end
  bool stream = false;
  std::vector<std::string> attempts;  ///< providers, in order
};
/// Filters as SessionQuery. The page looks at 20,000 rows at most and may be short of `limit` then.
struct CallQuery {
  LogFilter log;
  std::optional<std::string> project;
  Period period;
  Order order = Order::newest_first;
  std::size_t limit = 100;
  std::string after;  ///< CallPage::next of the page before
};
struct CallPage {
  std::vector<CallInfo> calls;
  std::optional<std::string> next;  ///< nullopt: no more
};

struct EvidenceDetail {
  std::string line;
  core::LogName log = core::LogName::unattributed();
  TreeSize leaf_index = 0;
  Hash leaf{};
  TreeSize tree_size = 0;
  std::vector<Hash> inclusion;
  std::string checkpoint;  ///< signed note of tree_size
};

/// Money a caller has spent, for admission after a start.
struct CallerSpend {
  core::Day day;
  core::NanoUsd spent;
};

/// What Vault::check finds.
struct QuickCheck {
  std::uint64_t rows = 0;
  std::size_t logs = 0;
  std::optional<core::Instant> newest;  ///< record of any log
};

/// What `audit verify` without arguments finds in the live vault.
struct LiveReport {
  struct LogResult {
    core::LogName log = core::LogName::unattributed();
    TreeSize size = 0;
    bool ok = false;
    std::string detail;
  };
  std::vector<LogResult> logs;
  bool seal_ok = false;
  bool rollups_ok = false;
  std::int64_t records = 0;
  std::int64_t open_intents = 0;
  std::vector<std::string> problems;
  [[nodiscard]] bool ok() const noexcept { return seal_ok && rollups_ok && problems.empty(); }
};

class Vault {
 public:
  /// The writer. Verifies seal and frontiers from the last stored frontier on, closes open intents as
  /// `interrupted`, writes `boot` and the marks that are due, starts the journal.
  /// Error: vault_missing, vault_locked (names the pid), vault_corrupt, vault_permission, key_missing …
  [[nodiscard]] static core::Result<std::unique_ptr<Vault>> open_for_serving(const std::filesystem::path& data_dir,
                                                                             ServeOptions options,
                                                                             const core::Clock& clock,
                                                                             core::Random& random);
  [[nodiscard]] static core::Result<std::unique_ptr<Vault>> open_for_reading(const std::filesystem::path& data_dir,
                                                                             const core::Clock& clock);
  ~Vault();

  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] const PublicKeys& public_keys() const noexcept;

  // The writer's side (open_for_serving only).
  /// Keyed BLAKE2b-256 of an API key under the vault secret (log/key_digest.h): how keys are looked up and stored.
  [[nodiscard]] Hash key_digest(std::string_view key) const noexcept;
  [[nodiscard]] Journal& journal() noexcept;
  [[nodiscard]] JournalStats stats() const noexcept;
  /// The log's newest content key; makes the log known first if it is not (through the journal, so
  /// call it before the first record of a log, not on the hot path: workers keep the result).
  [[nodiscard]] core::Result<std::shared_ptr<const ContentKey>> content_key(const core::LogName& log);
  /// Accounts, keys, virtual keys. Changes and find() are the server's; reads work for readers too.
  [[nodiscard]] Registry& registry() noexcept;
  [[nodiscard]] const Registry& registry() const noexcept;
  /// Spend of every caller on the current UTC day, for rebuilding caps at start. Keyed by log and caller.
  [[nodiscard]] core::Result<std::map<std::pair<core::LogName, std::string>, CallerSpend>> caller_spend_today() const;
  /// Takes nothing new, commits what waits, closes. Blocks until done.
  void stop();

  // Reads.
  [[nodiscard]] core::Result<TenantList> tenants(std::optional<std::size_t> limit, std::string_view query) const;
  /// Error: invalid_request for an `after` that no page gave.
  [[nodiscard]] core::Result<TenantPage> tenants(const TenantQuery& query) const;
  /// Error: tenant_unknown when no log of that name exists, tenant_no_sessions when nothing was admitted yet.
  [[nodiscard]] core::Result<TenantDetail> tenant(const core::TenantId& tenant) const;
  /// Error: tenant_no_sessions when the bucket is empty.
  [[nodiscard]] core::Result<TenantDetail> unattributed() const;
  /// `log`: a tenant's or the unattributed bucket. A known log without calls answers zeros.
  [[nodiscard]] core::Result<Costs> costs(const core::LogName& log, const Period& period) const;
  /// The same over any part of the vault. `all` walks no logs.
  [[nodiscard]] core::Result<Costs> costs(const CostQuery& query) const;
  /// Error: invalid_request for an `after` that no page gave.
  [[nodiscard]] core::Result<SessionPage> sessions(const SessionQuery& query) const;
  /// Every session in the filter's sight with this id or uid; more than one: the id stands in several spaces (409
  /// ambiguous_session; the uid tells them apart). Empty: none.
  [[nodiscard]] core::Result<std::vector<SessionInfo>> sessions_named(std::string_view id, const LogFilter& log) const;
  /// What a space holds under an id or uid, as committed; does not wait for the journal. `space`: a tenant's log, or
  /// LogName::unattributed() for the operator's.
  [[nodiscard]] core::Result<std::optional<SessionInfo>> stored_session(const core::LogName& space,
                                                                        std::string_view id) const;
  [[nodiscard]] core::Result<EvidencePage> evidence(const core::LogName& log, const EvidenceQuery& query) const;
  /// Within one log only. Error: evidence_unknown.
  [[nodiscard]] core::Result<EvidenceDetail> evidence_by_id(const core::LogName& log, const core::EvidenceId& id) const;
  /// In any log: the operator's view. Error: evidence_unknown.
  [[nodiscard]] core::Result<EvidenceDetail> find_evidence(const core::EvidenceId& id) const;
  /// A signed note of the log as it is now. Error: tenant_unknown for a log that does not exist.
  [[nodiscard]] core::Result<std::string> checkpoint(const core::LogName& log) const;
  [[nodiscard]] core::Result<ExportReport> export_bundle(const core::LogName& log, const Period& period,
                                                         const ByteSink& sink) const;
  [[nodiscard]] core::Result<ExportReport> export_folder(const core::LogName& log, const Period& period,
                                                         const std::filesystem::path& folder) const;
  /// The exact canonical lines in the period, each with LF. `log` nullopt: all logs, in log name order.
  [[nodiscard]] core::Result<ExportReport> export_ndjson(std::optional<core::LogName> log, const Period& period,
                                                         const ByteSink& sink) const;
  /// Admitted calls. Error: invalid_request for an `after` that no page gave.
  [[nodiscard]] core::Result<CallPage> calls(const CallQuery& query) const;
  /// Tables for analysis (export/tables.h), no evidence: each row with the tenant it counts for today. csv: the requests.
  [[nodiscard]] core::Result<ExportReport> export_csv(const LogFilter& log, const Period& period,
                                                      const ByteSink& sink) const;
  /// `file` must not exist. Sessions: those that lived in the period, with the sums of their whole life.
  [[nodiscard]] core::Result<ExportReport> export_sqlite(const LogFilter& log, const Period& period,
                                                         const std::filesystem::path& file) const;
  [[nodiscard]] core::Result<std::vector<core::LogName>> logs() const;
  /// What a start checks: keys, seal, frontiers, the newest rows. Error: vault_corrupt naming what contradicts what,
  /// key_missing.
  [[nodiscard]] core::Result<QuickCheck> check() const;
  /// Recomputes every log from its lines, the seal, and the roll-ups by a recount.
  [[nodiscard]] core::Result<LiveReport> verify() const;

 private:
  struct Impl;
  explicit Vault(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace talon::vault
