#include "vault/registry/key_table.h"

#include <sys/mman.h>

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

KeyTable::Pages::Pages(std::size_t size) : at_(MAP_FAILED), size_(size) {
  constexpr std::size_t k_huge = std::size_t{2} << 20;
  const bool huge = size >= 2 * k_huge;
  const auto mapped = huge ? size + k_huge : size;
  at_ = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at_ == MAP_FAILED) throw std::bad_alloc();
  if (!huge) return;
  // Only what is aligned can be a huge page; what was mapped for that goes back.
  auto* const from = static_cast<char*>(at_);
  const auto skip = (k_huge - std::bit_cast<std::uintptr_t>(from) % k_huge) % k_huge;
  if (skip > 0) ::munmap(from, skip);
  at_ = from + skip;
  const auto rounded = (size + 4095) / 4096 * 4096;
  if (skip + rounded < mapped) ::munmap(from + skip + rounded, mapped - skip - rounded);
  ::madvise(at_, size, MADV_HUGEPAGE);
}
KeyTable::Pages::~Pages() { ::munmap(at_, size_); }

KeyTable::KeyTable() : chunks_(new std::atomic<KeyEntry*>[k_chunks]()) {
  publish(std::make_unique<Slots>(k_least_bits));
}

KeyTable::~KeyTable() {
  // Entries are trivially destructible: their memory is all there is to give back.
  static_assert(std::is_trivially_destructible_v<KeyEntry>);
  for (std::uint32_t i = loaded_chunks_; i < k_chunks; ++i) {
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
    const auto value = slot(slots.at(), at).load(std::memory_order_acquire);
    if (value == 0) return nullptr;
    if (value >> 32 != place.tag) continue;
    const auto* found = entry(static_cast<std::uint32_t>(value) - 1);
    if (found->digest == digest) return found;
  }
}

std::uint32_t KeyTable::put(Slots& slots, const Hash& digest, std::uint32_t number) const noexcept {
  const auto place = place_of(digest);
  const auto mask = slots.size() - 1;
  const auto value = place.tag << 32 | (number + 1);
  for (auto at = place.lead >> (64 - slots.bits);; at = (at + 1) & mask) {
    // While keys are loaded others may be after the same slot, and with the same key.
    std::uint64_t there = 0;
    if (slot(slots.at(), at)
            .compare_exchange_strong(there, value, std::memory_order_release, std::memory_order_acquire)) {
      return number;
    }
    const auto other = static_cast<std::uint32_t>(there) - 1;
    if (there >> 32 == place.tag && entry(other)->digest == digest) return other;
  }
}

void KeyTable::publish(std::unique_ptr<Slots> slots) {
  slots_.store(slots.get(), std::memory_order_release);
  all_slots_.push_back(std::move(slots));
}

void KeyTable::grow(unsigned bits) {
  auto larger = std::make_unique<Slots>(bits);
  const auto& old = *slots_.load(std::memory_order_relaxed);
  // In the old order, so that the new one is filled from its front to its back.
  for (std::size_t i = 0; i < old.size(); ++i) {
    const auto value = slot(old.at(), i).load(std::memory_order_relaxed);
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

void KeyTable::begin_load(std::uint32_t keys) {
  next_early_ = keys;
  loading_.store(true, std::memory_order_release);
  if (keys == 0) return;
  if (keys > k_chunk * k_chunks / 2) throw std::bad_alloc();
  reserve(keys);
  loaded_chunks_ = (keys + k_chunk - 1) / k_chunk;
  loaded_.emplace(std::size_t{loaded_chunks_} * k_chunk * sizeof(KeyEntry));
  auto* const first = static_cast<KeyEntry*>(loaded_->at());
  for (std::uint32_t i = 0; i < loaded_chunks_; ++i) {
    chunks_[i].store(first + std::size_t{i} * k_chunk, std::memory_order_release);
  }
}

void KeyTable::load(std::uint32_t number, const NewEntry& key) noexcept {
  make_entry(number, key);
  // One that came early stays what is found; nobody ever finds this.
  if (put(*slots_.load(std::memory_order_relaxed), key.digest, number) != number) {
    entry(number)->revoked.store(true, std::memory_order_relaxed);
  }
}

const KeyEntry* KeyTable::load_early(const NewEntry& key) {
  const std::lock_guard lock(early_);
  if (const auto* there = any(key.digest); there != nullptr || !loading()) return there;
  const auto number = next_early_++;
  add_chunk_of(number);
  make_entry(number, key);
  const auto found = put(*slots_.load(std::memory_order_acquire), key.digest, number);
  if (found != number) entry(number)->revoked.store(true, std::memory_order_relaxed);
  return entry(found);
}

void KeyTable::end_load() {
  const std::lock_guard lock(early_);
  count_.store(next_early_, std::memory_order_release);
  loading_.store(false, std::memory_order_release);
}

void KeyTable::add_chunk_of(std::uint32_t number) {
  if (number >= k_chunk * k_chunks) throw std::bad_alloc();
  auto& chunk = chunks_[number >> k_chunk_bits];
  if (chunk.load(std::memory_order_relaxed) != nullptr) return;
  chunk.store(static_cast<KeyEntry*>(::operator new(k_chunk * sizeof(KeyEntry))), std::memory_order_release);
}

void KeyTable::make_entry(std::uint32_t number, const NewEntry& key) const noexcept {
  new (entry(number)) KeyEntry{.digest = key.digest,
                               .id = key.id,
                               .expires = key.expires,
                               .last_used = 0,
                               .tenant = key.tenant,
                               .kind = key.kind,
                               .expose_cost = key.expose_cost,
                               .revoked = false};
}

const KeyEntry& KeyTable::insert(const NewEntry& key) {
  const auto number = count_.load(std::memory_order_relaxed);
  add_chunk_of(number);
  make_entry(number, key);
  count_.store(number + 1, std::memory_order_release);
  reserve(std::size_t{number} + 1);
  put(*slots_.load(std::memory_order_relaxed), key.digest, number);
  return *entry(number);
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
