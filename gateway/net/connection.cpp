// See connection.h.
#include "gateway/net/connection.h"

#include <algorithm>

#include "gateway/net/worker.h"

namespace talon::gateway {
namespace {

constexpr std::size_t k_least_room = 4 * 1024;
constexpr std::size_t k_body_room = 256 * 1024;
/// A body may take k_body_time, and a second more for so many bytes of it.
constexpr std::size_t k_slowest_body = 16 * 1024;

core::Error error_of(core::Code code, const char* message) { return core::Error{code, message, std::nullopt}; }

/// A request that did not become whole: what there is to say about it, if anybody listens.
std::optional<core::Error> unfinished(Wake wake, const char* too_late) {
  if (wake == Wake::timeout) return error_of(core::Code::request_timeout, too_late);
  if (wake == Wake::stopping)
    return error_of(core::Code::draining, "This gateway is shutting down; try another one, or again shortly.");
  return std::nullopt;
}

/// Sets a flag for as long as it lives.
class While {
 public:
  explicit While(bool& flag) noexcept : flag_(flag) { flag_ = true; }
  ~While() { flag_ = false; }
  While(const While&) = delete;
  While& operator=(const While&) = delete;

 private:
  bool& flag_;
};

}  // namespace

Connection::Connection(Worker& worker, int descriptor, const Door& door)
    : worker_(worker), socket_(worker.loop, descriptor), serves_(door.serves), share_(worker.shared.bodies) {
  if (door.tls) tls_.emplace(*door.tls, descriptor);
  worker_.joined(*this);
}

Connection::~Connection() {
  if (!reset_) say_goodbye();
  if (space_) worker_.workspaces.give_back(std::move(space_));
  worker_.left(*this);
}

Task<bool> Connection::shake_hands() {
  if (!tls_) co_return true;
  const While reading(reading_);
  const Deadline deadline = worker_.loop.in(k_head_time);
  for (;;) {
    Wake wake = Wake::ready;
    switch (tls_->handshake()) {
      case TlsSession::Step::done:
        co_return true;
      case TlsSession::Step::failed:
        reset_ = true;  // there is no session to take leave of
        co_return false;
      case TlsSession::Step::want_read:
        socket_.read_would_block();
        wake = co_await socket_.readable(deadline, &interrupts);
        break;
      case TlsSession::Step::want_write:
        socket_.write_would_block();
        wake = co_await socket_.writable(deadline, &interrupts);
        break;
    }
    if (wake != Wake::ready) co_return false;
  }
}

IoResult Connection::receive(std::span<char> into) noexcept {
  if (!tls_) [[likely]]
    return socket_.receive(into);
  const auto got = tls_->receive(into);
  if (got.status == IoResult::Status::would_block) socket_.read_would_block();
  return got;
}

void Connection::say_goodbye() noexcept {
  if (tls_) tls_->finish_sending();
  tls_.reset();
}

void Connection::drop_buffers() noexcept {
  if (space_) worker_.workspaces.give_back(std::move(space_));
  share_.clear();
}

Task<Wake> Connection::wait_for_request() {
  if (worker_.draining()) co_return Wake::stopping;
  drop_buffers();
  if (tls_) {
    tls_->rest();
    if (tls_->has_pending()) {  // the next request came in one record with the last one
      space_ = worker_.workspaces.take();
      co_return Wake::ready;
    }
  }
  idle_ = true;
  const Deadline deadline = worker_.loop.in(k_idle_time);
  const Wake wake = co_await socket_.readable(deadline, &interrupts);
  idle_ = false;
  if (wake == Wake::ready) space_ = worker_.workspaces.take();
  co_return wake;
}

Task<std::optional<Connection::Failed>> Connection::read_head() {
  if (!space_ || space_->in.empty()) {
    // Until the first byte the connection idles; what woke it may have been no byte.
    do {
      const Wake wake = co_await wait_for_request();
      if (wake != Wake::ready) co_return Failed{};
      const auto got = receive(space_->in.room(k_least_room));
      if (got.status == IoResult::Status::end || got.status == IoResult::Status::failed) co_return Failed{};
      space_->in.commit(got.count);
    } while (space_->in.empty());
  }
  const While reading(reading_);
  const Deadline deadline = worker_.loop.in(k_head_time);
  for (;;) {
    switch (space_->request.read_head(space_->in)) {
      case ReadState::ready:
        co_return std::nullopt;
      case ReadState::failed:
        co_return Failed{space_->request.error()};
      case ReadState::need_more:
        break;
    }
    const auto got = receive(space_->in.room(k_least_room));
    if (got.status == IoResult::Status::done) {
      space_->in.commit(got.count);
    } else if (got.status == IoResult::Status::would_block) {
      const Wake wake = co_await socket_.readable(deadline, &interrupts);
      if (wake != Wake::ready) co_return Failed{unfinished(wake, "The request head did not arrive in time.")};
    } else {
      co_return Failed{};
    }
  }
}

std::optional<std::string_view> Connection::body_in_place() const noexcept {
  return space_->request.body_in_place(space_->in);
}

Task<std::optional<Connection::Failed>> Connection::read_body(std::uint64_t max_body) {
  const auto overloaded = error_of(core::Code::overloaded, "Too many request bodies are under way; try again shortly.");
  const While reading(reading_);
  const RequestHead& request = head();
  if (request.expects_continue && space_->in.empty()) {
    std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const bool sent = co_await send(std::span(&go_on, 1));
    if (!sent) co_return Failed{};
  }
  // Room grows with what has come, not with what was announced: who sends nothing takes nothing from others.
  const std::uint64_t most = request.framing == Framing::length ? request.content_length : max_body + k_body_room;
  std::uint64_t room_for = 0;
  const std::int64_t began = worker_.loop.now_ms();
  for (;;) {
    switch (space_->request.read_body(space_->in, space_->body, max_body)) {
      case ReadState::ready:
        co_return std::nullopt;
      case ReadState::failed:
        co_return Failed{space_->request.error()};
      case ReadState::need_more:
        break;
    }
    if (const std::uint64_t next = space_->body.size() + k_body_room; next > room_for && room_for < most) {
      room_for = std::min(most, std::max(next, 2 * room_for));
      if (!share_.reach(static_cast<std::int64_t>(room_for))) co_return Failed{overloaded};
      space_->body.reserve(static_cast<std::size_t>(room_for));
    }
    // The rest of a long body in few reads; never more than what is known to come.
    const auto room = std::clamp<std::uint64_t>(space_->request.remaining(), k_least_room, k_body_room);
    const auto got = receive(space_->in.room(static_cast<std::size_t>(room)));
    if (got.status == IoResult::Status::done) {
      space_->in.commit(got.count);
    } else if (got.status == IoResult::Status::would_block) {
      const auto bonus = static_cast<std::int64_t>(space_->body.size() / k_slowest_body) * 1'000;
      const Deadline deadline{began + k_body_time.count() + bonus + Loop::k_tick.count()};
      const Wake wake = co_await socket_.readable(deadline, &interrupts);
      if (wake != Wake::ready) co_return Failed{unfinished(wake, "The request body did not arrive in time.")};
    } else {
      co_return Failed{};
    }
  }
}

void Connection::next_request() {
  space_->request.next(space_->in);
  space_->body.clear();
  space_->body.shrink(Workspace::k_keep);
  share_.clear();
  interrupts.reset();
}

Connection::Sent Connection::send_now(std::span<std::string_view>& pieces) noexcept {
  for (;;) {
    const auto sent = tls_ ? tls_->send(pieces) : socket_.send(pieces);
    if (tls_ && sent.status == IoResult::Status::would_block) socket_.write_would_block();
    if (sent.status == IoResult::Status::would_block) return Sent::blocked;
    if (sent.status != IoResult::Status::done) return Sent::gone;
    if (!advance(pieces, sent.count)) return Sent::all;
  }
}

Task<bool> Connection::send(std::span<std::string_view> pieces) {
  for (;;) {
    const Sent sent = send_now(pieces);
    if (sent != Sent::blocked) co_return sent == Sent::all;
    const Deadline deadline = worker_.loop.in(k_send_time);
    const Wake wake = co_await socket_.writable(deadline, &interrupts);
    if (wake != Wake::ready) co_return false;
  }
}

void Connection::reset_on_close() noexcept {
  reset_ = true;
  keep_ = false;
  socket_.reset_on_close();
}

Task<> Connection::linger(std::size_t most) {
  if (reset_) co_return;
  say_goodbye();
  socket_.finish_sending();
  const Deadline deadline = worker_.loop.in(k_linger_time);
  for (std::size_t seen = 0; seen < most;) {
    const auto got = socket_.discard(most);
    if (got.status == IoResult::Status::done) {
      seen += got.count;
    } else if (got.status == IoResult::Status::would_block) {
      const Wake wake = co_await socket_.readable(deadline, &interrupts);
      if (wake != Wake::ready) co_return;
    } else {
      co_return;
    }
  }
}

}  // namespace talon::gateway
