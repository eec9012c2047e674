#include "core/config_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "core/config_report.h"

namespace talon::core {
namespace {

constexpr std::size_t k_max_unix_path = 107;  // sun_path without its closing zero

std::unexpected<Error> refuse(std::string message) { return fail(Code::config_invalid, std::move(message)); }

template <class Integer>
std::optional<Integer> whole_number(std::string_view text, int base = 10) {
  Integer value{};
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, base);
  if (text.empty() || read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return value;
}

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

/// Number and unit of `32MiB`; nullopt for another form, an unknown unit or an overflow.
std::optional<std::int64_t> with_unit(std::string_view text, std::span<const Unit> units) {
  const auto end_of_digits = std::ranges::find_if_not(text, [](char c) { return c >= '0' && c <= '9'; });
  const auto digits = static_cast<std::size_t>(end_of_digits - text.begin());
  const auto number = whole_number<std::int64_t>(text.substr(0, digits));
  const auto unit = std::ranges::find(units, text.substr(digits), &Unit::name);
  std::int64_t product = 0;
  if (!number || unit == units.end() || __builtin_mul_overflow(*number, unit->factor, &product)) return std::nullopt;
  return product;
}

std::string ipv4_bytes(std::string_view text) {
  std::string bytes;
  while (bytes.size() < 4) {
    const auto dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    const auto value = whole_number<std::uint8_t>(part);
    if (!value || (part.size() > 1 && part[0] == '0')) return {};
    bytes += static_cast<char>(*value);
    if (dot == std::string_view::npos) return bytes.size() == 4 ? bytes : "";
    text.remove_prefix(dot + 1);
  }
  return {};
}

/// The bytes of colon-separated groups without "::"; the last may be an IPv4 address.
enum class Tail { hex_only, may_be_ipv4 };
std::optional<std::string> ipv6_groups(std::string_view text, Tail tail) {
  std::string bytes;
  while (!text.empty()) {
    const auto colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (tail == Tail::may_be_ipv4 && colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
      const std::string v4 = ipv4_bytes(group);
      if (v4.empty()) return std::nullopt;
      return bytes + v4;
    }
    const auto value = whole_number<std::uint16_t>(group, 16);
    if (!value || group.size() > 4) return std::nullopt;
    bytes += static_cast<char>(*value >> 8);
    bytes += static_cast<char>(*value & 0xff);
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;
  }
  return bytes;
}

std::string ipv6_bytes(std::string_view text) {
  const auto gap = text.find("::");
  if (gap == std::string_view::npos) {
    const auto all = ipv6_groups(text, Tail::may_be_ipv4);
    return all && all->size() == 16 ? *all : "";
  }
  const auto head = ipv6_groups(text.substr(0, gap), Tail::hex_only);
  const auto tail = ipv6_groups(text.substr(gap + 2), Tail::may_be_ipv4);
  if (!head || !tail || head->size() % 2 != 0 || head->size() + tail->size() > 14) return {};
  return *head + std::string(16 - head->size() - tail->size(), '\0') + *tail;
}

/// `host:port` or `[v6]:port`, brackets taken off.
std::optional<std::pair<std::string, std::string>> split_host_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || !text.substr(close + 1).starts_with(':')) return std::nullopt;
    return std::pair(std::string(text.substr(1, close - 1)), std::string(text.substr(close + 2)));
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) return std::nullopt;
  return std::pair(std::string(text.substr(0, colon)), std::string(text.substr(colon + 1)));
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.front() == '-') return false;
  return std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr std::array k_units = {Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000},
                                         Unit{"d", 86'400'000}};
  const auto millis = with_unit(text, k_units);
  if (!millis) return refuse("is a duration such as 500ms, 30s, 10m or 1h, not " + quote(text));
  return std::chrono::milliseconds(*millis);
}

