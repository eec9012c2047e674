// Connection: one client's connection: requests come off it one after the other, in order, and responses
// go back. The bytes are the codec's, the meaning is exchange.cpp's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "gateway/http/message.h"
#include "gateway/net/address.h"
#include "gateway/net/body_budget.h"
#include "gateway/net/door.h"
#include "gateway/net/socket.h"
#include "gateway/net/task.h"
#include "gateway/net/workspace.h"

namespace talon::gateway {

class Worker;

class Connection {
 public:
  Connection(Worker& worker, int descriptor, const Door& door);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The request being served, and its buffers.
  [[nodiscard]] Workspace& space() noexcept { return *space_; }
  [[nodiscard]] const RequestHead& head() const noexcept { return space_->request.head(); }
  /// What the request waits for; the worker ends it when the client leaves or the server stops.
  Interrupts interrupts;

  /// Before the first request: TLS, where the door has it. False: it did not come to be, or took too long.
  [[nodiscard]] Task<bool> shake_hands();
  /// Which routes are there for this client.
  [[nodiscard]] Serves serves() const noexcept { return serves_; }
  /// Whose failures are counted together (guard/slowing.h); a system call.
  [[nodiscard]] std::string peer() const { return peer_of(socket_.descriptor()); }

  /// How a read ended when not well.
  struct Failed {
    std::optional<core::Error> error;  ///< to be answered; nullopt: nobody to answer
  };
  /// Waits for the next request's head. nullopt: it is there.
  [[nodiscard]] Task<std::optional<Failed>> read_head();
  /// The body when it is all there already: no copy, no wait.
  [[nodiscard]] std::optional<std::string_view> body_in_place() const noexcept;
  /// Reads it otherwise, answering Expect. nullopt: body() has it.
  [[nodiscard]] Task<std::optional<Failed>> read_body(std::uint64_t max_body);
  [[nodiscard]] std::string_view body() const noexcept { return space_->body.view(); }
  /// The request is over; what follows it in the buffer is the next one.
  void next_request();

  enum class Sent : std::uint8_t { all, blocked, gone };
  /// One gather write, without waiting. `pieces` shrinks to what is left.
  [[nodiscard]] Sent send_now(std::span<std::string_view>& pieces) noexcept;
  /// Sends all, waiting for the client as long as it takes something. False: gone.
  [[nodiscard]] Task<bool> send(std::span<std::string_view> pieces);
  /// Gives back the request's buffers; nothing but send() and linger() may follow.
  void drop_buffers() noexcept;
  /// Ends our side and reads what is still under way to us, so that the client gets to read our last
  /// words (a close with unread bytes would be a reset). At most `most` bytes and k_linger_time.
  [[nodiscard]] Task<> linger(std::size_t most);

  /// A close that cannot be taken for a good end: for bodies that end with the connection.
  void reset_on_close() noexcept;

  /// From here on the connection ends after this response.
  void close_after_this() noexcept { keep_ = false; }
  [[nodiscard]] bool keeps() const noexcept { return keep_; }
  /// While set, the end of the client's sending interrupts: it left.
  void watch_for_leaving(bool on) noexcept { socket_.interrupt_when_peer_closes(on ? &interrupts : nullptr); }

 private:
  friend class Worker;
  [[nodiscard]] Task<Wake> wait_for_request();
  [[nodiscard]] IoResult receive(std::span<char> into) noexcept;
  void say_goodbye() noexcept;
  Worker& worker_;
  Socket socket_;
  std::optional<TlsSession> tls_;
  Serves serves_;
  std::unique_ptr<Workspace> space_;
  BodyShare share_;
  bool keep_ = true;
  bool reset_ = false;
  bool reading_ = false;  ///< a request that is not whole yet: a drain waits for it a short time only
  bool idle_ = false;
  Connection* previous_ = nullptr;
  Connection* next_ = nullptr;
};

/// Serves one client until it leaves; gateway/net/serve_connection.cpp.
[[nodiscard]] Task<> serve_connection(Worker& worker, int descriptor, std::size_t door);

}  // namespace talon::gateway
