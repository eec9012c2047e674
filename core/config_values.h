// The small languages inside talon.yaml: durations, sizes, counts, listening addresses, base URLs.
// Pure functions over text; an error's message finishes the sentence `"KEY" …`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/config.h"
#include "core/error.h"

namespace talon::core {

/// `500ms`, `30s`, `10m`, `1h`, `2d`: a whole number and a unit.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// `65536`, `64KiB`, `32MiB`, `1GiB`: bytes.
[[nodiscard]] Result<std::int64_t> parse_size(std::string_view text);
/// A whole number within bounds.
[[nodiscard]] Result<std::int64_t> parse_count(std::string_view text, std::int64_t least, std::int64_t most);

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` (IPv4 loopback), `unix:/path`. Port 0 lets the
/// system choose. Names are not resolved: a name may stand for another machine tomorrow.
[[nodiscard]] Result<ListenAddress> parse_listen(std::string_view text);
/// Equal for two spellings of one address; empty for port 0, which is a new address each time.
[[nodiscard]] std::string listen_identity(const ListenAddress& address);

/// `http(s)://host[:port][/path]` without credentials, query or fragment; answers it without the
/// trailing slash.
[[nodiscard]] Result<std::string> parse_base_url(std::string_view text);

/// The 4 or 16 bytes of an IP literal (RFC 4291 §2.2 for IPv6, without zone); empty when it is none.
[[nodiscard]] std::string ip_bytes(std::string_view text);

}  // namespace talon::core
