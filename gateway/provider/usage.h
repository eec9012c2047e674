// Usage out of answers: a JSON body's `usage`, or a stream read event by event while it is relayed.
// Sans I/O; one owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/evidence_record.h"

namespace talon::gateway {

/// `usage` of a JSON answer (OpenAI's names). nullopt: none, no JSON, or counts that
/// make no sense (negative, fractional, text, beyond a billion): then it is counted instead.
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
/// Whole events only: what a client has got at any moment ends where an event ends.
class SseRelay {
 public:
  enum class UsageChunk : std::uint8_t { keep, strip };
  explicit SseRelay(UsageChunk usage_chunk) : usage_chunk_(usage_chunk) {}

  /// Appends to `out` what may go to the client now. In a read of whole events that need no change the
  /// bytes are copied once, in one piece.
  void feed(std::string_view bytes, std::string& out);
  /// The upstream ended. An unfinished last event that is whole but for its blank line is appended to
  /// `out` with the line ends it lacks, so that an error event may follow; one that was cut inside its
  /// JSON is dropped (no client could read it, and it would spoil what follows).
  void finish(std::string& out);

  /// `data: [DONE]` was read (or the Responses API's last event); held() has it and what followed.
  [[nodiscard]] bool terminal() const noexcept { return terminal_; }
  [[nodiscard]] const std::string& held() const noexcept { return held_; }
  /// The provider sent an `error` event.
  [[nodiscard]] bool error_event() const noexcept { return error_event_; }
  [[nodiscard]] const std::optional<core::Usage>& usage() const noexcept { return usage_; }
  [[nodiscard]] std::int64_t delta_events() const noexcept { return delta_events_; }
  [[nodiscard]] std::int64_t content_bytes() const noexcept { return content_bytes_; }

 private:
  enum class Verdict : std::uint8_t { pass, strip, edited, terminal };
  /// Reads one event (its blank line included, if it has one). `edited`: scratch_ has what goes out.
  Verdict event(std::string_view raw);
  Verdict judge(std::string_view raw, std::string_view data, bool may_edit);
  /// The event's data, and whether it stands in one piece inside `raw`.
  std::string_view data_of(std::string_view raw, bool& in_one_piece);
  /// Relays all whole events of `bytes`; answers how many bytes they were.
  std::size_t relay(std::string_view bytes, std::string& out);
  /// The end of the first event at or after the place scanned so far; npos: it has not ended.
  std::size_t find_end(std::string_view bytes);
  void hold(std::string_view bytes);

  UsageChunk usage_chunk_;
  std::string pending_;  ///< bytes of an event that has not ended; bounded (8 MiB: then it is passed on as it is)
  std::string held_;     ///< bounded (1 MiB: what follows a terminal event is nothing a client waits for)
  std::string scratch_;
  std::size_t scanned_ = 0;     ///< of the bytes at hand
  bool line_start_ = true;      ///< the place scanned so far is the beginning of a line
  bool lf_may_follow_ = false;  ///< the last event ended in CR; an LF that comes next belongs to it
  bool lf_is_dropped_ = false;  ///< … and went with it
  bool oversize_ = false;       ///< the event at hand is over the bound: its bytes pass unread
  bool terminal_ = false;
  bool error_event_ = false;
  std::optional<core::Usage> usage_;
  std::int64_t delta_events_ = 0;
  std::int64_t content_bytes_ = 0;
};

}  // namespace talon::gateway
