// The pure pre-check of a raw head, before the parser sees it. RFC 9112 lets a recipient guess in places
// where two recipients that guess differently can be played against each other (request smuggling); here
// nothing is guessed: a head that more than one reading exists for is refused.
//
// Refused: line ends other than CRLF, NUL and other controls, folded lines (obs-fold), white space before
// a colon, names that are no tokens, more than one or an odd Content-Length, any Transfer-Encoding but
// exactly `chunked`, any on HTTP/1.0, both together, a version other than 1.0 and 1.1; in requests also
// not exactly one Host on 1.1 (more than one on 1.0), a Host that is none, a target outside 0x21–0x7E.
#pragma once

#include <string_view>

#include "core/error.h"

namespace talon::gateway {

/// `raw`: from the first byte of the request line to the blank line, both included, nothing before or
/// after. Error: invalid_request (answer 400 and close), with a sentence naming the rule.
[[nodiscard]] core::Result<void> check_request_head(std::string_view raw);
/// The same for a provider's head. Error: provider_error (answer 502 and close both).
[[nodiscard]] core::Result<void> check_response_head(std::string_view raw);

}  // namespace talon::gateway
