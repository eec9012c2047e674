// What crosses between client and provider in heads (RFC 9110 §7.6.1 for hop-by-hop; interfaces.md §3–4 for the rest).
#include <array>
#include <charconv>

#include "gateway/provider/call.h"

namespace talon::gateway {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool starts_with(std::string_view name, std::string_view prefix) noexcept {
  return name.size() >= prefix.size() && equal_names(name.substr(0, prefix.size()), prefix);
}

bool contains(std::string_view name, std::string_view part) noexcept {
  for (std::size_t i = 0; i + part.size() <= name.size(); ++i) {
    if (lower(name[i]) == part.front() && equal_names(name.substr(i, part.size()), part)) return true;
  }
  return false;
}

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) noexcept {
  for (const auto candidate : names) {
    if (candidate.size() == name.size() && lower(name.front()) == candidate.front() && equal_names(name, candidate))
      return true;
  }
  return false;
}

/// Of one connection only (RFC 9110 §7.6.1, and Proxy-Connection, Keep-Alive as found in the field), and framing, which
/// each leg has of its own.
constexpr std::array<std::string_view, 11> k_hop_by_hop = {
    "connection", "keep-alive",        "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "trailers",   "transfer-encoding", "upgrade",          "content-length"};

/// Of ours, of the client's relation to us, or a credential.
constexpr std::array<std::string_view, 12> k_request_stays = {"host",
                                                              "expect",
                                                              "authorization",
                                                              "x-api-key",
                                                              "api-key",
                                                              "x-goog-api-key",
                                                              "cookie",
                                                              "accept-encoding",
                                                              "cookie2",
                                                              "http2-settings",
                                                              "openai-organization",
                                                              "openai-project"};

constexpr std::array<std::string_view, 8> k_response_stays = {
    "set-cookie",       "set-cookie2",    "x-request-id", "request-id", "alt-svc", "strict-transport-security",
    "www-authenticate", "clear-site-data"};

/// Names that the client's Connection field makes hop-by-hop.
bool named_by_connection(const Fields& fields, std::string_view name) noexcept {
  for (const auto& [field, list] : fields) {
    if (!equal_names(field, "connection")) continue;
    for (auto rest = list; !rest.empty();) {
      auto item = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), item.size() + 1));
      while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
      while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
      if (equal_names(item, name)) return true;
    }
  }
  return false;
}

bool crosses_to_provider(const Fields& fields, bool connection_names_any, std::string_view name) noexcept {
  if (name.empty() || is_one_of(name, k_hop_by_hop) || is_one_of(name, k_request_stays) ||
      starts_with(name, "x-talon-"))
    return false;
  return !connection_names_any || !named_by_connection(fields, name);
}

/// Seconds, and few of them: some SDKs sleep as long as they are told (interfaces.md §4).
bool is_short_wait(std::string_view text) {
  constexpr int k_longest = 60;
  int seconds = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, seconds);
  return parsed.ec == std::errc() && parsed.ptr == end && seconds >= 0 && seconds <= k_longest;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

void append_host(std::string& out, const Provider& provider) {
  const bool is_ipv6 = provider.host.find(':') != std::string::npos;
  out += "Host: ";
  if (is_ipv6) out += '[';
  out += provider.host;
  if (is_ipv6) out += ']';
  if (provider.port != (provider.scheme == "https" ? 443 : 80)) out += ':' + std::to_string(provider.port);
  out += "\r\n";
}

}  // namespace

void write_upstream_head(std::string& out, const Provider& provider, const core::Secret& api_key,
                         const RequestHead& head, std::string_view target, std::optional<std::size_t> content_length,
                         std::string_view traceparent) {
  out += head.method;
  out += ' ';
  out += target;
  out += " HTTP/1.1\r\n";
  append_host(out, provider);
  if (!api_key.empty()) {
    out += "Authorization: Bearer ";
    out += api_key.reveal();
    out += "\r\n";
  }
  const bool connection_names_any = head.fields.find("connection").has_value();
  for (const auto& [name, value] : head.fields) {
    if (!crosses_to_provider(head.fields, connection_names_any, name)) continue;
    if (!traceparent.empty() && equal_names(name, "traceparent")) continue;
    append_field(out, name, value);
  }
  if (!traceparent.empty()) append_field(out, "traceparent", traceparent);
  append_field(out, "Accept-Encoding", "identity");
  if (content_length) append_field(out, "Content-Length", std::to_string(*content_length));
  out += "\r\n";
}

bool passes_to_client(const Field& field, CredentialOwner owner) {
  const auto name = field.name;
  if (equal_names(name, "retry-after")) return is_short_wait(field.value);
  if (owner == CredentialOwner::tenant && equal_names(name, "www-authenticate")) return true;
  if (name.empty() || is_one_of(name, k_hop_by_hop) || is_one_of(name, k_response_stays) ||
      starts_with(name, "x-talon-"))
    return false;
  if (owner == CredentialOwner::tenant) return true;
  for (const std::string_view part : {"organization", "ratelimit", "rate-limit", "-project"}) {
    if (contains(name, part)) return false;
  }
  return true;
}

}  // namespace talon::gateway
