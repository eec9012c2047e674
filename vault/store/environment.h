// RAII over LMDB 0.9.24: one environment, its tables, its transactions and cursors. <lmdb.h> stays in the .cpp.
//
// Default sync flags only (evidence.md §4: NOSYNC, NOMETASYNC and WRITEMAP lost or corrupted data in power-loss
// replay) with MDB_NOTLS, so that a transaction may move between threads. The map is 1 TiB of address space, fixed.
// A process opens an environment once: LMDB's file locks would be lost with the first of two that closes.
//
//   TALON_TRY(txn, environment->read());
//   TALON_TRY(value, txn.get(Table::meta, "state"));   // valid until txn goes
//
// Views handed out point into the map and die with their transaction (a writer's already at its next put).
// Threads: Environment may be shared; one transaction or cursor belongs to one thread at a time; one WriteTxn at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/error.h"
#include "vault/store/tables.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace talon::vault {

enum class Access { read, write };

struct Entry {
  std::string_view key, value;
};

class Cursor {
 public:
  Cursor(Cursor&& other) noexcept : cursor_(std::exchange(other.cursor_, nullptr)) {}
  Cursor& operator=(Cursor&&) = delete;
  ~Cursor();

  /// nullopt: there is none.
  [[nodiscard]] core::Result<std::optional<Entry>> first();
  [[nodiscard]] core::Result<std::optional<Entry>> last();
  [[nodiscard]] core::Result<std::optional<Entry>> next();
  [[nodiscard]] core::Result<std::optional<Entry>> previous();
  /// The entry with exactly this key.
  [[nodiscard]] core::Result<std::optional<Entry>> at(std::string_view key);
  /// The first entry whose key is not below this one.
  [[nodiscard]] core::Result<std::optional<Entry>> at_or_after(std::string_view key);

 private:
  friend class Txn;
  explicit Cursor(MDB_cursor* cursor) : cursor_(cursor) {}
  MDB_cursor* cursor_;  ///< nullptr: the store has no such table yet, which reads as an empty one
};

/// What readers and the writer share.
class Txn {
 public:
  Txn(Txn&& other) noexcept : txn_(std::exchange(other.txn_, nullptr)), tables_(other.tables_) {}
  Txn& operator=(Txn&&) = delete;
  ~Txn();  ///< a reader ends; a writer that did not commit is undone

  [[nodiscard]] core::Result<std::optional<std::string_view>> get(Table table, std::string_view key) const;
  [[nodiscard]] core::Result<Cursor> cursor(Table table) const;
  /// Entries in the table.
  [[nodiscard]] core::Result<std::uint64_t> count(Table table) const;

 protected:
  friend class Environment;
  Txn(MDB_txn* txn, const unsigned* tables) : txn_(txn), tables_(tables) {}
  [[nodiscard]] unsigned handle(Table table) const noexcept { return tables_[static_cast<std::size_t>(table)]; }
  MDB_txn* txn_;
  const unsigned* tables_;
};

class ReadTxn : public Txn {
 private:
  friend class Environment;
  using Txn::Txn;
};

class WriteTxn : public Txn {
 public:
  [[nodiscard]] core::Result<void> put(Table table, std::string_view key, std::string_view value);
  /// As put, for a key above all others of the table: no search, pages stay full.
  [[nodiscard]] core::Result<void> append(Table table, std::string_view key, std::string_view value);
  /// As append; the caller fills the bytes before its next call.
  [[nodiscard]] core::Result<std::span<char>> append_space(Table table, std::string_view key, std::size_t size);
  /// Whether there was one.
  [[nodiscard]] core::Result<bool> remove(Table table, std::string_view key);
  /// Durable when it answers. After an error nothing of the transaction is in the store.
  [[nodiscard]] core::Result<void> commit();

 private:
  friend class Environment;
  using Txn::Txn;
};

class Environment {
 public:
  /// Opens what is there after the checks of preflight.h. Access::write is the writer's, or for a store being made.
  /// Error: vault_missing, vault_corrupt, vault_permission, vault_version, vault_locked (already open here).
  [[nodiscard]] static core::Result<std::unique_ptr<Environment>> open(const std::filesystem::path& data_dir,
                                                                       Access access);
  /// The writer's, once it has found the store in order: adds the tables that a store of an earlier version lacks.
  [[nodiscard]] core::Result<void> add_missing_tables();
  /// Makes an empty store with all tables in a directory that has none.
  [[nodiscard]] static core::Result<std::unique_ptr<Environment>> create(const std::filesystem::path& data_dir);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  [[nodiscard]] core::Result<ReadTxn> read() const;
  [[nodiscard]] core::Result<WriteTxn> write();

  /// Bytes of the data file that committed transactions have ever used; what lies behind was allocated ahead.
  [[nodiscard]] std::uint64_t used_bytes() const noexcept;
  /// The data file, for allocating ahead.
  [[nodiscard]] int file_descriptor() const noexcept;
  /// Frees the slots of readers that died (mdb_reader_check).
  void clear_dead_readers() noexcept;
  [[nodiscard]] std::uint64_t last_transaction() const noexcept;
  /// The snapshot of the oldest reader; nullopt when nobody reads.
  [[nodiscard]] std::optional<std::uint64_t> oldest_reader() const noexcept;

 private:
  Environment() = default;
  [[nodiscard]] static core::Result<std::unique_ptr<Environment>> open_with(const std::filesystem::path& data_dir,
                                                                            unsigned flags, unsigned table_flags);
  MDB_env* env_ = nullptr;
  std::string registered_;  ///< this process has it open
  unsigned tables_[k_table_count] = {};
};

}  // namespace talon::vault
