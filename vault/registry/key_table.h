// KeyTable: every key in force, by its keyed digest, in memory. One writer; any number of readers without a lock.
//
// Entries never move: they live in chunks until the table goes. Over them lies an open-addressing array of 8 bytes a
// slot: 32 bits of the digest as a tag, 32 bits of the entry's number plus one, 0 for empty. A slot is chosen by the
// digest's leading bits (a keyed hash is uniform), so that a table read from disk in the order of digests fills slots
// and memory in order. At four fifths full the writer makes an array of twice the size and publishes it; the old one
// stays until the table goes, for whoever still probes it: all old ones together are smaller than the newest.
//
// A revoked key's entry stays, marked, until the next start: find() answers nullptr for it.
//
// At start all keys that are stored are loaded at once, by several threads, into memory that is asked for in one piece
// and in huge pages: for a million keys the page faults would cost more than the rest.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "vault/registry/registry.h"

namespace talon::vault {

class KeyTable {
 public:
  KeyTable();
  ~KeyTable();
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;

  /// Any thread; no lock, no allocation. nullptr: unknown or revoked.
  [[nodiscard]] const KeyEntry* find(const Hash& digest) const noexcept {
    const auto* entry = any(digest);
    return entry != nullptr && !entry->revoked.load(std::memory_order_acquire) ? entry : nullptr;
  }
  /// Revoked ones too.
  [[nodiscard]] const KeyEntry* any(const Hash& digest) const noexcept;

  struct NewEntry {
    Hash digest{};
    IdBytes id{};
    LogNumber tenant{};
    std::int64_t expires = 0;
    KeyClass kind = KeyClass::tenant_key;
    bool expose_cost = false;
  };
  // The start's: begin_load(), then each number below `keys` once, by any threads, then end_load().
  void begin_load(std::uint32_t keys);
  void load(std::uint32_t number, const NewEntry& key) noexcept;
  void end_load(std::uint32_t keys) noexcept { count_.store(keys, std::memory_order_release); }

  // The writer's.
  /// The key is not in the table yet.
  const KeyEntry& insert(const NewEntry& key);
  /// From now on not found. Harmless for an unknown one.
  void revoke(const Hash& digest) noexcept;

  /// Any thread: every entry inserted before the call, revoked ones too.
  template <class Visit>
  void each(Visit visit) const {
    const auto count = count_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count; ++i) visit(*entry(i));
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_.load(std::memory_order_acquire); }
  /// Memory held, for the benchmark.
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  static constexpr std::uint32_t k_chunk_bits = 13, k_chunk = 1u << k_chunk_bits;
  static constexpr std::uint32_t k_chunks = 1u << 13;  ///< 67 million keys
  static constexpr unsigned k_least_bits = 8;

  /// Zeroed memory, in huge pages where it is large and the system has them.
  class Pages {
   public:
    explicit Pages(std::size_t size);
    ~Pages();
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    [[nodiscard]] void* at() const noexcept { return at_; }

   private:
    void* at_;
    std::size_t size_;
  };
  struct Slots {
    explicit Slots(unsigned slot_bits) : bits(slot_bits), pages(size() * sizeof(std::uint64_t)) {}
    unsigned bits = 0;
    Pages pages;
    [[nodiscard]] std::uint64_t* at() const noexcept { return static_cast<std::uint64_t*>(pages.at()); }
    [[nodiscard]] std::size_t size() const noexcept { return std::size_t{1} << bits; }
  };
  void reserve(std::size_t keys);
  void make_entry(std::uint32_t number, const NewEntry& key) const noexcept;
  static void put(Slots& slots, const Hash& digest, std::uint32_t number) noexcept;
  void publish(std::unique_ptr<Slots> slots);
  void grow(unsigned bits);
  [[nodiscard]] KeyEntry* entry(std::uint32_t number) const noexcept;

  std::atomic<Slots*> slots_{nullptr};
  std::atomic<std::uint32_t> count_{0};
  std::vector<std::unique_ptr<Slots>> all_slots_;
  std::optional<Pages> loaded_;  ///< the chunks below loaded_chunks_
  std::uint32_t loaded_chunks_ = 0;
  std::unique_ptr<std::atomic<KeyEntry*>[]> chunks_;
};

}  // namespace talon::vault
