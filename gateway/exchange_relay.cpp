// exchange: relay: the provider's answer on its way to the client. Most answers are small: kept back whole,
// they leave with their head after the record, so that the cost in the head is exact.
#include <array>
#include <charconv>

#include "gateway/exchange_call.h"
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

bool is_event_stream(const ResponseHead& head) {
  constexpr std::string_view k_type = "text/event-stream";
  const auto type = head.fields.find("content-type");
  return type && type->size() >= k_type.size() && equal_names(type->substr(0, k_type.size()), k_type);
}

/// The provider's trouble with the operator's credential is not the client's (interfaces.md §3).
std::optional<Refusal> credential_trouble(Call& call) {
  const ResponseHead& head = call.space().response.head();
  if (call.credential != nullptr) return std::nullopt;  // the client's own, who is to know
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
  const bool recorded = co_await settle(call, ending);
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
  co_await call.worker.loop.turns_end();
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

}  // namespace

Task<> relay(Call& call) {
  commit_request(call);
  const ResponseHead& head = call.space().response.head();
  if (auto trouble = credential_trouble(call)) {
    call.upstream.reset();
    call.upstream_ended = call.now();
    Ending ending;
    ending.outcome = Outcome::failed;
    ending.code = trouble->error.code;
    co_return co_await answer_envelope(call, std::move(*trouble), ending);
  }
  if (is_success(head.status) && is_event_stream(head) && call.head().method != "HEAD")
    co_return co_await relay_stream(call);
  auto kept = co_await keep_back(call);
  if (kept.flows) co_return co_await relay_flowing(call);
  if (!kept.cut) co_return co_await relay_kept(call, kept.body);
  // Cut before anything went to the client: our envelope says so.
  const bool timeout = kept.cut->code == Code::provider_timeout;
  const auto outcome = timeout ? Outcome::failed : Outcome::truncated;
  std::optional<core::Usage> usage;
  if (is_success(head.status) && !call.free_of_charge) {
    UsageScan scan;
    scan.feed(kept.body);
    usage = scan.usage();
    if (!usage) usage = counted(call, 0, scan.content_bytes().value_or(static_cast<std::int64_t>(call.received)));
  }
  Ending ending = ending_of(call, *kept.cut, outcome, usage);
  give_up(call, *kept.cut);
  Refusal refusal{std::move(*kept.cut)};
  co_await answer_envelope(call, std::move(refusal), ending);
}

}  // namespace talon::gateway
