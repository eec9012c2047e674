// exchange: an event stream: all up to the terminal event flows at once; the terminal event and the last
// chunk wait for the record (evidence.md §4). A stream that cannot end well ends in an error event.
#include "gateway/exchange_call.h"
#include "gateway/http/error_envelope.h"
#include "gateway/http/head_writer.h"

namespace talon::gateway {

using core::Code;
using core::Outcome;

namespace {

/// Reported usage, else what was counted on the way.
core::Usage usage_of_stream(const Call& call, const SseRelay& relay) {
  return relay.usage() ? *relay.usage() : counted(call, relay.delta_events(), relay.content_bytes());
}

}  // namespace

Task<> relay_stream(Call& call) {
  Workspace& space = call.space();
  const auto framing = unknown_length(call);
  // Then inspect() asked for the usage chunk, and it is not the client's.
  const bool strip = call.endpoint != Endpoint::proxy && call.view.stream && !call.view.client_wants_usage;
  SseRelay relay(strip ? SseRelay::UsageChunk::strip : SseRelay::UsageChunk::keep);
  vault::BodyCommitment commitment(*call.content_key, call.evidence, "response");
  co_await announce(call);
  write_client_head(call, framing, 0, std::nullopt);
  std::string_view client_head = space.client_head;
  std::string& events = space.events;

  // All up to the terminal event flows at once, the head with the first of it.
  PieceRead read;
  while (read.piece == Piece::more && !relay.terminal()) {
    if (space.upstream_in.empty() && !call.head_sent) {
      const bool sent = co_await send_body(call, framing, k_nothing, client_head, k_nothing);
      note_sent(call, sent, commitment, k_nothing);
      client_head = {};
    }
    read = co_await read_piece(call);
    events.clear();
    relay.feed(space.upstream_body.view(), events);
    space.upstream_body.clear();
    if (read.piece != Piece::more && !relay.terminal()) relay.finish(events);
    if (!events.empty()) {
      note_first_content(call);
      const bool sent = co_await send_body(call, framing, events, client_head, k_nothing);
      note_sent(call, sent, commitment, events);
      client_head = {};
    }
    if (const auto why = call.client.interrupts.reason()) read = PieceRead{Piece::failed, error_of_wake(call, *why)};
  }
  call.upstream_ended = call.now();
  // A stream says itself that it ends; without that, only its framing can.
  if (read.piece == Piece::closed && !relay.terminal()) {
    read = PieceRead{Piece::failed,
                     {Code::provider_error, "The provider \"" + call.provider->config.name + "\" cut its stream.", {}}};
  }
  const bool left_early = call.client.interrupts.reason().has_value();
  const bool ends_well = !left_early && read.piece != Piece::failed && (relay.terminal() || read.piece == Piece::end);

  const auto usage = usage_of_stream(call, relay);
  Ending ending;
  if (!ends_well) {
    give_up(call, read.error);
    ending = ending_of(call, read.error, Outcome::truncated, usage);
  } else {
    ending.outcome = relay.error_event() ? Outcome::failed : Outcome::allowed;
    if (relay.error_event()) ending.code = Code::provider_error;
    ending.usage = usage;
    ending.cost = cost_of_usage(call, usage);
  }
  const bool gone = call.client.interrupts.reason() == Wake::gone;
  if (call.head_sent || !gone) ending.status = space.response.head().status;

  // The last words: a cost comment for who asked, the terminal event; or why there is none.
  std::string last;
  if (ends_well) {
    const bool priced = call.row != nullptr || call.free_of_charge;
    const auto want = call.head().fields.find("x-talon-want");
    if (priced && call.caller.expose_cost && relay.terminal() && want && equal_names(*want, "cost"))
      last = ": talon-cost-usd " + ending.cost.to_decimal() + "\n\n";
    last += relay.held();
  } else if (!gone) {
    last = to_error_event(read.error, call.request_id);
  }
  commitment.update(last);
  if (call.head_sent || !gone) call.bodies.response = commitment.finish();

  const bool recorded = co_await settle(call, ending);
  if (!recorded)
    last =
        to_error_event({Code::vault_unavailable, "The end of this call could not be recorded.", {}}, call.request_id);
  if (!recorded || !ends_well) call.client.close_after_this();
  if (call.client.interrupts.reason() == Wake::gone) co_return;
  call.client.interrupts.reset();
  const bool whole = recorded && ends_well && framing == BodyFraming::chunked;
  const auto after = whole ? k_last_chunk : k_nothing;
  const bool sent = co_await send_body(call, framing, last, client_head, after);
  if (!sent) call.client.close_after_this();
  if (!ends_well || !recorded) co_return;
  // The provider's last chunk has often come a moment after its last event: by now it is there.
  give_back_upstream(call, read.piece == Piece::end || rest_is_there(call) ? Answer::whole : Answer::cut);
}

}  // namespace talon::gateway
