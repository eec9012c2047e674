// exchange: an answer too large to be kept back: it flows, but for its last read, which waits for the
// record (evidence.md §4, "The end of a response").
#include "gateway/exchange_call.h"
#include "gateway/http/head_writer.h"
#include "gateway/provider/usage_scan.h"

namespace talon::gateway {

using core::Code;
using core::Outcome;

Task<> relay_flowing(Call& call) {
  Workspace& space = call.space();
  const ResponseHead& head = space.response.head();
  const bool known = head.framing == Framing::length;
  const auto framing = known ? BodyFraming::length : unknown_length(call);
  vault::BodyCommitment commitment(*call.content_key, call.evidence, "response");
  UsageScan scan;
  std::string& held = space.events;  // the last read
  held.clear();
  co_await announce(call);
  write_client_head(call, framing, head.content_length, std::nullopt);
  std::string_view client_head = space.client_head;

  PieceRead read;
  bool first = true;
  for (;;) {
    // What was kept back so far is there at first; then one read after the other.
    if (!first || space.upstream_body.empty()) read = co_await read_piece(call);
    first = false;
    const auto bytes = space.upstream_body.view();
    scan.feed(bytes);
    if (!bytes.empty() && (!held.empty() || !client_head.empty())) {
      const bool sent = co_await send_body(call, framing, held, client_head, k_nothing);
      note_sent(call, sent, commitment, held);
      client_head = {};
      note_first_content(call);
    }
    if (!bytes.empty()) held.assign(bytes);
    space.upstream_body.clear();
    if (const auto why = call.client.interrupts.reason()) read = PieceRead{Piece::failed, error_of_wake(call, *why)};
    if (read.piece != Piece::more) break;
  }
  call.upstream_ended = call.now();
  if (read.piece == Piece::closed && !scan.whole()) {
    read = PieceRead{Piece::failed, {Code::provider_error, "The provider cut its answer.", {}}};
  }
  // What is held goes out after the record, if all went well; else it never goes.
  if (read.piece != Piece::failed) commitment.update(held);
  if (call.head_sent || read.piece != Piece::failed) call.bodies.response = commitment.finish();

  auto usage = call.free_of_charge ? std::nullopt : scan.usage();
  const bool success = is_success(head.status);
  if (!usage && success && !call.free_of_charge)
    usage = counted(call, 0, scan.content_bytes().value_or(static_cast<std::int64_t>(call.received)));
  Ending ending;
  if (read.piece == Piece::failed) {
    give_up(call, read.error);
    ending = ending_of(call, read.error, Outcome::truncated, usage);
  } else {
    ending.outcome = success ? Outcome::allowed : Outcome::failed;
    if (!success) ending.code = Code::provider_error;
    ending.usage = usage;
    if (usage) ending.cost = cost_of_usage(call, *usage);
  }
  if (call.head_sent || read.piece != Piece::failed) ending.status = head.status;
  const bool recorded = co_await settle(call, ending);
  if (!recorded || read.piece == Piece::failed) {
    // Visibly cut: without its length or its last chunk; a body that ends with the connection is reset.
    if (framing == BodyFraming::until_close) call.client.reset_on_close();
    call.client.close_after_this();
    co_return;
  }
  const auto after = framing == BodyFraming::chunked ? k_last_chunk : k_nothing;
  const bool sent = co_await send_body(call, framing, held, client_head, after);
  if (!sent) call.client.close_after_this();
  give_back_upstream(call, Answer::whole);
}

}  // namespace talon::gateway