Result<std::int64_t> parse_size(std::string_view text) {
  static constexpr std::array k_units = {Unit{"", 1}, Unit{"B", 1}, Unit{"KiB", 1 << 10}, Unit{"MiB", 1 << 20},
                                         Unit{"GiB", 1 << 30}};
  const auto bytes = with_unit(text, k_units);
  if (!bytes) return refuse("is a size such as 64KiB, 32MiB or 1GiB, not " + quote(text));
  return *bytes;
}

Result<std::int64_t> parse_count(std::string_view text, std::int64_t least, std::int64_t most) {
  const auto count = whole_number<std::int64_t>(text);
  if (!count || *count < least || *count > most) {
    return refuse("is a whole number between " + std::to_string(least) + " and " + std::to_string(most) + ", not " +
                  quote(text));
  }
  return *count;
}

std::string ip_bytes(std::string_view text) {
  return text.find(':') == std::string_view::npos ? ipv4_bytes(text) : ipv6_bytes(text);
}

Result<ListenAddress> parse_listen(std::string_view text) {
  ListenAddress address;
  address.text = std::string(text);
  if (text.starts_with("unix:")) {
    address.unix_path = std::string(text.substr(5));
    if (!address.unix_path.starts_with('/') || address.unix_path.size() > k_max_unix_path) {
      return refuse("names a unix socket as unix:/absolute/path of at most 107 bytes, not " + quote(text));
    }
    return address;
  }
  const auto parts = split_host_port(text);
  const auto port = parts ? whole_number<std::uint16_t>(parts->second) : std::nullopt;
  if (!port) return refuse(R"(is "host:port", "[ipv6]:port" or "unix:/path", not )" + quote(text));
  address.host = parts->first == "localhost" ? "127.0.0.1" : parts->first;
  address.port = *port;
  const std::size_t length = ip_bytes(address.host).size();
  // Brackets belong to IPv6 and to nothing else.
  if (length == 0 || text.starts_with('[') != (length == 16)) {
    return refuse(
        "needs an IP address before the port (127.0.0.1 for this machine alone, 0.0.0.0 for all interfaces), not " +
        quote(text));
  }
  return address;
}

std::string listen_identity(const ListenAddress& address) {
  if (!address.unix_path.empty()) return "unix:" + address.unix_path;
  if (address.port == 0) return {};
  return ip_bytes(address.host) + ':' + std::to_string(address.port);
}

Result<std::string> parse_base_url(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return refuse("begins with https:// or http://, not " +
                  (text.find('@') == std::string_view::npos ? quote(text) : "what stands here"));
  }
  const auto slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  if (authority.find('@') != std::string_view::npos)
    return refuse("must not hold a user name or password; give the key as api_key_file or api_key_env");
  if (rest.find('?') != std::string_view::npos) return refuse("must not hold a query (?…)");
  if (rest.find('#') != std::string_view::npos) return refuse("must not hold a fragment (#…)");
  if (std::ranges::any_of(rest, [](char c) { return c <= ' ' || c >= 0x7f || c == '\\'; })) {
    return refuse("must not hold spaces, controls, backslashes or non-ASCII characters; percent-encode them");
  }
  const auto port_at = authority.starts_with('[') ? authority.find(':', std::min(authority.find(']'), authority.size()))
                                                  : authority.find(':');
  const std::string_view host = authority.substr(0, port_at);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed ? ip_bytes(host.substr(1, host.size() - 2)).size() != 16 : !is_host_name(host))
    return refuse("has no valid host name: " + quote(text));
  if (port_at != std::string_view::npos) {
    const auto port = whole_number<std::uint16_t>(authority.substr(port_at + 1));
    if (!port || *port == 0) return refuse("has a port between 1 and 65535: " + quote(text));
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.find("//") != std::string_view::npos || (std::string(path) + '/').find("/./") != std::string::npos ||
      (std::string(path) + '/').find("/../") != std::string::npos) {
    return refuse("must not hold empty or dot segments in its path: " + quote(text));
  }
  return std::string(text.substr(0, text.size() - rest.size())) + std::string(authority) + std::string(path);
}

}  // namespace talon::core
