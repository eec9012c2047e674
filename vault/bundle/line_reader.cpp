#include "vault/bundle/line_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/canonical_json.h"

namespace talon::vault {
namespace {

constexpr std::size_t k_buffer = 1 << 20;
static_assert(k_buffer > 2 * core::k_max_line);

}  // namespace

LineReader::LineReader(ByteReader reader)
    : reader_(std::move(reader)),
      buffer_(static_cast<std::size_t>(std::min<std::uint64_t>(k_buffer, reader_.left() + 1)), '\0') {}

core::Result<void> LineReader::fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  searched_ -= begin_;
  begin_ = 0;
  TALON_TRY(got, reader_.read(std::span(buffer_).subspan(end_)));
  exhausted_ = got == 0;
  end_ += got;
  return {};
}

core::Result<LineReader::Next> LineReader::next() {
  for (;;) {
    if (const auto* found = static_cast<const char*>(std::memchr(buffer_.data() + searched_, '\n', end_ - searched_))) {
      const std::string_view line(buffer_.data() + begin_, static_cast<std::size_t>(found - buffer_.data()) - begin_);
      if (line.size() > core::k_max_line) return Next{State::too_long, {}};
      begin_ = searched_ = begin_ + line.size() + 1;
      return Next{State::line, line};
    }
    searched_ = end_;
    if (end_ - begin_ > core::k_max_line) return Next{State::too_long, {}};
    if (exhausted_) return Next{begin_ == end_ ? State::end : State::no_final_newline, {}};
    TALON_TRY_VOID(fill());
  }
}

}  // namespace talon::vault
