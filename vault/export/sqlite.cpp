// The tables as one SQLite file. The only source that knows SQLite; the store itself is LMDB.
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "vault/export/tables.h"
#include "vault/log/files.h"
#include "vault/log/sha256.h"

namespace talon::vault {
namespace {

using core::Result;

// Columns as the quickstart's tools expect them. What voice calls will fill is there and empty. An id names a session
// within one tenant's space only, so the key is `uid`.
constexpr const char* k_schema = R"(
CREATE TABLE requests (
  id TEXT PRIMARY KEY, timestamp REAL NOT NULL, project TEXT NOT NULL DEFAULT 'default', modality TEXT NOT NULL,
  model_id TEXT NOT NULL, provider TEXT NOT NULL, input_units REAL DEFAULT 0, output_units REAL DEFAULT 0,
  cost_usd REAL DEFAULT 0, pricing_source TEXT NOT NULL DEFAULT '', ttfb_ms REAL, total_latency_ms REAL,
  status TEXT DEFAULT 'success', fallback_from TEXT, error_message TEXT, metadata TEXT, session_id TEXT,
  tenant_id TEXT, cost_nano_usd INTEGER);
CREATE TABLE sessions (
  id TEXT NOT NULL, project TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, modalities TEXT DEFAULT '',
  total_cost_usd REAL DEFAULT 0, request_count INTEGER DEFAULT 0, talk_time_seconds REAL, per_minute_cost_usd REAL,
  response_speed_p50_ms INTEGER, response_speed_p95_ms INTEGER, talk_over_rate REAL, replay_size_bytes INTEGER,
  tenant_id TEXT, uid TEXT PRIMARY KEY, total_cost_nano_usd INTEGER NOT NULL);
CREATE TABLE turns (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, turn_index INTEGER NOT NULL,
  caller_speak_start_ms INTEGER NOT NULL, caller_speak_end_ms INTEGER NOT NULL, agent_speak_start_ms INTEGER,
  agent_speak_end_ms INTEGER, response_speed_ms INTEGER, created_at TEXT DEFAULT CURRENT_TIMESTAMP, tenant_id TEXT);
CREATE TABLE dead_air_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, started_at_ms INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL, threshold_used_ms INTEGER NOT NULL, created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  tenant_id TEXT);
CREATE TABLE replay_stt_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, t_ms INTEGER NOT NULL, payload TEXT NOT NULL,
  provider TEXT DEFAULT '', cost_usd REAL, created_at TEXT DEFAULT CURRENT_TIMESTAMP, tenant_id TEXT);
CREATE TABLE replay_llm_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, t_ms INTEGER NOT NULL, payload TEXT NOT NULL,
  provider TEXT DEFAULT '', cost_usd REAL, created_at TEXT DEFAULT CURRENT_TIMESTAMP, tenant_id TEXT);
CREATE TABLE replay_tts_frames (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, t_ms INTEGER NOT NULL, payload TEXT NOT NULL,
  provider TEXT DEFAULT '', cost_usd REAL, created_at TEXT DEFAULT CURRENT_TIMESTAMP, tenant_id TEXT);
CREATE TABLE replay_state_snapshots (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, t_ms INTEGER NOT NULL, payload TEXT NOT NULL,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP, tenant_id TEXT);
)";
// After the rows: an index is made faster than kept.
constexpr const char* k_indexes = R"(
CREATE INDEX idx_requests_timestamp ON requests(timestamp);
CREATE INDEX idx_requests_session ON requests(session_id);
CREATE INDEX idx_requests_tenant ON requests(tenant_id);
CREATE INDEX idx_sessions_started_at ON sessions(started_at);
CREATE INDEX idx_sessions_tenant ON sessions(tenant_id);
CREATE INDEX idx_turns_session ON turns(session_id);
)";
constexpr const char* k_insert_request = "INSERT INTO requests VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr const char* k_insert_session =
    "INSERT OR REPLACE INTO sessions VALUES (?,?,?,?,?,?,?,NULL,NULL,NULL,NULL,NULL,NULL,?,?,?)";

std::unexpected<core::Error> cannot_write(const std::filesystem::path& file, const std::string& why) {
  return core::fail(core::Code::write_failed, file.string() + ": " + why);
}

class Database {
 public:
  explicit Database(const std::filesystem::path& file) : file_(file) {}
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close(db_); }

  Result<void> open() {
    // Private from its first byte on: it holds customers' names.
    const int made = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0) return cannot_write(file_, system_message(errno));
    ::close(made);
    if (sqlite3_open_v2(file_.c_str(), &db_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) return failed();
    // A half-written file is thrown away, so nothing needs to be undone.
    TALON_TRY_VOID(run("PRAGMA journal_mode=OFF"));
    TALON_TRY_VOID(run("PRAGMA synchronous=OFF"));
    return run("BEGIN");
  }
  Result<void> run(const char* sql) {
    if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failed();
    return {};
  }
  [[nodiscard]] std::unexpected<core::Error> failed() const {
    return cannot_write(file_, db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_));
  }
  [[nodiscard]] sqlite3* handle() const noexcept { return db_; }

 private:
  const std::filesystem::path& file_;
  sqlite3* db_ = nullptr;
};

