// See exchange.h. Each step is a function of its room; nothing here decides.
#include "gateway/exchange.h"

#include "gateway/exchange_call.h"

namespace talon::gateway {
namespace {

core::Error cannot_record() {
  return {core::Code::vault_unavailable,
          "The call cannot be recorded at the moment, so it is not made; try again later.",
          {}};
}

Connection::Failed too_large(std::uint64_t max_body) {
  return {core::Error{
      core::Code::body_too_large, "This key may send bodies of at most " + std::to_string(max_body) + " bytes.", {}}};
}

Task<> read_failed(Call& call, Connection::Failed failed) {
  call.client.close_after_this();
  if (!failed.error) co_return;
  Refusal refusal{*failed.error};
  co_await answer_refusal(call, std::move(refusal));
}

}  // namespace

Task<> exchange(Worker& worker, Connection& client, SnapshotRef snapshot, const Caller& caller, RouteMatch match,
                std::string request_id) {
  Call call(worker, client, std::move(snapshot), caller, match, std::move(request_id));

  // read: the key is known, so the body may be.
  const auto max_body = static_cast<std::uint64_t>(max_body_of(call.snapshot->loaded.config, caller.policy));
  if (client.head().content_length > max_body) {
    auto failed = too_large(max_body);
    co_return co_await read_failed(call, std::move(failed));
  }
  if (const auto whole = client.body_in_place()) {
    call.body = *whole;
  } else {
    auto failed = co_await client.read_body(max_body);
    if (failed) co_return co_await read_failed(call, std::move(*failed));
    call.body = client.body();
  }

  // attribute, admit, route
  auto refusal = read_and_attribute(call);
  if (!refusal && call.who.client_session) refusal = co_await join_session(call);
  do {
    if (!refusal && call.seat == nullptr) refusal = co_await find_seat(call);
    if (!refusal) refusal = decide(call);
    if (!refusal && call.content_key == nullptr) refusal = co_await open_log(call);
    if (!refusal) refusal = admit(call);
  } while (!refusal && !claim_session(call));
  if (refusal) co_return co_await answer_refusal(call, std::move(*refusal));

  // intent durable; connecting to the provider overlaps the commit.
  JournalWrite intent(worker.port, worker.shared.vault.journal());
  const bool submitted = co_await submit_intent(call, intent);
  if (!submitted) {
    Refusal unrecorded{cannot_record()};
    co_return co_await answer_refusal(call, std::move(unrecorded));
  }
  client.watch_for_leaving(true);
  call.upstream_began = call.now();
  auto connected = co_await check_out(call);
  const auto durable = co_await intent.committed();
  if (durable.state == vault::ItemState::failed) {
    client.close_after_this();
    Refusal unrecorded{cannot_record()};
    co_return co_await answer_refusal(call, std::move(unrecorded));
  }

  // forward, relay, settle, [record durable], respond
  auto answered = co_await forward(call, std::move(connected));
  if (!answered) co_return co_await answer_failure(call, std::move(answered.error()));
  co_await relay(call);
}

Task<> refuse_known(Worker& worker, Connection& client, SnapshotRef snapshot, const Caller& caller, RouteMatch match,
                    std::string request_id, Refusal refusal) {
  Call call(worker, client, std::move(snapshot), caller, match, std::move(request_id));
  co_await answer_refusal(call, std::move(refusal));
}

}  // namespace talon::gateway
