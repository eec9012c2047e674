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
// A start loads the keys that are stored while others look them up: begin_load(), load() for each of them, end_load().
// Their memory is asked for in one piece and in huge pages: for a million keys the page faults would cost more than the
// rest. Until end_load() an unknown key may be one that is not loaded yet (loading() says so); whoever has found it in
// the store puts it in early, and load() leaves it as it is, so that a key has one entry from the first use on.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
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
  // The start's. `keys`: how many there are at the most; each has a number below it. No other key comes in meanwhile,
  // and none is revoked.
  void begin_load(std::uint32_t keys);
  /// One thread at a time.
  void load(std::uint32_t number, const NewEntry& key) noexcept;
  /// Any thread: the entry of a key that is among those being loaded. nullptr: it is not there and loading has ended.
  const KeyEntry* load_early(const NewEntry& key);
  void end_load();
  /// Any thread. Ask before a look-up: what it does not find may be there, unless this was false.
  [[nodiscard]] bool loading() const noexcept { return loading_.load(std::memory_order_acquire); }

  // The writer's.
  /// The key is not in the table yet.
  const KeyEntry& insert(const NewEntry& key);
  /// From now on not found. Harmless for an unknown one.
  void revoke(const Hash& digest) noexcept;

  /// Any thread: every entry inserted before the call, revoked ones too; not while keys are loaded.
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
  /// The number under which the digest is found: this one, unless it was there already.
  std::uint32_t put(Slots& slots, const Hash& digest, std::uint32_t number) const noexcept;
  /// Makes room for an entry behind those that were loaded.
  void add_chunk_of(std::uint32_t number);
  void publish(std::unique_ptr<Slots> slots);
  void grow(unsigned bits);
  [[nodiscard]] KeyEntry* entry(std::uint32_t number) const noexcept;

  std::atomic<Slots*> slots_{nullptr};
  std::atomic<std::uint32_t> count_{0};
  std::vector<std::unique_ptr<Slots>> all_slots_;
  std::optional<Pages> loaded_;  ///< the chunks below loaded_chunks_
  std::uint32_t loaded_chunks_ = 0;
  std::atomic<bool> loading_{false};
  std::mutex early_;              ///< while keys are loaded, for those that come before their turn
  std::uint32_t next_early_ = 0;  ///< under early_: their numbers lie behind all others
  std::unique_ptr<std::atomic<KeyEntry*>[]> chunks_;
};

}  // namespace talon::vault
