// exchange: forward: the request to the provider, and its answer's head and body back, with every way a
// provider can fail told apart (issue text, "Provider errors").
#include <array>

#include "gateway/exchange_call.h"
#include "gateway/net/parking.h"
#include "gateway/provider/retry.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::size_t k_least_room = 4 * 1024;
constexpr std::size_t k_large_room = 64 * 1024;

core::Error provider_error(const Call& call, std::string_view what) {
  return {Code::provider_error, "The provider \"" + call.provider->config.name + "\" " + std::string(what) + ".", {}};
}

void begin_attempt(Call& call) {
  call.attempt_began = call.now();
  call.attempts.push_back(
      core::Attempt{call.provider->config.name, std::nullopt, std::nullopt, std::nullopt, std::nullopt, {}});
}

void end_attempt(Call& call, const std::optional<core::Error>& error) {
  auto& attempt = call.attempts.back();
  // That the client left is no error of the attempt; the call's outcome says it.
  if (error && error->code != Code::cancelled) attempt.error = error->code;
  attempt.duration = call.since(call.attempt_began);
  call.upstream_ended = call.now();
}

/// Does the request to the provider have a body to announce?
std::optional<std::size_t> announced_length(const Call& call, std::string_view body) {
  if (call.head().framing == Framing::none && body.empty()) {
    const auto method = call.head().method;
    const bool usually_has_one = method == "POST" || method == "PUT" || method == "PATCH";
    return usually_has_one ? std::optional<std::size_t>(0) : std::nullopt;
  }
  return body.size();
}

std::string_view body_to_send(const Call& call) {
  return call.rewritten.empty() ? call.body : std::string_view(call.rewritten);
}

void write_request_head(Call& call) {
  if (!call.view.edits.empty()) call.rewritten = forwarded_body(call.body, call.view);
  std::string& out = call.space().upstream_head;
  out.clear();
  const std::string target = call.proxy ? call.proxy->target : upstream_target(*call.provider, call.endpoint);
  write_upstream_head(out, *call.provider, call.upstream_key(), call.head(), target,
                      announced_length(call, body_to_send(call)), call.traceparent);
}

/// One attempt on call.upstream. `nothing_came`: the connection ended before a byte of an answer.
struct Tried {
  std::optional<core::Error> error;
  bool nothing_came = false;
};

Task<Tried> try_once(Call& call) {
  UpstreamConnection& upstream = *call.upstream;
  Workspace& space = call.space();
  Interrupts& interrupts = call.client.interrupts;

  std::array<std::string_view, 2> all{space.upstream_head, body_to_send(call)};
  std::span<std::string_view> pieces(all);
  call.sent = true;
  call.send_failed = false;
  for (bool more = true; more;) {
    const auto sent = upstream.send(pieces);
    if (sent.status == IoResult::Status::done) {
      more = advance(pieces, sent.count);
    } else if (sent.status == IoResult::Status::would_block) {
      const Deadline deadline = call.silence();
      const Wake wake = co_await upstream.writable(deadline, interrupts);
      if (wake != Wake::ready) co_return Tried{error_of_wake(call, wake)};
    } else {
      // It may have answered before it stopped reading (413, 401): look.
      call.send_failed = true;
      more = false;
    }
  }

  space.upstream_in.clear();
  space.upstream_in.reserve(Workspace::k_buffer);
  space.response.begin(call.head().method == "HEAD" ? ResponseReader::BodyExpected::no
                                                    : ResponseReader::BodyExpected::yes);
  bool any = false;
  for (;;) {
    if (upstream.must_wait()) {
      const Deadline deadline = call.silence();
      const Wake wake = co_await upstream.readable(deadline, interrupts);
      if (wake != Wake::ready) co_return Tried{error_of_wake(call, wake)};
    }
    const auto got = upstream.receive(space.upstream_in.room(k_least_room));
    if (got.status == IoResult::Status::would_block) continue;
    if (got.status != IoResult::Status::done) {
      const char* how = got.status == IoResult::Status::end ? "closed the connection before it answered"
                                                            : "reset the connection before it answered";
      co_return Tried{provider_error(call, how), !any};
    }
    if (!any) call.attempts.back().ttfb = call.since(call.attempt_began);
    any = true;
    space.upstream_in.commit(got.count);
    const auto state = space.response.read_head(space.upstream_in);
    if (state == ReadState::ready) co_return Tried{};
    if (state == ReadState::failed) co_return Tried{space.response.error()};
  }
}

Task<core::Result<void>> connect_anew(Call& call) {
  const PoolKey key = call.pool_key();
  auto made = co_await call.worker.pools.connect(*call.provider, key, call.client.interrupts);
  if (!made) {
    auto error = std::move(made.error());
    // The client left, or the server stops: say which.
    if (const auto why = call.client.interrupts.reason()) error = error_of_wake(call, *why);
    end_attempt(call, error);
    co_return core::fail(std::move(error));
  }
  call.upstream = std::move(*made);
  co_return core::Result<void>();
}

/// One answer's head on call.upstream. A pooled connection that the provider had closed is no answer: once more, on a
/// fresh one. What went into the dead one reached nobody.
Task<core::Result<void>> send_and_hear(Call& call) {
  for (;;) {
    const bool reused = call.upstream->reused();
    auto tried = co_await try_once(call);
    if (!tried.error) {
      call.attempts.back().status = call.space().response.head().status;
      co_return core::Result<void>();
    }
    end_attempt(call, *tried.error);
    call.upstream.reset();
    if (!reused || !tried.nothing_came || call.client.interrupts.reason())
      co_return core::fail(std::move(*tried.error));
    call.sent = false;
    begin_attempt(call);
    auto connected = co_await connect_anew(call);
    if (!connected) co_return connected;
  }
}

