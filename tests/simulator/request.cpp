// Finds requests in bytes; see request.h.
#include "tests/simulator/request.h"

#include <charconv>

namespace talon::simulator {
namespace {

char lower(char c) { return (c >= 'A' && c <= 'Z') ? static_cast<char>(c + 32) : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

/// Decodes a chunked body at the front of `rest`; the trailer section is skipped.
Parsed decode_chunks(std::string_view rest, std::string& body, std::size_t& used) {
  std::size_t at = 0;
  for (;;) {
    const std::size_t end = rest.find("\r\n", at);
    if (end == std::string_view::npos) return Parsed::need_more;
    std::size_t size = 0;
    const auto [last, failed] = std::from_chars(rest.data() + at, rest.data() + end, size, 16);
    if (failed != std::errc{} || last == rest.data() + at) return Parsed::bad;
    at = end + 2;
    if (size == 0) break;
    if (size > rest.size() || rest.size() - at < size + 2) return Parsed::need_more;
    body.append(rest, at, size);
    at += size + 2;
  }
  for (;;) {
    const std::size_t end = rest.find("\r\n", at);
    if (end == std::string_view::npos) return Parsed::need_more;
    const bool last_line = end == at;
    at = end + 2;
    if (last_line) break;
  }
  used = at;
  return Parsed::complete;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

std::string_view Request::path() const {
  const std::string_view all = target;
  return all.substr(0, all.find('?'));
}

Parsed parse_request(std::string_view buffer, Request& out, std::size_t& consumed) {
  const std::size_t head_end = buffer.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return Parsed::need_more;
  const std::string_view head = buffer.substr(0, head_end);
  const std::size_t line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const std::size_t first = line.find(' ');
  const std::size_t second = line.rfind(' ');
  if (first == std::string_view::npos || first == second) return Parsed::bad;

  out.method.assign(line.substr(0, first));
  out.target.assign(line.substr(first + 1, second - first - 1));
  out.headers.clear();
  out.body.clear();
  out.keep_alive = line.substr(second + 1) == "HTTP/1.1";
  out.expects_continue = false;

  std::size_t length = 0;
  bool chunked = false;
  for (std::size_t at = line_end; at != std::string_view::npos && at + 2 < head.size();) {
    const std::size_t start = at + 2;
    at = head.find("\r\n", start);
    const std::string_view field = head.substr(start, at == std::string_view::npos ? at : at - start);
    const std::size_t colon = field.find(':');
    if (colon == std::string_view::npos) return Parsed::bad;
    const std::string_view name = field.substr(0, colon);
    const std::string_view value = trim(field.substr(colon + 1));
    out.headers.emplace_back(name, value);
    if (name.size() == 14 && same_name(name, "content-length")) {
      const auto [last, failed] = std::from_chars(value.data(), value.data() + value.size(), length);
      if (failed != std::errc{} || last != value.data() + value.size()) return Parsed::bad;
    } else if (name.size() == 17 && same_name(name, "transfer-encoding")) {
      chunked = same_name(value, "chunked");
    } else if (name.size() == 10 && same_name(name, "connection")) {
      if (same_name(value, "close")) out.keep_alive = false;
      if (same_name(value, "keep-alive")) out.keep_alive = true;
    } else if (name.size() == 6 && same_name(name, "expect")) {
      out.expects_continue = same_name(value, "100-continue");
    }
  }

  const std::size_t body_at = head_end + 4;
  const std::string_view rest = buffer.substr(body_at);
  if (chunked) {
    std::size_t used = 0;
    const Parsed result = decode_chunks(rest, out.body, used);
    consumed = body_at + used;
    return result == Parsed::need_more ? Parsed::head_only : result;
  }
  if (rest.size() < length) return Parsed::head_only;
  out.body.assign(rest.substr(0, length));
  consumed = body_at + length;
  return Parsed::complete;
}

}  // namespace talon::simulator
