// CanonicalScanner: a strict cursor over one canonical line (evidence.md §1). Both the checker and
// the parser, and readers that want only a few members, are walks with it.
//
// It owns nothing and allocates nothing; after the first failure every call answers false and
// error() says what and where. Whatever it passed over was canonical.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"

namespace talon::core {

class CanonicalScanner {
 public:
  explicit CanonicalScanner(std::string_view line) noexcept
      : begin_(line.data()), at_(line.data()), end_(line.data() + line.size()) {}

  /// The next byte, or '\0' at the end (which is no canonical byte either).
  [[nodiscard]] char peek() const noexcept { return at_ == end_ ? '\0' : *at_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }

  /// `{` or `[`; counts the depth.
  [[nodiscard]] bool enter(char open) noexcept;
  /// After enter() and after each member or element: true when another one follows (its comma is
  /// taken); false when the container has ended or the line is malformed (see failed()).
  [[nodiscard]] bool next(char close, bool& first) noexcept;
  /// A member's name and its colon; must come after `previous` in byte order. `previous` is updated.
  [[nodiscard]] bool name(std::string_view& previous) noexcept;
  /// A string. `raw` is what stands between the quotes; `escaped` tells whether it holds escapes.
  [[nodiscard]] bool string(std::string_view& raw, bool& escaped) noexcept;
  [[nodiscard]] bool integer(std::int64_t& value) noexcept;
  [[nodiscard]] bool boolean(bool& value) noexcept;
  /// Passes over one value of any type.
  [[nodiscard]] bool skip() noexcept;
  /// The line must end here.
  [[nodiscard]] bool finish() noexcept;

  [[nodiscard]] bool failed() const noexcept { return rule_ != nullptr; }
  /// Precondition: failed().
  [[nodiscard]] Error error() const;
  /// Remembers the first failure; always false.
  bool fail_with(const char* rule) noexcept;

 private:
  const char* begin_;
  const char* at_;
  const char* end_;
  int depth_ = 0;
  const char* rule_ = nullptr;
  const char* failed_at_ = nullptr;
};

/// A raw string's text, escapes undone.
[[nodiscard]] std::string unescape(std::string_view raw, bool escaped);

}  // namespace talon::core
