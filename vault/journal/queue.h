// The journal's queue: many producers, one consumer, bounded by items and bytes, both counted until completion.
//
// A mutex around a vector that the consumer swaps out: producers hold it for a push_back. Every count is under it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "vault/journal/journal.h"

namespace talon::vault {

inline constexpr std::uint64_t k_queue_items = 65'536;
inline constexpr std::uint64_t k_queue_bytes = 64u << 20;

class JournalQueue {
 public:
  using Items = std::vector<std::unique_ptr<JournalItem>>;
  struct Waiter {
    CompletionPort* port;
    std::unique_ptr<JournalItem> item;
  };

  /// Takes the item, or leaves it. `on_queued` runs under the lock: it counts what readers wait for.
  template <class OnQueued>
  [[nodiscard]] Submit push(std::unique_ptr<JournalItem>& item, OnQueued on_queued);
  /// Runs through the port once the queue is half empty; at once when it is.
  void wait_for_room(CompletionPort& port, std::unique_ptr<JournalItem> item);

  /// The consumer's: sleeps until something waits, hurry() or close() was called, or `until`; then, when `linger` is
  /// not zero, until `linger` after the first item fell due, unless hurried, closing or a quarter full.
  void wait(std::chrono::steady_clock::time_point until, std::chrono::microseconds linger);
  /// The oldest items, at most so many and so large.
  [[nodiscard]] Items take(std::size_t max_items, std::uint64_t max_bytes);
  /// What was taken is completed: it no longer counts. Waiters for room are told when it is time.
  void completed(std::uint64_t items, std::uint64_t bytes);

  /// Ends a lingering wait: somebody wants to read what is queued.
  void hurry();
  /// Nothing is accepted any more; the consumer wakes.
  void close();
  [[nodiscard]] bool closed() const;
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> size() const;

  [[nodiscard]] static std::uint64_t bytes_of_item(const JournalItem& item) noexcept;

 private:
  mutable std::mutex guard_;
  std::condition_variable wake_;
  Items waiting_;
  std::size_t taken_ = 0;  ///< of waiting_: handed out already, erased when all are
  std::vector<Waiter> for_room_;
  std::uint64_t items_ = 0, bytes_ = 0;
  std::chrono::steady_clock::time_point first_at_;  ///< when the first that waits fell due
  bool asleep_ = false, lingering_ = false, hurried_ = false, closed_ = false;
};

template <class OnQueued>
Submit JournalQueue::push(std::unique_ptr<JournalItem>& item, OnQueued on_queued) {
  const auto bytes = bytes_of_item(*item);
  const std::lock_guard lock(guard_);
  if (closed_) return Submit::refused;
  if (items_ >= k_queue_items || bytes_ + bytes > k_queue_bytes) return Submit::queue_full;
  ++items_;
  bytes_ += bytes;
  bool sooner = waiting_.size() == taken_;
  if (sooner || item->waited.count > 0) {
    const auto due = std::chrono::steady_clock::now() - std::chrono::microseconds(item->waited.count);
    sooner = sooner || due < first_at_;
    if (sooner) first_at_ = due;
  }
  if (item->kind == ItemKind::barrier) hurried_ = true;
  waiting_.push_back(std::move(item));
  on_queued();
  if (asleep_ || hurried_ || (sooner && lingering_)) wake_.notify_one();
  return Submit::queued;
}

}  // namespace talon::vault
