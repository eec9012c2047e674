// One thread that hands the journal an item and waits for it: changes made on the admin thread, logs opened at start.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "vault/journal/journal.h"

namespace talon::vault {

/// Drops what completes, and lets one thread wait for one item. It may go as soon as wait() has answered.
class WaitingPort final : public CompletionPort {
 public:
  void completed(std::vector<std::unique_ptr<JournalItem>> items) noexcept override {
    auto result = items.back()->result;
    items.clear();  // what a closure refers to is the waiting thread's
    const std::lock_guard lock(guard_);
    result_ = result;
    wake_.notify_all();
  }
  [[nodiscard]] ItemResult wait() {
    std::unique_lock lock(guard_);
    wake_.wait(lock, [&] { return result_.state != ItemState::waiting; });
    return std::exchange(result_, {});
  }

 private:
  std::mutex guard_;
  std::condition_variable wake_;
  ItemResult result_;
};

/// What to do with a change while the vault is full, when the journal takes only what calls under way need.
enum class WhenFull : std::uint8_t { refuse, submit };

/// Submits and waits until it is durable; waits for room in the queue first where there is none.
/// Error: vault_unavailable when the journal takes nothing new, or could not write it.
[[nodiscard]] core::Result<ItemResult> commit_and_wait(Journal& journal, std::unique_ptr<JournalItem> item,
                                                       WhenFull when_full = WhenFull::refuse);

}  // namespace talon::vault
