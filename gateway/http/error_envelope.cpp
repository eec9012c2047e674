// The error envelope's bytes, and what each code brings with it.
#include "gateway/http/error_envelope.h"

#include <algorithm>

#include "core/plain_bytes.h"
#include "core/text.h"

namespace talon::gateway {
namespace {

using core::Code;

/// Asking again would not help: every SDK retries 429 and 5xx unless told so (x-should-retry).
bool pointless_to_retry(Code code) {
  switch (core::http_status(code)) {
    case 401:
    case 402:
    case 403:
      return true;
    default:
      return code == Code::no_provider_configured || code == Code::monthly_request_limit_exceeded;
  }
}

std::string envelope(const Refusal& refusal, std::string_view request_id) {
  std::string out = R"({"error":{"type":")";
  out += core::http_type(refusal.error.code);
  out += R"(","code":")";
  out += core::word(refusal.error.code);
  out += R"(","message":)";
  append_json_quoted(out, refusal.error.message);
  for (const auto& [name, value] : refusal.extras) {
    out += ',';
    append_json_quoted(out, name);
    out += ':';
    out += value;
  }
  out += R"(,"request_id":)";
  append_json_quoted(out, request_id);
  out += "}}";
  return out;
}

constexpr int k_longest_retry_after = 60;  // some SDKs sleep as long as they are told

}  // namespace

Response to_response(const Refusal& refusal, std::string_view request_id) {
  Response response;
  response.status = core::http_status(refusal.error.code);
  response.body = envelope(refusal, request_id);
  if (response.status == 401) response.fields.emplace_back("WWW-Authenticate", "Bearer");
  if (pointless_to_retry(refusal.error.code)) response.fields.emplace_back("x-should-retry", "false");
  if (const auto seconds = refusal.retry_after_seconds; seconds && *seconds >= 0 && *seconds <= k_longest_retry_after) {
    response.fields.emplace_back("Retry-After", std::to_string(*seconds));
  }
  response.fields.insert(response.fields.end(), refusal.fields.begin(), refusal.fields.end());
  return response;
}

std::string to_error_event(const core::Error& error, std::string_view request_id) {
  // One data line: the JSON has no line break in it.
  return "data: " + envelope(Refusal{error}, request_id) + "\n\n";
}

void append_json_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view k_hex = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    // Most text is a run of plain ASCII: one copy.
    const auto run = core::plain_run(text);
    out.append(text, 0, run);
    text.remove_prefix(run);
    if (text.empty()) break;
    const auto byte = static_cast<unsigned char>(text.front());
    std::size_t length = 1;
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text.front();
    } else if (byte < 0x20 || byte == 0x7f) {
      if (byte == '\n') {
        out += "\\n";
      } else if (byte == '\t') {
        out += "\\t";
      } else {
        out += "\\u00";
        out += k_hex[byte >> 4];
        out += k_hex[byte & 15];
      }
    } else if (const auto point = core::decode_utf8(text); point.length != 0) {
      length = point.length;
      out += text.substr(0, length);
    } else {
      out += "\xef\xbf\xbd";
    }
    text.remove_prefix(length);
  }
  out += '"';
}

std::string json_quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_quoted(out, text);
  return out;
}

}  // namespace talon::gateway
