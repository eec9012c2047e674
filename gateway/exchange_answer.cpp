// exchange: what the ways of answering have in common: heads, framing, commitments, and the answer in our
// own envelope.
#include <array>

#include "gateway/exchange_call.h"
#include "gateway/http/error_envelope.h"
#include "gateway/http/head_writer.h"
#include "gateway/net/respond.h"

namespace talon::gateway {

using core::Code;
using core::Outcome;

core::Hash commit_to(const Call& call, std::string_view name, std::string_view body) {
  vault::BodyCommitment commitment(*call.content_key, call.evidence, name);
  commitment.update(body);
  return commitment.finish();
}

void commit_request(Call& call) {
  call.bodies.key = call.content_key->number;
  call.bodies.request = commit_to(call, "request", call.body);
  if (!call.rewritten.empty() && call.sent) call.bodies.upstream = commit_to(call, "upstream", call.rewritten);
}

core::Usage counted(const Call& call, std::int64_t deltas, std::int64_t content_bytes) {
  return counted_usage(call.free_of_charge ? 0 : call.body.size(), deltas, content_bytes);
}

Ending ending_of(const Call& call, const core::Error& error, Outcome outcome, const std::optional<core::Usage>& usage) {
  Ending ending;
  ending.outcome = error.code == Code::cancelled ? Outcome::cancelled : outcome;
  // The outcome says it all; `cancelled` is no word of the error table.
  if (error.code != Code::cancelled) ending.code = error.code;
  ending.usage = usage;
  if (usage) ending.cost = cost_of_usage(call, *usage);
  return ending;
}

void give_up(Call& call, const core::Error& error) {
  if (error.code != Code::cancelled) call.attempts.back().error = error.code;
  call.upstream_ended = call.now();
  call.upstream.reset();
}

bool is_rate_field(std::string_view name) {
  constexpr std::string_view k_prefix = "x-ratelimit-";
  return name.size() >= k_prefix.size() && equal_names(name.substr(0, k_prefix.size()), k_prefix);
}

void write_client_head(Call& call, BodyFraming framing, std::uint64_t length,
                       const std::optional<core::NanoUsd>& cost) {
  const ResponseHead& from = call.space().response.head();
  std::string& out = call.space().client_head;
  out.clear();
  begin_head(out, from.status);
  for (const Field& field : from.fields) {
    if (call.rate && is_rate_field(field.name)) continue;  // the tenant's own stand there
    if (passes_to_client(field, call.credential_owner())) add_field(out, field.name, field.value);
  }
  add_call_fields(out, call, cost);
  if (framing == BodyFraming::length) add_field(out, "Content-Length", length);
  if (framing == BodyFraming::chunked) add_field(out, "Transfer-Encoding", "chunked");
  if (framing == BodyFraming::until_close) call.client.close_after_this();
  if (call.worker.draining()) call.client.close_after_this();
  add_connection_field(out, call.client, call.head().minor_version);
  end_head(out);
}

BodyFraming unknown_length(const Call& call) {
  return call.head().minor_version == 0 ? BodyFraming::until_close : BodyFraming::chunked;
}

void note_first_content(Call& call) {
  if (!call.ttft) call.ttft = call.since(call.began);
}

Task<bool> send_body(Call& call, BodyFraming framing, std::string_view bytes, std::string_view head,
                     std::string_view after) {
  std::string size;
  const bool chunk = framing == BodyFraming::chunked && !bytes.empty();
  if (chunk) append_chunk_size(size, bytes.size());
  std::array<std::string_view, 5> pieces{head, size, bytes, chunk ? k_chunk_end : std::string_view{}, after};
  co_await call.worker.loop.turns_end();
  const bool sent = co_await call.client.send(pieces);
  co_return sent;
}

void note_sent(Call& call, bool sent, vault::BodyCommitment& commitment, std::string_view bytes) {
  if (sent) {
    commitment.update(bytes);
    call.head_sent = true;
  } else {
    call.client.interrupts.interrupt(Wake::gone);
  }
}

Task<> answer_envelope(Call& call, Refusal refusal, Ending ending) {
  Response response = to_response(refusal, call.request_id);
  // Who left before the first byte of an answer got none: the record claims none.
  const bool gone = call.client.interrupts.reason() == Wake::gone;
  if (!gone) ending.status = response.status;
  if (!gone && call.content_key != nullptr) call.bodies.response = commit_to(call, "response", response.body);
  const bool recorded = co_await settle(call, ending);
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

Task<> answer_failure(Call& call, core::Error error) {
  call.upstream.reset();
  commit_request(call);
  // Refused: nothing was sent, nothing is owed. After that a timeout or a cut is counted.
  const auto usage = call.sent && !call.free_of_charge
                         ? std::optional(counted(call, 0, static_cast<std::int64_t>(call.received)))
                         : std::nullopt;
  Ending ending = ending_of(call, error, Outcome::failed, usage);
  Refusal refusal{std::move(error)};
  co_await answer_envelope(call, std::move(refusal), ending);
}

}  // namespace talon::gateway
