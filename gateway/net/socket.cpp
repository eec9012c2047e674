// See socket.h.
#include "gateway/net/socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "gateway/net/socket_state.h"

namespace talon::gateway {
namespace {

IoResult io_result(ssize_t count) noexcept {
  if (count > 0) return {IoResult::Status::done, static_cast<std::size_t>(count)};
  if (count == 0) return {IoResult::Status::end, 0};
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {later ? IoResult::Status::would_block : IoResult::Status::failed, 0};
}

/// A read that gave less than it could have taken emptied the socket (epoll(7), question 9), unless the
/// peer has closed: then the end is still to be read.
IoResult read_result(SocketState& state, ssize_t count, std::size_t asked) noexcept {
  const auto result = io_result(count);
  const bool emptied = result.status == IoResult::Status::would_block ||
                       (result.status == IoResult::Status::done && result.count < asked && !state.peer_closed);
  if (emptied) state.can_read = false;
  return result;
}

}  // namespace

void SocketState::interrupt(Wake why) noexcept {
  if (!waiter) return;
  wake = why;
  loop.resume_soon(std::exchange(waiter, {}));
}

void SocketState::edges(std::uint32_t events) noexcept {
  const bool over = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (over || (events & (EPOLLIN | EPOLLRDHUP)) != 0) can_read = true;
  if (over || (events & EPOLLOUT) != 0) can_write = true;
  if (over || (events & EPOLLRDHUP) != 0) peer_closed = true;
  if (peer_closed && when_peer_closes != nullptr) std::exchange(when_peer_closes, nullptr)->interrupt(Wake::gone);
  // Resuming may destroy this object: the last thing to do.
  if (waiter && (waits_to_read ? can_read : can_write)) std::exchange(waiter, {}).resume();
}

bool Socket::Wait::await_ready() noexcept {
  if (interrupts_ != nullptr && interrupts_->reason()) {
    state_.wake = *interrupts_->reason();
    return true;
  }
  return kind_ == Kind::read ? state_.can_read : state_.can_write;
}

void Socket::Wait::await_suspend(std::coroutine_handle<> waiter) noexcept {
  state_.waiter = waiter;
  state_.waits_to_read = kind_ == Kind::read;
  state_.deadline = deadline_;
  if (interrupts_ != nullptr) interrupts_->begin(&state_);
}

Wake Socket::Wait::await_resume() noexcept {
  if (interrupts_ != nullptr) interrupts_->end();
  return std::exchange(state_.wake, Wake::ready);
}

Socket::Socket(Loop& loop, int descriptor) : state_(std::make_unique<SocketState>(loop, descriptor)) {
  loop.add(*state_);
}
Socket::~Socket() {
  if (!state_) return;
  state_->loop.remove(*state_);
  ::close(state_->descriptor);
}
Socket::Socket(Socket&&) noexcept = default;

Socket::Wait Socket::readable(Deadline deadline, Interrupts* interrupts) noexcept {
  return {*state_, Wait::Kind::read, deadline, interrupts};
}
Socket::Wait Socket::writable(Deadline deadline, Interrupts* interrupts) noexcept {
  return {*state_, Wait::Kind::write, deadline, interrupts};
}
void Socket::interrupt(Wake why) noexcept { state_->interrupt(why); }
int Socket::descriptor() const noexcept { return state_->descriptor; }
void Socket::read_would_block() noexcept { state_->can_read = state_->peer_closed; }
void Socket::write_would_block() noexcept { state_->can_write = false; }
bool Socket::quiet() const noexcept { return !state_->can_read && !state_->peer_closed; }
bool Socket::peer_closed() const noexcept { return state_->peer_closed; }

void Socket::interrupt_when_peer_closes(Interrupts* interrupts) noexcept {
  state_->when_peer_closes = interrupts;
  if (interrupts == nullptr || !state_->peer_closed) return;
  state_->when_peer_closes = nullptr;
  interrupts->interrupt(Wake::gone);
}

IoResult Socket::receive(std::span<char> into) noexcept {
  return read_result(*state_, ::recv(state_->descriptor, into.data(), into.size(), 0), into.size());
}

IoResult Socket::discard(std::size_t most) noexcept {
  std::array<char, 16384> scratch;
  const std::size_t asked = std::min(most, scratch.size());
  return read_result(*state_, ::recv(state_->descriptor, scratch.data(), asked, 0), asked);
}

IoResult Socket::send(std::span<const std::string_view> pieces) noexcept {
  std::array<iovec, k_max_pieces> vector{};
  std::size_t used = 0;
  for (const auto& piece : pieces.first(std::min(pieces.size(), k_max_pieces))) {
    if (!piece.empty()) vector[used++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  if (used == 0) return {};
  msghdr message{};
  message.msg_iov = vector.data();
  message.msg_iovlen = used;
  const auto result = io_result(::sendmsg(state_->descriptor, &message, MSG_NOSIGNAL));
  if (result.status == IoResult::Status::would_block) state_->can_write = false;
  return result;
}

void Socket::finish_sending() noexcept { ::shutdown(state_->descriptor, SHUT_WR); }

void Socket::reset_on_close() noexcept {
  const linger at_once{1, 0};
  ::setsockopt(state_->descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

bool advance(std::span<std::string_view>& pieces, std::size_t count) noexcept {
  while (!pieces.empty()) {
    if (count < pieces.front().size()) {
      pieces.front().remove_prefix(count);
      return true;
    }
    count -= pieces.front().size();
    pieces = pieces.subspan(1);
  }
  return false;
}

}  // namespace talon::gateway
