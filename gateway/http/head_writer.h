// Response heads written by hand into a reused string, to leave in one gather write with the body.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/http/message.h"

namespace talon::gateway {

/// RFC 9110 §15; empty for statuses it does not name.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

/// "HTTP/1.1 200 OK\r\n". Always 1.1, also towards 1.0 clients (RFC 9110 §2.5).
void begin_head(std::string& out, int status);
/// Precondition: neither holds a CR, LF or NUL (values from outside come from checked heads).
void add_field(std::string& out, std::string_view name, std::string_view value);
void add_field(std::string& out, std::string_view name, std::uint64_t value);
inline void end_head(std::string& out) { out += "\r\n"; }

/// "1f4\r\n": goes before a chunk; k_chunk_end after it; k_last_chunk ends the body.
void append_chunk_size(std::string& out, std::size_t size);
inline constexpr std::string_view k_chunk_end = "\r\n";
inline constexpr std::string_view k_last_chunk = "0\r\n\r\n";

}  // namespace talon::gateway
