// The HTTP/1.x codec: bytes in, heads and bodies out. Sans I/O: whoever owns the socket fills a buffer
// and calls again. Two readers, one for each leg; both are reused from message to message.
//
//   while ((state = reader.read_head(in)) == ReadState::need_more) fill(in);
//   use(reader.head());                                  // views live until next()
//   if (auto body = reader.body_in_place(in)) …          // the usual small call: no copy
//   else while ((state = reader.read_body(in, out)) == ReadState::need_more) fill(in);
//   reader.next(in);
//
// Every head passes head_check.h first, then Beast's parser (RFC 9112).
// Feeding byte by byte gives the same as feeding at once. What follows a message stays in the buffer
// (pipelining). Bounds: k_max_head for a head, `max_body` for a decoded body, k_max_chunk_line for
// the line before a chunk and for the trailer, which is read and forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "gateway/http/byte_buffer.h"
#include "gateway/http/chunk_decoder.h"
#include "gateway/http/message.h"

namespace talon::gateway {

inline constexpr std::size_t k_max_head = 32 * 1024;

enum class ReadState : std::uint8_t {
  need_more,  ///< all that was there has been used; read more and call again
  ready,      ///< the head, or the body, is whole
  failed,     ///< error() says why; the connection cannot go on
};

/// Reads one request after the other.
class RequestReader {
 public:
  RequestReader();
  ~RequestReader();
  RequestReader(RequestReader&&) noexcept;
  RequestReader& operator=(RequestReader&&) noexcept;

  /// Takes a whole head off `in`, skipping empty lines before it.
  /// Errors: Code::invalid_request; Code::body_too_large for a head over k_max_head.
  [[nodiscard]] ReadState read_head(ByteBuffer& in);
  [[nodiscard]] const RequestHead& head() const noexcept;

  /// The whole body where it lies in `in`, if it is of a known length and all there. It stays in `in`
  /// until next(in); until then `in` must not be filled.
  [[nodiscard]] std::optional<std::string_view> body_in_place(const ByteBuffer& in) const noexcept;
  /// Moves decoded bytes from `in` to the end of `body`.
  /// Errors: Code::invalid_request; Code::body_too_large beyond `max_body`.
  [[nodiscard]] ReadState read_body(ByteBuffer& in, ByteBuffer& body, std::uint64_t max_body);
  /// Bytes of a body of known length that have not come yet.
  [[nodiscard]] std::uint64_t remaining() const noexcept;

  [[nodiscard]] const core::Error& error() const noexcept;
  /// Forgets the message and what body_in_place showed; the next head may follow in `in`.
  void next(ByteBuffer& in);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Reads one response after the other; every error is Code::provider_error.
class ResponseReader {
 public:
  ResponseReader();
  ~ResponseReader();
  ResponseReader(ResponseReader&&) noexcept;
  ResponseReader& operator=(ResponseReader&&) noexcept;

  enum class BodyExpected : std::uint8_t { yes, no };
  /// Before each message. `no`: the request was a HEAD.
  void begin(BodyExpected expected);
  /// Informational responses (1xx) are skipped, a bounded number of them.
  [[nodiscard]] ReadState read_head(ByteBuffer& in);
  [[nodiscard]] const ResponseHead& head() const noexcept;

  [[nodiscard]] std::optional<std::string_view> body_in_place(const ByteBuffer& in) const noexcept;
  /// Moves decoded bytes from `in` to the end of `body`.
  [[nodiscard]] ReadState read_body(ByteBuffer& in, ByteBuffer& body);
  [[nodiscard]] std::uint64_t remaining() const noexcept;
  /// The provider closed. True: that was the end its framing promised, or the framing promised nothing
  /// (Framing::until_close), where only the content can tell.
  [[nodiscard]] bool end_of_stream() noexcept;

  [[nodiscard]] const core::Error& error() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace talon::gateway
