// Lines of records.jsonl, streamed through one buffer: no line may be longer than a record may be, so memory is bounded
// whatever the file holds.
#pragma once

#include <string>
#include <string_view>

#include "vault/bundle/byte_source.h"

namespace talon::vault {

class LineReader {
 public:
  enum class State { line, end, too_long, no_final_newline };

  explicit LineReader(ByteReader reader);
  /// The next line without its LF; valid until the next call. After anything but State::line there is no more.
  struct Next {
    State state = State::end;
    std::string_view line;
  };
  [[nodiscard]] core::Result<Next> next();

 private:
  core::Result<void> fill();
  ByteReader reader_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;  ///< of what is unread in the buffer
  std::size_t searched_ = 0;         ///< no LF before this
  bool exhausted_ = false;
};

}  // namespace talon::vault