/// nullopt: what there is, is what the client gets.
std::optional<std::chrono::milliseconds> pause_before_retry(Call& call, const core::Result<void>& answered,
                                                            int retries) {
  std::optional<std::chrono::milliseconds> asked;
  if (answered) {
    const ResponseHead& head = call.space().response.head();
    if (!may_retry_status(head.status)) return std::nullopt;
    asked = retry_after(head.fields, call.worker.shared.clock.now());
  } else if (!may_retry_connect(answered.error().code)) {
    return std::nullopt;
  }
  // Two for one: a try on a dead pooled connection and the one in its place.
  if (call.attempts.size() + 2 > k_max_attempts) return std::nullopt;
  // The whole of it stays within what one silence may last: a client that waits that long waits no longer.
  const std::chrono::milliseconds gone(call.since(call.upstream_began).count / 1'000);
  return retry_pause({call.max_retries(), retries, call.timeout() - gone}, asked, call.worker.random);
}

void note_answer(Call& call) {
  if (call.credential != nullptr)
    call.worker.shared.health.answered(*call.who.tenant, call.credential->id, call.space().response.head().status);
  for (const std::string_view name : {"x-request-id", "request-id"}) {
    if (const auto id = call.space().response.head().fields.find(name)) {
      call.upstream_request_id = *id;
      break;
    }
  }
}

}  // namespace

core::Error error_of_wake(const Call& call, Wake wake) {
  switch (wake) {
    case Wake::timeout:
      return {Code::provider_timeout,
              "The provider \"" + call.provider->config.name + "\" was silent for longer than its timeout.",
              {}};
    case Wake::stopping:
      return {Code::draining, "This gateway is shutting down; the call was ended.", {}};
    default:
      return {Code::cancelled, "The client left.", {}};
  }
}

Task<core::Result<void>> check_out(Call& call) {
  begin_attempt(call);
  call.upstream = call.worker.pools.idle(call.pool_key());
  if (call.upstream) co_return core::Result<void>();
  auto connected = co_await connect_anew(call);
  co_return connected;
}

Task<core::Result<void>> forward(Call& call, core::Result<void> connected) {
  write_request_head(call);
  co_await call.worker.loop.turns_end();
  for (int retries = 0;; ++retries) {
    // The client may have left while the intent was written, or during a pause: then nothing is sent.
    if (const auto why = call.client.interrupts.reason()) {
      auto error = error_of_wake(call, *why);
      if (connected) end_attempt(call, error);
      co_return core::fail(std::move(error));
    }
    core::Result<void> answered = std::move(connected);
    if (answered) answered = co_await send_and_hear(call);
    if (!answered && call.sent) co_return answered;
    const auto wait = pause_before_retry(call, answered, retries);
    if (!wait) {
      if (answered) note_answer(call);
      co_return answered;
    }
    // What was answered is not relayed: its body is not worth reading, and it costs nothing.
    if (answered) end_attempt(call, std::nullopt);
    call.upstream.reset();
    call.sent = false;
    Parking pause(call.worker.loop);
    const Deadline deadline = call.worker.loop.in(*wait);
    const Wake wake = co_await pause.wait(deadline, &call.client.interrupts);
    if (wake != Wake::timeout) co_return core::fail(error_of_wake(call, wake));
    connected = co_await check_out(call);
  }
}

Task<PieceRead> read_piece(Call& call) {
  UpstreamConnection& upstream = *call.upstream;
  Workspace& space = call.space();
  const std::size_t before = space.upstream_body.size();
  for (;;) {
    const auto state = space.response.read_body(space.upstream_in, space.upstream_body);
    call.received += space.upstream_body.size() - before;
    if (state == ReadState::ready) co_return PieceRead{Piece::end, {}};
    if (state == ReadState::failed) co_return PieceRead{Piece::failed, space.response.error()};
    if (space.upstream_body.size() > before) co_return PieceRead{Piece::more, {}};
    if (upstream.must_wait()) {
      const Deadline deadline = call.silence();
      const Wake wake = co_await upstream.readable(deadline, call.client.interrupts);
      if (wake != Wake::ready) co_return PieceRead{Piece::failed, error_of_wake(call, wake)};
    }
    const bool large = space.response.remaining() > k_large_room || call.received > k_large_room;
    const auto got = upstream.receive(space.upstream_in.room(large ? k_large_room : k_least_room));
    if (got.status == IoResult::Status::done) {
      space.upstream_in.commit(got.count);
    } else if (got.status == IoResult::Status::end && space.response.end_of_stream()) {
      co_return PieceRead{Piece::closed, {}};
    } else if (got.status != IoResult::Status::would_block) {
      co_return PieceRead{Piece::failed, provider_error(call, "cut the connection in the middle of its answer")};
    }
  }
}

bool rest_is_there(Call& call) {
  Workspace& space = call.space();
  const auto state = [&] {
    const auto read = space.response.read_body(space.upstream_in, space.upstream_body);
    space.upstream_body.clear();
    return read;
  };
  if (const auto now = state(); now != ReadState::need_more) return now == ReadState::ready;
  const auto got = call.upstream->receive(space.upstream_in.room(k_least_room));
  if (got.status != IoResult::Status::done) return false;
  space.upstream_in.commit(got.count);
  return state() == ReadState::ready;
}

void give_back_upstream(Call& call, Answer answer) {
  const bool reusable = answer == Answer::whole && call.upstream && !call.send_failed &&
                        call.space().response.head().keep_alive && call.space().upstream_in.empty();
  if (reusable) call.worker.pools.release(std::move(call.upstream));
  call.upstream.reset();
}

}  // namespace talon::gateway
