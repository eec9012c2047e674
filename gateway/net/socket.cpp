// See socket.h.
#include "gateway/net/socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <utility>

#include "gateway/net/loop_context.h"

namespace talon::gateway {

using Descriptor = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

struct Socket::Impl final : Waiting {
  Impl(Loop& loop, int fd) : context(loop.context()), descriptor(context.io.get_executor(), fd) {
    next = context.first;
    if (next != nullptr) next->previous = this;
    context.first = this;
  }
  ~Impl() {
    (previous != nullptr ? previous->next : context.first) = next;
    if (next != nullptr) next->previous = previous;
  }

  void interrupt(Wake why) noexcept override {
    if (!waiter || wake != Wake::ready) return;
    wake = why;
    boost::system::error_code ignored;
    descriptor.cancel(ignored);
  }

  Loop::Context& context;
  Descriptor descriptor;
  std::coroutine_handle<> waiter;
  Wake wake = Wake::ready;
  Deadline deadline;
  Impl* previous = nullptr;
  Impl* next = nullptr;
};

void Loop::Context::sweep() {
  // Interrupting only posts completions, so the list does not change under the sweep.
  for (auto* socket = first; socket != nullptr; socket = socket->next) {
    if (socket->waiter && socket->deadline.at != 0 && socket->deadline.at <= now_ms) socket->interrupt(Wake::timeout);
  }
}

bool Socket::Wait::await_ready() noexcept {
  if (interrupts_ != nullptr && interrupts_->reason()) {
    impl_.wake = *interrupts_->reason();
    return true;
  }
  return false;
}

void Socket::Wait::await_suspend(std::coroutine_handle<> waiter) {
  impl_.waiter = waiter;
  impl_.deadline = deadline_;
  if (interrupts_ != nullptr) interrupts_->begin(&impl_);
  const auto kind = kind_ == Kind::read ? Descriptor::wait_read : Descriptor::wait_write;
  impl_.descriptor.async_wait(kind,
                              [impl = &impl_](boost::system::error_code) { std::exchange(impl->waiter, {}).resume(); });
}

Wake Socket::Wait::await_resume() noexcept {
  if (interrupts_ != nullptr) interrupts_->end();
  return std::exchange(impl_.wake, Wake::ready);
}

Socket::Socket(Loop& loop, int descriptor) : impl_(std::make_unique<Impl>(loop, descriptor)) {}
Socket::~Socket() = default;
Socket::Socket(Socket&&) noexcept = default;

Socket::Wait Socket::readable(Deadline deadline, Interrupts* interrupts) noexcept {
  return {*impl_, Wait::Kind::read, deadline, interrupts};
}
Socket::Wait Socket::writable(Deadline deadline, Interrupts* interrupts) noexcept {
  return {*impl_, Wait::Kind::write, deadline, interrupts};
}
void Socket::interrupt(Wake why) noexcept { impl_->interrupt(why); }
int Socket::descriptor() const noexcept { return impl_->descriptor.native_handle(); }

namespace {
IoResult io_result(ssize_t count) noexcept {
  if (count > 0) return {IoResult::Status::done, static_cast<std::size_t>(count)};
  if (count == 0) return {IoResult::Status::end, 0};
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {later ? IoResult::Status::would_block : IoResult::Status::failed, 0};
}
int fd_of(Descriptor& descriptor) noexcept { return descriptor.native_handle(); }
}  // namespace

IoResult Socket::receive(std::span<char> into) noexcept {
  return io_result(::recv(fd_of(impl_->descriptor), into.data(), into.size(), 0));
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
  return io_result(::sendmsg(fd_of(impl_->descriptor), &message, MSG_NOSIGNAL));
}

IoResult Socket::discard(std::size_t most) noexcept {
  std::array<char, 16384> scratch;
  return io_result(::recv(fd_of(impl_->descriptor), scratch.data(), std::min(most, scratch.size()), 0));
}

bool Socket::peer_closed() const noexcept {
  char byte = 0;
  const auto count = ::recv(fd_of(impl_->descriptor), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

bool Socket::quiet() const noexcept {
  char byte = 0;
  return ::recv(fd_of(impl_->descriptor), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

void Socket::finish_sending() noexcept { ::shutdown(fd_of(impl_->descriptor), SHUT_WR); }

void Socket::reset_on_close() noexcept {
  const linger at_once{1, 0};
  ::setsockopt(fd_of(impl_->descriptor), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
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
