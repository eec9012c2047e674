#include "vault/store/environment.h"

#include <fmt/format.h>
#include <lmdb.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <mutex>
#include <set>

#include "vault/store/preflight.h"

namespace talon::vault {
namespace {

using core::Code;
using core::Result;

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr std::size_t k_map_bytes = std::size_t{1} << 35;  // its shadow leaves no room for more
#else
constexpr std::size_t k_map_bytes = std::size_t{1} << 40;
#endif
#else
constexpr std::size_t k_map_bytes = std::size_t{1} << 40;
#endif
constexpr unsigned k_max_readers = 1024;
constexpr unsigned k_absent = ~0u;  ///< no handle: a store from before this table

core::Error lmdb_error(int rc, std::string_view doing) {
  Code code = Code::vault_unavailable;
  switch (rc) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_TXN:
      code = Code::vault_corrupt;
      break;
    case MDB_VERSION_MISMATCH:
      code = Code::vault_version;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = Code::vault_permission;
      break;
    default:
      break;
  }
  const char* const remedy =
      code == Code::vault_corrupt ? "; the data file is damaged or was cut short: restore it from a backup" : "";
  return {code, fmt::format("the store failed while {}: {}{}", doing, mdb_strerror(rc), remedy), std::nullopt};
}

MDB_val value_of(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
std::string_view view_of(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

/// What this process has open. An environment twice in one process would lose its file locks.
std::mutex g_open_guard;
std::set<std::string>& open_directories() {
  static std::set<std::string> directories;
  return directories;
}

}  // namespace

Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

namespace {
Result<std::optional<Entry>> move_cursor(MDB_cursor* cursor, std::string_view key, MDB_cursor_op operation) {
  if (cursor == nullptr) return std::optional<Entry>();
  MDB_val key_value = value_of(key);
  MDB_val data{};
  const int rc = mdb_cursor_get(cursor, &key_value, &data, operation);
  if (rc == MDB_NOTFOUND) return std::optional<Entry>();
  if (rc != 0) return core::fail(lmdb_error(rc, "reading"));
  return Entry{view_of(key_value), view_of(data)};
}
}  // namespace

Result<std::optional<Entry>> Cursor::first() { return move_cursor(cursor_, {}, MDB_FIRST); }
Result<std::optional<Entry>> Cursor::last() { return move_cursor(cursor_, {}, MDB_LAST); }
Result<std::optional<Entry>> Cursor::next() { return move_cursor(cursor_, {}, MDB_NEXT); }
Result<std::optional<Entry>> Cursor::previous() { return move_cursor(cursor_, {}, MDB_PREV); }
Result<std::optional<Entry>> Cursor::at(std::string_view key) { return move_cursor(cursor_, key, MDB_SET_KEY); }
Result<std::optional<Entry>> Cursor::at_or_after(std::string_view key) {
  return move_cursor(cursor_, key, MDB_SET_RANGE);
}

Txn::~Txn() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

Result<std::optional<std::string_view>> Txn::get(Table table, std::string_view key) const {
  if (handle(table) == k_absent) return std::optional<std::string_view>();
  MDB_val key_value = value_of(key);
  MDB_val data{};
  const int rc = mdb_get(txn_, handle(table), &key_value, &data);
  if (rc == MDB_NOTFOUND) return std::optional<std::string_view>();
  if (rc != 0) return core::fail(lmdb_error(rc, "reading"));
  return std::optional<std::string_view>(view_of(data));
}

Result<Cursor> Txn::cursor(Table table) const {
  if (handle(table) == k_absent) return Cursor(nullptr);
  MDB_cursor* cursor = nullptr;
  if (const int rc = mdb_cursor_open(txn_, handle(table), &cursor); rc != 0) {
    return core::fail(lmdb_error(rc, "reading"));
  }
  return Cursor(cursor);
}

Result<std::uint64_t> Txn::count(Table table) const {
  if (handle(table) == k_absent) return std::uint64_t{0};
  MDB_stat stat{};
  if (const int rc = mdb_stat(txn_, handle(table), &stat); rc != 0) return core::fail(lmdb_error(rc, "reading"));
  return static_cast<std::uint64_t>(stat.ms_entries);
}

Result<void> WriteTxn::put(Table table, std::string_view key, std::string_view value) {
  MDB_val key_value = value_of(key);
  MDB_val data = value_of(value);
  if (const int rc = mdb_put(txn_, handle(table), &key_value, &data, 0); rc != 0) {
    return core::fail(lmdb_error(rc, "writing"));
  }
  return {};
}

Result<void> WriteTxn::append(Table table, std::string_view key, std::string_view value) {
  TALON_TRY(space, append_space(table, key, value.size()));
  std::copy(value.begin(), value.end(), space.begin());
  return {};
}

Result<std::span<char>> WriteTxn::append_space(Table table, std::string_view key, std::size_t size) {
  MDB_val key_value = value_of(key);
  MDB_val data{size, nullptr};
  const int rc = mdb_put(txn_, handle(table), &key_value, &data, MDB_APPEND | MDB_RESERVE);
  if (rc == MDB_KEYEXIST) return core::fail(Code::vault_corrupt, "the store holds rows beyond its newest one");
  if (rc != 0) return core::fail(lmdb_error(rc, "writing"));
  return std::span<char>(static_cast<char*>(data.mv_data), size);
}

Result<bool> WriteTxn::remove(Table table, std::string_view key) {
  MDB_val key_value = value_of(key);
  const int rc = mdb_del(txn_, handle(table), &key_value, nullptr);
  if (rc == MDB_NOTFOUND) return false;
  if (rc != 0) return core::fail(lmdb_error(rc, "writing"));
  return true;
}

Result<void> WriteTxn::commit() {
  if (const int rc = mdb_txn_commit(std::exchange(txn_, nullptr)); rc != 0) {
    return core::fail(lmdb_error(rc, "committing"));
  }
  return {};
}

Result<std::unique_ptr<Environment>> Environment::open_with(const std::filesystem::path& data_dir, unsigned flags,
                                                            unsigned table_flags) {
  std::error_code ignored;
  auto real = std::filesystem::canonical(data_dir, ignored).string();
  {
    const std::lock_guard lock(g_open_guard);
    if (!open_directories().insert(real).second) {
      return core::fail(Code::vault_locked, "this process has the vault in " + real + " open already");
    }
  }
  std::unique_ptr<Environment> self(new Environment());
  self->registered_ = std::move(real);
  const auto doing = "opening " + data_dir.string();
  if (const int rc = mdb_env_create(&self->env_); rc != 0) return core::fail(lmdb_error(rc, doing));
  mdb_env_set_maxdbs(self->env_, k_table_count);
  mdb_env_set_maxreaders(self->env_, k_max_readers);
  mdb_env_set_mapsize(self->env_, k_map_bytes);
  if (const int rc = mdb_env_open(self->env_, data_dir.c_str(), MDB_NOTLS | flags, 0600); rc != 0) {
    return core::fail(lmdb_error(rc, doing));
  }
  MDB_txn* txn = nullptr;
  const bool making = (table_flags & MDB_CREATE) != 0;
  if (const int rc = mdb_txn_begin(self->env_, nullptr, making ? 0 : MDB_RDONLY, &txn); rc != 0) {
    return core::fail(lmdb_error(rc, doing));
  }
  for (std::size_t i = 0; i < k_table_count; ++i) {
    const char* name = table_name(static_cast<Table>(i));
    if (const int rc = mdb_dbi_open(txn, name, table_flags, &self->tables_[i]); rc != 0) {
      if (rc == MDB_NOTFOUND && static_cast<Table>(i) >= k_first_added_table) {
        self->tables_[i] = k_absent;
        continue;
      }
      mdb_txn_abort(txn);
      if (rc == MDB_NOTFOUND) {
        return core::fail(Code::vault_corrupt,
                          fmt::format("the store in {} has no table \"{}\"", data_dir.string(), name));
      }
      return core::fail(lmdb_error(rc, doing));
    }
  }
  if (const int rc = mdb_txn_commit(txn); rc != 0) return core::fail(lmdb_error(rc, doing));
  return self;
}

Result<std::unique_ptr<Environment>> Environment::open(const std::filesystem::path& data_dir, Access access) {
  TALON_TRY_VOID(check_data_file(data_dir));
  return open_with(data_dir, access == Access::read ? MDB_RDONLY : 0u, 0);
}

Result<void> Environment::add_missing_tables() {
  if (std::find(std::begin(tables_), std::end(tables_), k_absent) == std::end(tables_)) return {};
  MDB_txn* txn = nullptr;
  if (const int rc = mdb_txn_begin(env_, nullptr, 0, &txn); rc != 0) {
    return core::fail(lmdb_error(rc, "starting to write"));
  }
  for (std::size_t i = 0; i < k_table_count; ++i) {
    if (tables_[i] != k_absent) continue;
    if (const int rc = mdb_dbi_open(txn, table_name(static_cast<Table>(i)), MDB_CREATE, &tables_[i]); rc != 0) {
      mdb_txn_abort(txn);
      return core::fail(lmdb_error(rc, "adding a table"));
    }
  }
  if (const int rc = mdb_txn_commit(txn); rc != 0) return core::fail(lmdb_error(rc, "adding tables"));
  return {};
}

Result<std::unique_ptr<Environment>> Environment::create(const std::filesystem::path& data_dir) {
  return open_with(data_dir, 0, MDB_CREATE);
}

Environment::~Environment() {
  if (env_ != nullptr) mdb_env_close(env_);
  const std::lock_guard lock(g_open_guard);
  open_directories().erase(registered_);
}

Result<ReadTxn> Environment::read() const {
  MDB_txn* txn = nullptr;
  if (const int rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn); rc != 0) {
    return core::fail(lmdb_error(rc, "starting to read"));
  }
  return ReadTxn(txn, tables_);
}

Result<WriteTxn> Environment::write() {
  MDB_txn* txn = nullptr;
  if (const int rc = mdb_txn_begin(env_, nullptr, 0, &txn); rc != 0) {
    return core::fail(lmdb_error(rc, "starting to write"));
  }
  return WriteTxn(txn, tables_);
}

std::uint64_t Environment::used_bytes() const noexcept {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &stat);
  return (info.me_last_pgno + 1) * stat.ms_psize;
}

int Environment::file_descriptor() const noexcept {
  mdb_filehandle_t descriptor = -1;
  mdb_env_get_fd(env_, &descriptor);
  return descriptor;
}

void Environment::clear_dead_readers() noexcept {
  int dead = 0;
  mdb_reader_check(env_, &dead);
}

std::uint64_t Environment::last_transaction() const noexcept {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  return info.me_last_txnid;
}

std::optional<std::uint64_t> Environment::oldest_reader() const noexcept {
  // mdb_reader_list is the only way to ask: lines of "pid thread txnid", txnid "-" for a slot that is not reading.
  std::optional<std::uint64_t> oldest;
  mdb_reader_list(
      env_,
      [](const char* line, void* context) {
        auto& found = *static_cast<std::optional<std::uint64_t>*>(context);
        std::string_view text(line);
        while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
        const auto space = text.rfind(' ');
        if (space == std::string_view::npos) return 0;
        const auto word = text.substr(space + 1);
        std::uint64_t id = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
        if (error == std::errc() && end == word.data() + word.size() && (!found || id < *found)) found = id;
        return 0;
      },
      &oldest);
  return oldest;
}

}  // namespace talon::vault
