// exchange: the intent: that a call may be sent to a provider (evidence.md §4).
#include "gateway/exchange_call.h"

namespace talon::gateway {
namespace {

/// The `interrupted` record that this call becomes if Talon dies; begins call.record.
std::unique_ptr<vault::JournalItem> intent_of(Call& call) {
  begin_record(call);
  auto& detail = std::get<core::RequestDetail>(call.record.detail);
  detail.decision.outcome = core::Outcome::interrupted;
  detail.route = core::Route{
      std::nullopt,
      {core::Attempt{call.provider->config.name, std::nullopt, std::nullopt, std::nullopt, std::nullopt, {}}}};
  const bool priced = call.row != nullptr || call.free_of_charge;
  detail.cost = core::Cost{call.held, call.held, priced};

  auto item = std::make_unique<vault::JournalItem>();
  item->kind = vault::ItemKind::intent;
  item->log = call.who.log;
  item->id = call.evidence;
  item->line = core::to_unsequenced_line(call.record);
  item->rollup = rollup_of(call, call.held);
  return item;
}

/// Of a call that went on without it.
std::unique_ptr<vault::JournalItem> late_intent_of(Call& call) {
  auto item = intent_of(call);
  item->under_way = true;
  item->waited = Loop::waited(call.intent);
  return item;
}

vault::Submit submit(Call& call, std::unique_ptr<vault::JournalItem>& item) {
  const auto submitted = call.worker.port.submit(call.worker.shared.vault.journal(), item);
  if (submitted == vault::Submit::queued) call.intent.note_submitted();
  return submitted;
}

Task<bool> submit_now(Call& call, std::unique_ptr<vault::JournalItem> item) {
  RoomWait room(call.worker.shared.vault.journal(), call.worker.port);
  for (;;) {
    const auto submitted = submit(call, item);
    if (submitted != vault::Submit::queue_full) co_return submitted == vault::Submit::queued;
    co_await room;
  }
}

}  // namespace

void LateIntent::run() {
  // No room: new calls wait for it before they begin, this one has its try again.
  auto item = late_intent_of(call_);
  if (submit(call_, item) == vault::Submit::queue_full) call_.worker.loop.defer(*this);
}

Task<bool> submit_intent(Call& call, JournalWrite& write) {
  if (call.worker.strict()) {
    auto item = intent_of(call);
    call.intent.note_submitted();
    const bool queued = co_await write.submit(item);
    co_return queued;
  }
  if (call.worker.port.full()) {
    auto item = intent_of(call);
    const bool queued = co_await submit_now(call, std::move(item));
    co_return queued;
  }
  if (!call.worker.shared.vault.journal().accepting()) co_return false;
  call.worker.loop.defer(call.intent);
  co_return true;
}

Task<> announce(Call& call) {
  if (!call.intent.waiting()) co_return;
  call.worker.loop.forget(call.intent);
  // Refused: the journal has ended, and the record will say so.
  auto item = late_intent_of(call);
  const bool queued = co_await submit_now(call, std::move(item));
  static_cast<void>(queued);
}

}  // namespace talon::gateway
