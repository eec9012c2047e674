#include "vault/registry/key_table.h"

#include <bit>
#include <new>

#include "vault/store/bytes.h"

namespace talon::vault {
namespace {

/// The leading 64 bits choose the slot, the 32 after them are the tag.
struct Place {
  std::uint64_t lead = 0;
  std::uint64_t tag = 0;
};
Place place_of(const Hash& digest) noexcept {
  const auto* bytes = reinterpret_cast<const char*>(digest.data());
  return {get_big_endian<std::uint64_t>(bytes), get_big_endian<std::uint32_t>(bytes + 8)};
}

bool fits(std::size_t keys, unsigned bits) noexcept { return keys <= (std::size_t{4} << bits) / 5; }

/// Slots are plain memory that starts as zero pages; they are only ever touched through this.
std::atomic_ref<std::uint64_t> slot(std::uint64_t* at, std::size_t index) noexcept {
  return std::atomic_ref<std::uint64_t>(at[index]);
}

}  // namespace

KeyTable::KeyTable() : chunks_(new std::atomic<KeyEntry*>[k_chunks]()) { publish(make_slots(k_least_bits)); }

KeyTable::~KeyTable() {
  // Entries are trivially destructible: their memory is all there is to give back.
  static_assert(std::is_trivially_destructible_v<KeyEntry>);
  for (std::uint32_t i = 0; i < k_chunks; ++i) {
    auto* chunk = chunks_[i].load(std::memory_order_relaxed);
    if (chunk == nullptr) break;
    ::operator delete(chunk);
  }
}

KeyEntry* KeyTable::entry(std::uint32_t number) const noexcept {
  return chunks_[number >> k_chunk_bits].load(std::memory_order_acquire) + (number & (k_chunk - 1));
}

const KeyEntry* KeyTable::any(const Hash& digest) const noexcept {
  const auto place = place_of(digest);
  const auto& slots = *slots_.load(std::memory_order_acquire);
  const auto mask = slots.size() - 1;
  for (auto at = place.lead >> (64 - slots.bits);; at = (at + 1) & mask) {
    const auto value = slot(slots.at.get(), at).load(std::memory_order_acquire);
    if (value == 0) return nullptr;
    if (value >> 32 != place.tag) continue;
    const auto* found = entry(static_cast<std::uint32_t>(value) - 1);
    if (found->digest == digest) return found;
  }
}

std::unique_ptr<KeyTable::Slots> KeyTable::make_slots(unsigned bits) {
  auto slots = std::make_unique<Slots>();
  slots->bits = bits;
  slots->at.reset(static_cast<std::uint64_t*>(std::calloc(std::size_t{1} << bits, sizeof(std::uint64_t))));
  if (!slots->at) throw std::bad_alloc();
  return slots;
}

void KeyTable::put(Slots& slots, const Hash& digest, std::uint32_t number) noexcept {
  const auto place = place_of(digest);
  const auto mask = slots.size() - 1;
  auto at = place.lead >> (64 - slots.bits);
  while (slot(slots.at.get(), at).load(std::memory_order_relaxed) != 0) at = (at + 1) & mask;
  slot(slots.at.get(), at).store(place.tag << 32 | (number + 1), std::memory_order_release);
}

void KeyTable::publish(std::unique_ptr<Slots> slots) {
  slots_.store(slots.get(), std::memory_order_release);
  all_slots_.push_back(std::move(slots));
}

void KeyTable::grow(unsigned bits) {
  auto larger = make_slots(bits);
  const auto& old = *slots_.load(std::memory_order_relaxed);
  // In the old order, so that the new one is filled from its front to its back.
  for (std::size_t i = 0; i < old.size(); ++i) {
    const auto value = slot(old.at.get(), i).load(std::memory_order_relaxed);
    if (value == 0) continue;
    const auto number = static_cast<std::uint32_t>(value) - 1;
    put(*larger, entry(number)->digest, number);
  }
  publish(std::move(larger));
}

void KeyTable::reserve(std::size_t keys) {
  unsigned bits = slots_.load(std::memory_order_relaxed)->bits;
  if (fits(keys, bits)) return;
  while (!fits(keys, bits)) ++bits;
  grow(bits);
}

const KeyEntry& KeyTable::insert(const NewEntry& key) {
  const auto number = count_.load(std::memory_order_relaxed);
  if (number == k_chunk * k_chunks) throw std::bad_alloc();
  auto& chunk = chunks_[number >> k_chunk_bits];
  if (chunk.load(std::memory_order_relaxed) == nullptr) {
    chunk.store(static_cast<KeyEntry*>(::operator new(k_chunk * sizeof(KeyEntry))), std::memory_order_release);
  }
  auto* made = new (entry(number)) KeyEntry{.digest = key.digest,
                                            .id = key.id,
                                            .tenant = key.tenant,
                                            .expires = key.expires,
                                            .last_used = 0,
                                            .kind = key.kind,
                                            .expose_cost = key.expose_cost,
                                            .revoked = false};
  count_.store(number + 1, std::memory_order_release);
  reserve(std::size_t{number} + 1);
  put(*slots_.load(std::memory_order_relaxed), key.digest, number);
  return *made;
}

void KeyTable::revoke(const Hash& digest) noexcept {
  if (const auto* found = any(digest)) const_cast<KeyEntry*>(found)->revoked.store(true, std::memory_order_release);
}

std::size_t KeyTable::bytes() const noexcept {
  std::size_t bytes = k_chunks * sizeof(KeyEntry*);
  for (const auto& slots : all_slots_) bytes += slots->size() * sizeof(std::uint64_t);
  for (std::uint32_t i = 0; i < k_chunks && chunks_[i].load() != nullptr; ++i) bytes += k_chunk * sizeof(KeyEntry);
  return bytes;
}

}  // namespace talon::vault
