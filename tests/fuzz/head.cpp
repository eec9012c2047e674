// Raw heads: whatever passes the check has one reading only, tested by a second, dumber reader.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/http/head_check.h"
#include "gateway/http/message.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// `line` goes through the lines between the first and the blank one.
void check_fields(std::string_view head) {
  int lengths = 0, codings = 0;
  auto rest = head.substr(head.find("\r\n") + 2);
  while (!rest.starts_with("\r\n")) {
    const auto line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size() + 2);
    const auto colon = line.find(':');
    require(colon != std::string_view::npos && colon > 0);
    const auto name = line.substr(0, colon);
    require(name.find_first_of(" \t") == std::string_view::npos);
    lengths += talon::gateway::equal_names(name, "content-length") ? 1 : 0;
    codings += talon::gateway::equal_names(name, "transfer-encoding") ? 1 : 0;
  }
  require(rest.size() == 2);
  require(lengths + codings <= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string raw(reinterpret_cast<const char*>(data), size);  // its own memory: reading past it is seen
  const bool request = talon::gateway::check_request_head(raw).has_value();
  const bool response = talon::gateway::check_response_head(raw).has_value();
  require(!(request && response));
  if (!request && !response) return 0;
  require(raw.ends_with("\r\n\r\n"));
  require(raw.find('\0') == std::string::npos);
  require(std::ranges::count(raw, '\r') == std::ranges::count(raw, '\n'));
  for (std::size_t at = raw.find('\n'); at != std::string::npos; at = raw.find('\n', at + 1))
    require(at > 0 && raw[at - 1] == '\r');
  check_fields(raw);
  return 0;
}
