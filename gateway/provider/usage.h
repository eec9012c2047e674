// Usage out of answers: a JSON body's `usage`, or a stream read event by event while it is relayed.
// Sans I/O; one owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/evidence_record.h"

namespace talon::gateway {

/// `usage` of a JSON answer (OpenAI's names; negative counts are clamped to 0). nullopt: none, or no JSON.
/// `body` is followed by k_body_padding readable bytes.
[[nodiscard]] std::optional<core::Usage> usage_of_json(std::string_view body);
/// Does the body parse as one whole JSON value? (An answer without length that parses is complete.)
[[nodiscard]] bool is_whole_json(std::string_view body);

/// Billing by counting, for answers without reported usage: prompt bytes / 3 + max(delta events,
/// content bytes / 4), rounded up.
[[nodiscard]] core::Usage counted_usage(std::size_t prompt_bytes, std::int64_t delta_events,
                                        std::int64_t content_bytes);

/// Relays an OpenAI event stream (WHATWG SSE framing: CR, LF, CRLF; events may span reads). Bytes that
/// need no change go through unchanged; the usage chunk we asked for is removed again, and so is the
/// `"usage":null` that came with it in other chunks; everything from the terminal event on is kept back.
class SseRelay {
 public:
  enum class UsageChunk : std::uint8_t { keep, strip };
  explicit SseRelay(UsageChunk usage_chunk);

  /// Appends to `out` what may go to the client now.
  void feed(std::string_view bytes, std::string& out);
  /// The upstream ended: appends an unfinished last event, if any, to `out`.
  void finish(std::string& out);

  /// `data: [DONE]` was read; held() has it and what followed.
  [[nodiscard]] bool terminal() const noexcept { return terminal_; }
  [[nodiscard]] const std::string& held() const noexcept { return held_; }
  /// The provider sent an `error` event.
  [[nodiscard]] bool error_event() const noexcept { return error_event_; }
  [[nodiscard]] const std::optional<core::Usage>& usage() const noexcept { return usage_; }
  [[nodiscard]] std::int64_t delta_events() const noexcept { return delta_events_; }
  [[nodiscard]] std::int64_t content_bytes() const noexcept { return content_bytes_; }

 private:
  void event(std::string_view raw, std::string& out);
  UsageChunk usage_chunk_;
  std::string pending_;  ///< bytes of an event that has not ended; bounded (8 MiB: then it is passed on as it is)
  std::string held_;
  bool terminal_ = false;
  bool error_event_ = false;
  std::optional<core::Usage> usage_;
  std::int64_t delta_events_ = 0;
  std::int64_t content_bytes_ = 0;
};

}  // namespace talon::gateway
