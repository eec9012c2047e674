// One HTTP/1.1 request as the simulator reads it, and the parser that finds it in a byte buffer.
// The parser is kind on purpose (it is a test tool and a benchmark baseline, not a server for the
// world): it needs a request line, header lines and one of Content-Length or chunked framing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace talon::simulator {

struct Request {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;  /// in order of arrival, names as sent
  std::string body;                                          /// transfer coding removed
  bool keep_alive = true;
  bool expects_continue = false;

  /// First header of that name, compared without case; empty when there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  /// The target without its query.
  [[nodiscard]] std::string_view path() const;
};

enum class Parsed {
  need_more,  ///< the buffer holds less than the request
  head_only,  ///< `out` holds the head, the body is not complete yet
  complete,   ///< `out` holds all of it; `consumed` bytes of the buffer are used up
  bad         ///< not a request this parser understands: answer 400 and close
};

/// Parses the request at the front of `buffer` into `out`. `consumed` is set only for `complete`.
[[nodiscard]] Parsed parse_request(std::string_view buffer, Request& out, std::size_t& consumed);

/// ASCII comparison without case.
[[nodiscard]] bool same_name(std::string_view a, std::string_view b);

}  // namespace talon::simulator
