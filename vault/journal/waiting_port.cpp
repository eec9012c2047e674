#include "vault/journal/waiting_port.h"

namespace talon::vault {

core::Result<ItemResult> commit_and_wait(Journal& journal, std::unique_ptr<JournalItem> item, WhenFull when_full) {
  WaitingPort port;
  item->port = &port;
  const auto refuse = [] {
    return core::fail(core::Code::vault_unavailable, "the vault takes nothing new at present");
  };
  for (;;) {
    if (when_full == WhenFull::refuse && !journal.accepting()) return refuse();
    const auto taken = journal.submit(item);
    if (taken == Submit::queued) break;
    if (taken == Submit::refused) return refuse();
    journal.wait_for_room(port, {});
    if (port.wait().state != ItemState::committed) return refuse();
  }
  const auto result = port.wait();
  if (result.state != ItemState::committed) return refuse();
  return result;
}

}  // namespace talon::vault
