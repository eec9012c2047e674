// See journal_port.h.
#include "gateway/net/journal_port.h"

#include <iterator>
#include <utility>

namespace talon::gateway {

void JournalPort::completed(std::vector<std::unique_ptr<vault::JournalItem>> items) noexcept {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = waiting_.empty();
    if (was_empty) {
      waiting_ = std::move(items);
    } else {
      std::move(items.begin(), items.end(), std::back_inserter(waiting_));
    }
  }
  // One hand-over per commit, and none while an earlier one has not run yet.
  if (was_empty) loop_.post([this] { run_completed(); });
}

void JournalPort::run_completed() {
  std::vector<std::unique_ptr<vault::JournalItem>> items;
  {
    const std::lock_guard lock(mutex_);
    items.swap(waiting_);
  }
  outstanding_ -= items.size();
  for (auto& item : items) {
    if (item->done) item->done(item->result);
  }
}

vault::Submit JournalPort::submit(vault::Journal& journal, std::unique_ptr<vault::JournalItem>& item) noexcept {
  item->port = this;
  ++outstanding_;
  const auto submitted = journal.submit(item);
  if (submitted != vault::Submit::queued) --outstanding_;
  full_ = submitted == vault::Submit::queue_full;
  return submitted;
}

vault::Submit JournalWrite::try_submit(std::unique_ptr<vault::JournalItem>& item) noexcept {
  item->done = [this](const vault::ItemResult& result) {
    result_ = result;
    if (waiter_) std::exchange(waiter_, {}).resume();
  };
  const auto submitted = port_.submit(journal_, item);
  submitted_ = submitted == vault::Submit::queued;
  return submitted;
}

Task<bool> JournalWrite::submit(std::unique_ptr<vault::JournalItem>& item) {
  RoomWait room(journal_, port_);
  for (;;) {
    const auto submitted = try_submit(item);
    if (submitted != vault::Submit::queue_full) co_return submitted == vault::Submit::queued;
    co_await room;
  }
}

}  // namespace talon::gateway
