// Whose log a number is, learned once: log numbers are never given twice, so what was read stays true.
//
// Any thread: no lock; add() allocates, find() does not.
#pragma once

#include <atomic>
#include <memory>

#include "core/tenant_id.h"
#include "vault/store/tables.h"

namespace talon::vault {

class TenantNames {
 public:
  TenantNames() : chunks_(new std::atomic<Chunk*>[k_chunks]()) {}
  ~TenantNames() {
    for (std::size_t i = 0; i < k_chunks; ++i) delete chunks_[i].load(std::memory_order_relaxed);
  }
  TenantNames(const TenantNames&) = delete;
  TenantNames& operator=(const TenantNames&) = delete;

  /// nullptr: not learned yet.
  [[nodiscard]] const core::TenantId* find(LogNumber log) const noexcept {
    const auto number = static_cast<std::uint32_t>(log);
    if (number >= k_chunks * k_chunk) return nullptr;
    const auto* chunk = chunks_[number / k_chunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk->names[number % k_chunk].load(std::memory_order_acquire);
  }
  void add(LogNumber log, const core::TenantId& name) {
    const auto number = static_cast<std::uint32_t>(log);
    if (number >= k_chunks * k_chunk) return;
    auto& place = chunks_[number / k_chunk];
    auto* chunk = place.load(std::memory_order_acquire);
    if (chunk == nullptr) {
      auto fresh = std::make_unique<Chunk>();
      if (place.compare_exchange_strong(chunk, fresh.get(), std::memory_order_acq_rel)) chunk = fresh.release();
    }
    auto copy = std::make_unique<const core::TenantId>(name);
    const core::TenantId* none = nullptr;
    if (chunk->names[number % k_chunk].compare_exchange_strong(none, copy.get(), std::memory_order_acq_rel)) {
      copy.release();  // NOLINT(bugprone-unused-return-value): the chunk has it now
    }
  }

 private:
  static constexpr std::size_t k_chunk = 1024, k_chunks = 4096;  ///< beyond 4 million logs it is read each time
  struct Chunk {
    std::atomic<const core::TenantId*> names[k_chunk] = {};
    ~Chunk() {
      for (auto& name : names) delete name.load(std::memory_order_relaxed);
    }
  };
  std::unique_ptr<std::atomic<Chunk*>[]> chunks_;
};

}  // namespace talon::vault
