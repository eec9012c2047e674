#include "vault/journal/queue.h"

#include <algorithm>

namespace talon::vault {

std::uint64_t JournalQueue::bytes_of_item(const JournalItem& item) noexcept {
  const auto& rollup = item.rollup;
  return sizeof(JournalItem) + item.line.size() + rollup.caller.size() + rollup.provider.size() + rollup.model.size() +
         rollup.session.size();
}

namespace {
void tell(CompletionPort& port, std::unique_ptr<JournalItem> item) {
  std::vector<std::unique_ptr<JournalItem>> list;
  list.push_back(std::move(item));
  port.completed(std::move(list));
}
}  // namespace

void JournalQueue::wait_for_room(CompletionPort& port, std::unique_ptr<JournalItem> item) {
  {
    const std::lock_guard lock(guard_);
    if (!closed_ && (items_ > k_queue_items / 2 || bytes_ > k_queue_bytes / 2)) {
      for_room_.push_back({&port, std::move(item)});
      return;
    }
    item->result.state = closed_ ? ItemState::failed : ItemState::committed;
  }
  tell(port, std::move(item));
}

void JournalQueue::wait(std::chrono::steady_clock::time_point until, std::chrono::microseconds linger) {
  std::unique_lock lock(guard_);
  const auto sleep_until = [&](std::chrono::steady_clock::time_point when, const auto& ready) {
    asleep_ = true;
    wake_.wait_until(lock, when, ready);
    asleep_ = false;
  };
  const auto something = [&] { return waiting_.size() > taken_ || closed_; };
  if (!something()) sleep_until(until, something);
  if (linger.count() == 0 || closed_ || waiting_.size() == taken_) return;
  const auto enough = [&] { return closed_ || hurried_ || items_ >= k_queue_items / 4 || bytes_ >= k_queue_bytes / 4; };
  // Items that come while it lingers would wake it for nothing: it is not marked asleep.
  lingering_ = true;
  while (!enough() && std::chrono::steady_clock::now() < first_at_ + linger) wake_.wait_until(lock, first_at_ + linger);
  lingering_ = false;
}

JournalQueue::Items JournalQueue::take(std::size_t max_items, std::uint64_t max_bytes) {
  const std::lock_guard lock(guard_);
  Items out;
  hurried_ = false;
  if (taken_ == 0 && waiting_.size() <= max_items && bytes_ <= max_bytes) {
    out.swap(waiting_);
    return out;
  }
  std::uint64_t bytes = 0;
  while (taken_ < waiting_.size() && out.size() < max_items) {
    bytes += bytes_of_item(*waiting_[taken_]);
    if (!out.empty() && bytes > max_bytes) break;
    out.push_back(std::move(waiting_[taken_++]));
  }
  if (taken_ == waiting_.size()) {
    waiting_.clear();
    taken_ = 0;
  }
  return out;
}

void JournalQueue::completed(std::uint64_t items, std::uint64_t bytes) {
  std::vector<Waiter> told;
  bool failed = false;
  {
    const std::lock_guard lock(guard_);
    items_ -= items;
    bytes_ -= bytes;
    failed = closed_;
    if (!for_room_.empty() && (closed_ || (items_ <= k_queue_items / 2 && bytes_ <= k_queue_bytes / 2))) {
      told.swap(for_room_);
    }
  }
  for (auto& waiter : told) {
    waiter.item->result.state = failed ? ItemState::failed : ItemState::committed;
    tell(*waiter.port, std::move(waiter.item));
  }
}

void JournalQueue::hurry() {
  const std::lock_guard lock(guard_);
  hurried_ = true;
  wake_.notify_one();
}

void JournalQueue::close() {
  const std::lock_guard lock(guard_);
  closed_ = true;
  wake_.notify_one();
}

bool JournalQueue::closed() const {
  const std::lock_guard lock(guard_);
  return closed_;
}

std::pair<std::uint64_t, std::uint64_t> JournalQueue::size() const {
  const std::lock_guard lock(guard_);
  return {items_, bytes_};
}

}  // namespace talon::vault
