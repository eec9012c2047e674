// exchange: relay: the provider's answer on its way to the client, and the place where it waits for its
// record (evidence.md §4, "The end of a response").
#include <array>
#include <charconv>

#include "gateway/exchange_call.h"
#include "gateway/http/error_envelope.h"
#include "gateway/http/head_writer.h"
#include "gateway/net/respond.h"
#include "gateway/provider/stream_event.h"
#include "gateway/provider/usage_scan.h"

namespace talon::gateway {
namespace {

using core::Code;
using core::Outcome;

/// What is kept back whole before the record; longer answers flow, but for their last read.
constexpr std::size_t k_buffered = 1 << 20;
constexpr std::string_view k_nothing{};

bool is_success(int status) { return status / 100 == 2; }

bool is_event_stream(const ResponseHead& head) {
  constexpr std::string_view k_type = "text/event-stream";
  const auto type = head.fields.find("content-type");
  return type && type->size() >= k_type.size() && equal_names(type->substr(0, k_type.size()), k_type);
}

core::Hash commit_to(const Call& call, std::string_view name, std::string_view body) {
  vault::BodyCommitment commitment(*call.content_key, call.evidence, name);
  commitment.update(body);
  return commitment.finish();
}

/// Commitments to what came in and what was sent on.
void commit_request(Call& call) {
  call.bodies.key = call.content_key->number;
  call.bodies.request = commit_to(call, "request", call.body);
  if (!call.rewritten.empty() && call.sent) call.bodies.upstream = commit_to(call, "upstream", call.rewritten);
}

core::Usage counted(const Call& call, std::int64_t deltas, std::int64_t content_bytes) {
  return counted_usage(call.free_of_charge ? 0 : call.body.size(), deltas, content_bytes);
}

/// How a call that did not go well ends in its record.
Ending ending_of(const Call& call, const core::Error& error, Outcome outcome, const std::optional<core::Usage>& usage) {
  Ending ending;
  ending.outcome = error.code == Code::cancelled ? Outcome::cancelled : outcome;
  // The outcome says it all; `cancelled` is no word of the error table.
  if (error.code != Code::cancelled) ending.code = error.code;
  ending.usage = usage;
  if (usage) ending.cost = cost_of_usage(call, *usage);
  return ending;
}

/// The provider's part is over, badly: the call is taken off it at once.
void give_up(Call& call, const core::Error& error) {
  if (error.code != Code::cancelled) call.attempts.back().error = error.code;
  call.upstream_ended = call.now();
  call.upstream.reset();
}

/// The client's head for an answer of the provider.
enum class BodyFraming : std::uint8_t { length, chunked, until_close, none };
void write_client_head(Call& call, BodyFraming framing, std::uint64_t length,
                       const std::optional<core::NanoUsd>& cost) {
  const ResponseHead& from = call.space().response.head();
  std::string& out = call.space().client_head;
  out.clear();
  begin_head(out, from.status);
  for (const Field& field : from.fields) {
    if (passes_to_client(field)) add_field(out, field.name, field.value);
  }
  add_call_fields(out, call, cost);
  if (framing == BodyFraming::length) add_field(out, "Content-Length", length);
  if (framing == BodyFraming::chunked) add_field(out, "Transfer-Encoding", "chunked");
  if (framing == BodyFraming::until_close) call.client.close_after_this();
  if (call.worker.draining()) call.client.close_after_this();
  add_connection_field(out, call.client, call.head().minor_version);
  end_head(out);
}

/// How a body of unknown length goes to this client.
BodyFraming unknown_length(const Call& call) {
  return call.head().minor_version == 0 ? BodyFraming::until_close : BodyFraming::chunked;
}

void note_first_content(Call& call) {
  if (!call.ttft) call.ttft = call.since(call.began);
}

/// Body bytes that may go now, in the client's framing. False: the client is gone.
Task<bool> send_body(Call& call, BodyFraming framing, std::string_view bytes, std::string_view head,
                     std::string_view after) {
  std::string size;
  const bool chunk = framing == BodyFraming::chunked && !bytes.empty();
  if (chunk) append_chunk_size(size, bytes.size());
  std::array<std::string_view, 5> pieces{head, size, bytes, chunk ? k_chunk_end : std::string_view{}, after};
  const bool sent = co_await call.client.send(pieces);
  co_return sent;
}

/// After a part of a body was sent, or not: the record commits to what went out, no further.
void note_sent(Call& call, bool sent, vault::BodyCommitment& commitment, std::string_view bytes) {
  if (sent) {
    commitment.update(bytes);
    call.head_sent = true;
  } else {
    call.client.interrupts.interrupt(Wake::gone);
  }
}

/// The provider's trouble with the operator's credential is not the client's (interfaces.md §3).
std::optional<Refusal> credential_trouble(Call& call) {
  const ResponseHead& head = call.space().response.head();
  const std::string name = "The provider \"" + call.provider->config.name + "\"";
  if (head.status == 401 || head.status == 403) {
    return Refusal{core::Error{Code::provider_auth_failed,
                               name + " refused this gateway's credential; its operator has to look after it.",
                               {}}};
  }
  if (head.status != 429) return std::nullopt;
  Refusal refusal{core::Error{
      Code::provider_rate_limited, name + " is receiving too many requests from this gateway; try again later.", {}}};
  if (const auto after = head.fields.find("retry-after")) {
    int seconds = 0;
    const auto parsed = std::from_chars(after->data(), after->data() + after->size(), seconds);
    if (parsed.ec == std::errc() && parsed.ptr == after->data() + after->size()) refusal.retry_after_seconds = seconds;
  }
  return refusal;
}

/// Settles, then answers in our own envelope.
Task<> answer_envelope(Call& call, Refusal refusal, Ending ending) {
  Response response = to_response(refusal, call.request_id);
  // Who left before the first byte of an answer got none: the record claims none.
  const bool gone = call.client.interrupts.reason() == Wake::gone;
  if (!gone) ending.status = response.status;
  if (!gone && call.content_key != nullptr) call.bodies.response = commit_to(call, "response", response.body);
  const bool recorded = co_await settle(call, std::move(ending));
  if (!recorded || call.client.interrupts.reason() == Wake::gone) {
    call.client.close_after_this();
    co_return;
  }
  response.fields.emplace_back("X-Talon-Evidence-Id", call.evidence.text());
  response.fields.emplace_back("X-Talon-Session-Id", core::percent_encode(call.who.session));
  if (call.who.tenant) response.fields.emplace_back("X-Talon-Tenant-Id", call.who.tenant->percent_encoded());
  response.fields.emplace_back("X-Talon-Provider", field_text(call.provider->config.name));
  if (call.view.model) response.fields.emplace_back("X-Talon-Model", field_text(*call.view.model));
  if (!call.upstream_request_id.empty())
    response.fields.emplace_back("X-Talon-Upstream-Request-Id", call.upstream_request_id);
  // What interrupted the call must not interrupt the answer.
  call.client.interrupts.reset();
  const bool sent = co_await respond(call.worker, call.client, response, call.request_id);
  static_cast<void>(sent);
}

// --- an answer kept back whole --------------------------------------------------------------------

/// Reads up to k_buffered. `flows`: it is longer.
struct Kept {
  std::string_view body;
  bool flows = false;
  std::optional<core::Error> cut;
};
Task<Kept> keep_back(Call& call) {
  Workspace& space = call.space();
  if (const auto whole = space.response.body_in_place(space.upstream_in)) {
    call.received = whole->size();
    co_return Kept{*whole, false, std::nullopt};
  }
  if (space.response.remaining() > k_buffered) co_return Kept{{}, true, std::nullopt};
  if (space.response.remaining() > 0) space.upstream_body.reserve(static_cast<std::size_t>(space.response.remaining()));
  for (;;) {
    auto read = co_await read_piece(call);
    const auto body = space.upstream_body.view();
    if (read.piece == Piece::end) co_return Kept{body, false, std::nullopt};
    if (read.piece == Piece::failed) co_return Kept{body, false, std::move(read.error)};
    if (read.piece == Piece::closed) {
      // Without length or chunks only the content can tell (evidence.md §4).
      if (is_whole_json(body)) co_return Kept{body, false, std::nullopt};
      co_return Kept{
          body, false,
          core::Error{Code::provider_error, "The provider \"" + call.provider->config.name + "\" cut its answer.", {}}};
    }
    if (body.size() > k_buffered) co_return Kept{{}, true, std::nullopt};
  }
}

Task<> relay_kept(Call& call, std::string_view body) {
  const ResponseHead& head = call.space().response.head();
  call.upstream_ended = call.now();
  Ending ending;
  ending.status = head.status;
  ending.usage = call.free_of_charge ? std::nullopt : usage_of_json(body);
  if (!is_success(head.status)) {
    ending.outcome = Outcome::failed;
    ending.code = Code::provider_error;
  } else if (!ending.usage && !call.free_of_charge) {
    const auto event = read_stream_event(body);
    const auto content = event.whole_json ? event.content_bytes : static_cast<std::int64_t>(body.size());
    ending.usage = counted(call, 0, content);
  }
  if (ending.usage) ending.cost = cost_of_usage(call, *ending.usage);
  note_first_content(call);
  call.bodies.response = commit_to(call, "response", body);

  // The cost of an unpriced call is not known, so it is not said.
  const bool priced = call.row != nullptr || call.free_of_charge;
  const auto cost = priced ? std::optional(ending.cost) : std::nullopt;
  const bool recorded = co_await settle(call, std::move(ending));
  if (!recorded) {
    call.client.close_after_this();
    co_return;
  }
  const bool bodiless = call.head().method == "HEAD" || head.status == 204 || head.status == 304;
  const bool says_length =
      !bodiless || (call.head().method == "HEAD" && head.fields.find("content-length").has_value());
  const auto length = bodiless ? head.content_length : body.size();
  write_client_head(call, says_length ? BodyFraming::length : BodyFraming::none, length, cost);
  std::array<std::string_view, 2> all{call.space().client_head, body};
  std::span<std::string_view> pieces(all);
  // The usual end of a call: one gather write, no wait.
  auto sent = call.client.send_now(pieces);
  if (sent == Connection::Sent::blocked) {
    const bool rest = co_await call.client.send(pieces);
    sent = rest ? Connection::Sent::all : Connection::Sent::gone;
  }
  if (sent == Connection::Sent::gone) call.client.close_after_this();
  // `body` may lie in the provider's buffer: it is free from here on.
  if (call.space().response.remaining() > 0) call.space().upstream_in.consume(body.size());
  give_back_upstream(call, Answer::whole);
}

// --- an answer that flows, but for its last read --------------------------------------------------

Task<> relay_flowing(Call& call) {
  Workspace& space = call.space();
  const ResponseHead& head = space.response.head();
  const bool known = head.framing == Framing::length;
  const auto framing = known ? BodyFraming::length : unknown_length(call);
  vault::BodyCommitment commitment(*call.content_key, call.evidence, "response");
  UsageScan scan;
  std::string& held = space.events;  // the last read
  held.clear();
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
  if (!usage && success && !call.free_of_charge) usage = counted(call, 0, static_cast<std::int64_t>(call.received));
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
  const bool recorded = co_await settle(call, std::move(ending));
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

// --- an event stream ------------------------------------------------------------------------------

/// Reported usage, else what was counted on the way.
core::Usage usage_of_stream(const Call& call, const SseRelay& relay) {
  return relay.usage() ? *relay.usage() : counted(call, relay.delta_events(), relay.content_bytes());
}

Task<> relay_stream(Call& call) {
  Workspace& space = call.space();
  const auto framing = unknown_length(call);
  // Then inspect() asked for the usage chunk, and it is not the client's.
  const bool strip = call.endpoint != Endpoint::proxy && call.view.stream && !call.view.client_wants_usage;
  SseRelay relay(strip ? SseRelay::UsageChunk::strip : SseRelay::UsageChunk::keep);
  vault::BodyCommitment commitment(*call.content_key, call.evidence, "response");
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
    if (priced && relay.terminal() && want && equal_names(*want, "cost"))
      last = ": talon-cost-usd " + ending.cost.to_decimal() + "\n\n";
    last += relay.held();
  } else if (!gone) {
    last = to_error_event(read.error, call.request_id);
  }
  commitment.update(last);
  if (call.head_sent || !gone) call.bodies.response = commitment.finish();

  const bool recorded = co_await settle(call, std::move(ending));
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

}  // namespace

Task<> answer_failure(Call& call, core::Error error) {
  call.upstream.reset();
  commit_request(call);
  // Refused: nothing was sent, nothing is owed. After that a timeout or a cut is counted.
  const auto usage = call.sent && !call.free_of_charge
                         ? std::optional(counted(call, 0, static_cast<std::int64_t>(call.received)))
                         : std::nullopt;
  Ending ending = ending_of(call, error, Outcome::failed, usage);
  Refusal refusal{std::move(error)};
  co_await answer_envelope(call, std::move(refusal), std::move(ending));
}

Task<> relay(Call& call) {
  commit_request(call);
  const ResponseHead& head = call.space().response.head();
  if (auto trouble = credential_trouble(call)) {
    call.upstream.reset();
    call.upstream_ended = call.now();
    Ending ending;
    ending.outcome = Outcome::failed;
    ending.code = trouble->error.code;
    co_return co_await answer_envelope(call, std::move(*trouble), std::move(ending));
  }
  if (is_success(head.status) && is_event_stream(head) && call.head().method != "HEAD")
    co_return co_await relay_stream(call);
  auto kept = co_await keep_back(call);
  if (kept.flows) co_return co_await relay_flowing(call);
  if (!kept.cut) co_return co_await relay_kept(call, kept.body);
  // Cut before anything went to the client: our envelope says so.
  const bool timeout = kept.cut->code == Code::provider_timeout;
  const auto outcome = timeout ? Outcome::failed : Outcome::truncated;
  const bool success = is_success(head.status);
  const auto usage = success && !call.free_of_charge
                         ? std::optional(counted(call, 0, static_cast<std::int64_t>(call.received)))
                         : std::nullopt;
  Ending ending = ending_of(call, *kept.cut, outcome, usage);
  give_up(call, *kept.cut);
  Refusal refusal{std::move(*kept.cut)};
  co_await answer_envelope(call, std::move(refusal), std::move(ending));
}

}  // namespace talon::gateway
