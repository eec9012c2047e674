// Socket: a non-blocking descriptor and the waits on it. Reading and writing are plain system calls that
// never block; a coroutine waits only when there is nothing to do, and borrows no buffer while it waits.
//
//   const Wake wake = co_await socket.readable(deadline);
//   if (wake == Wake::ready) { const IoResult got = socket.receive(room); … }     // may still would_block
//
// Thread rule: a socket belongs to the loop it was made on. One wait at a time.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "gateway/net/loop.h"

namespace talon::gateway {

/// Why a wait ended.
enum class Wake : std::uint8_t {
  ready,
  timeout,   ///< its deadline passed
  gone,      ///< whoever wanted the result left
  stopping,  ///< the server is being stopped now
};

/// A wait that somebody else can end early.
class Waiting {
 public:
  virtual void interrupt(Wake why) noexcept = 0;

 protected:
  ~Waiting() = default;
};

/// What one request is waiting for, so that the end of its client or of the server can reach it
/// wherever it waits. One owner: the request.
class Interrupts {
 public:
  /// Ends the current wait, and every later one at once.
  void interrupt(Wake why) noexcept {
    if (!reason_) reason_ = why;
    if (current_ != nullptr) current_->interrupt(*reason_);
  }
  [[nodiscard]] std::optional<Wake> reason() const noexcept { return reason_; }
  void begin(Waiting* waiting) noexcept { current_ = waiting; }
  void end() noexcept { current_ = nullptr; }
  void reset() noexcept { reason_.reset(); }

 private:
  Waiting* current_ = nullptr;
  std::optional<Wake> reason_;
};

struct IoResult {
  enum class Status : std::uint8_t { done, would_block, end, failed };
  Status status = Status::done;
  std::size_t count = 0;
};

class Socket {
 public:
  /// Takes the descriptor, which must be non-blocking.
  Socket(Loop& loop, int descriptor);
  ~Socket();
  Socket(Socket&&) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  class Wait {
   public:
    [[nodiscard]] bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> waiter) noexcept;
    [[nodiscard]] Wake await_resume() noexcept;

   private:
    friend class Socket;
    enum class Kind : std::uint8_t { read, write };
    Wait(SocketState& state, Kind kind, Deadline deadline, Interrupts* interrupts) noexcept
        : state_(state), kind_(kind), deadline_(deadline), interrupts_(interrupts) {}
    SocketState& state_;
    Kind kind_;
    Deadline deadline_;
    Interrupts* interrupts_;
  };
  [[nodiscard]] Wait readable(Deadline deadline, Interrupts* interrupts = nullptr) noexcept;
  [[nodiscard]] Wait writable(Deadline deadline, Interrupts* interrupts = nullptr) noexcept;
  /// Ends a wait in progress, if there is one.
  void interrupt(Wake why) noexcept;

  [[nodiscard]] IoResult receive(std::span<char> into) noexcept;
  /// One gather write of at most k_max_pieces pieces; may be partial.
  static constexpr std::size_t k_max_pieces = 8;
  [[nodiscard]] IoResult send(std::span<const std::string_view> pieces) noexcept;
  /// Reads and forgets up to `most` bytes.
  [[nodiscard]] IoResult discard(std::size_t most) noexcept;
  /// Somebody else read (or wrote) the descriptor until it would block: TLS, accept(2).
  void read_would_block() noexcept;
  void write_would_block() noexcept;

  /// Nothing to read and not closed, as far as the loop has heard: what an idle pooled connection
  /// should look like.
  [[nodiscard]] bool quiet() const noexcept;
  [[nodiscard]] bool peer_closed() const noexcept;
  /// From now on the end of the peer's sending interrupts (Wake::gone); nullptr: no more.
  void interrupt_when_peer_closes(Interrupts* interrupts) noexcept;
  void finish_sending() noexcept;
  /// The close will be a reset.
  void reset_on_close() noexcept;
  [[nodiscard]] int descriptor() const noexcept;

 private:
  std::unique_ptr<SocketState> state_;
};

/// Takes `count` bytes off the front of `pieces`, after a partial send. False: nothing is left.
[[nodiscard]] bool advance(std::span<std::string_view>& pieces, std::size_t count) noexcept;

}  // namespace talon::gateway