/// A prepared INSERT; values in the order of its columns.
class Insert {
 public:
  Insert(Database& database, const char* sql) : database_(database) {
    if (sqlite3_prepare_v2(database.handle(), sql, -1, &statement_, nullptr) != SQLITE_OK) statement_ = nullptr;
  }
  Insert(const Insert&) = delete;
  Insert& operator=(const Insert&) = delete;
  ~Insert() { sqlite3_finalize(statement_); }

  void text(std::string_view value) {
    bound(sqlite3_bind_text(statement_, ++at_, value.empty() ? "" : value.data(), static_cast<int>(value.size()),
                            SQLITE_TRANSIENT));
  }
  void text_or_null(const std::optional<std::string_view>& value) { value ? text(*value) : null(); }
  void real(double value) { bound(sqlite3_bind_double(statement_, ++at_, value)); }
  void integer(std::int64_t value) { bound(sqlite3_bind_int64(statement_, ++at_, value)); }
  void milliseconds_of(const std::optional<core::Micros>& value) { value ? real(milliseconds(*value)) : null(); }
  void null() { bound(sqlite3_bind_null(statement_, ++at_)); }

  Result<void> row() {
    const bool done = statement_ != nullptr && good_ && sqlite3_step(statement_) == SQLITE_DONE;
    if (!done) return database_.failed();
    sqlite3_reset(statement_);
    at_ = 0;
    return {};
  }

 private:
  void bound(int result) { good_ = good_ && result == SQLITE_OK; }
  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int at_ = 0;
  bool good_ = true;
};

std::optional<std::string_view> text_of(const std::optional<core::TenantId>& tenant) {
  return tenant ? std::optional<std::string_view>(tenant->bytes()) : std::nullopt;
}

/// As Python's isoformat() writes it, which the quickstart's queries compare as text.
std::string iso(core::Instant at) {
  auto text = core::to_rfc3339_micros(at);
  text.pop_back();  // Z
  return text + "+00:00";
}

Result<void> add_request(Insert& insert, const RequestRow& row) {
  const auto& call = row.call;
  insert.text(call.id.text());
  insert.real(row.timestamp());
  insert.text(call.project);
  insert.text("llm");
  insert.text(row.model_id());
  insert.text(call.provider);
  insert.real(static_cast<double>(call.input.value_or(0)));
  insert.real(static_cast<double>(call.output.value_or(0)));
  row.unpriced() ? insert.null() : insert.real(row.cost_usd());
  insert.text(row.pricing_source());
  insert.milliseconds_of(call.ttfb);
  insert.milliseconds_of(call.total);
  insert.text(row.status());
  insert.text_or_null(row.fallback_from());
  insert.text_or_null(call.code);
  insert.text(row.metadata());
  insert.text(call.session);
  insert.text_or_null(text_of(call.tenant));
  row.unpriced() ? insert.null() : insert.integer(call.cost.nano());
  return insert.row();
}

Result<void> add_session(Insert& insert, const SessionInfo& session) {
  std::string modalities;
  for (const auto& name : session.modalities) modalities += (modalities.empty() ? "" : ",") + name;
  insert.text(session.id);
  insert.text(session.project);
  insert.text(iso(session.started));
  session.requests > 0 ? insert.text(iso(session.last_seen)) : insert.null();
  insert.text(modalities);
  insert.real(static_cast<double>(session.cost.nano()) / 1e9);
  insert.integer(session.requests);
  insert.text_or_null(text_of(session.tenant));
  insert.text(session.uid);
  insert.integer(session.cost.nano());
  return insert.row();
}

Result<std::string> sha256_of(const std::filesystem::path& file) {
  const FileHandle in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.is_open()) return cannot_write(file, system_message(errno));
  Sha256 hash;
  auto buffer = std::make_unique<std::array<char, 256 * 1024>>();
  for (;;) {
    const auto got = ::read(in.get(), buffer->data(), buffer->size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_write(file, system_message(errno));
    if (got == 0) return to_hex(hash.finish());
    hash.update({buffer->data(), static_cast<std::size_t>(got)});
  }
}

Result<std::int64_t> fill(const Vault& vault, const LogFilter& log, const Period& period,
                          const std::filesystem::path& file) {
  Database database(file);
  TALON_TRY_VOID(database.open());
  TALON_TRY_VOID(database.run(k_schema));
  std::int64_t records = 0;
  {
    Insert request(database, k_insert_request);
    TALON_TRY_VOID(each_call(vault, log, period, [&](const RequestRow& row) {
      ++records;
      return add_request(request, row);
    }));
    Insert insert(database, k_insert_session);
    TALON_TRY_VOID(
        each_session(vault, log, period, [&](const SessionInfo& session) { return add_session(insert, session); }));
  }
  TALON_TRY_VOID(database.run(k_indexes));
  TALON_TRY_VOID(database.run("COMMIT"));
  return records;
}

}  // namespace

Result<ExportReport> Vault::export_sqlite(const LogFilter& log, const Period& period,
                                          const std::filesystem::path& file) const {
  ExportReport report;
  TALON_TRY(records, fill(*this, log, period, file));
  report.records = records;
  TALON_TRY(digest, sha256_of(file));
  report.sha256 = std::move(digest);
  return report;
}

}  // namespace talon::vault
