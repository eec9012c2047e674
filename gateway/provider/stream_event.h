// One event of an OpenAI stream, read for metering: its data as JSON, what it tells about content, usage,
// errors and the stream's end. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/evidence_record.h"

namespace talon::gateway {

struct StreamEvent {
  bool whole_json = false;  ///< the data is one whole JSON object
  bool terminal = false;    ///< `[DONE]`, or the Responses API's last event
  bool error = false;       ///< an `error` member that says something
  bool no_choices = false;  ///< `"choices":[]`: with a usage it is the usage chunk
  std::int64_t deltas = 0;  ///< choices that carry content
  std::int64_t content_bytes = 0;
  std::optional<core::Usage> usage;
  /// `"usage":null` with one comma that belongs to it, as offsets into the data; size 0: there is none.
  std::size_t null_usage_at = 0, null_usage_size = 0;
};

/// `data`: the event's data, lines joined.
[[nodiscard]] StreamEvent read_stream_event(std::string_view data);

}  // namespace talon::gateway
