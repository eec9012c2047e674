// Decoding of queries and path parameters.
#include "gateway/http/target.h"

#include <algorithm>

#include "core/tenant_id.h"
#include "core/text.h"

namespace talon::gateway {
namespace {

using core::Code;

core::Result<std::string> decode(std::string_view encoded) {
  auto text = core::percent_decode(encoded);
  if (!text)
    return core::fail(Code::invalid_request, "A percent escape is broken; it is % and two hexadecimal digits.");
  if (!core::count_code_points(*text))
    return core::fail(Code::invalid_request, "A percent-encoded text is not valid UTF-8.");
  return *std::move(text);
}

core::Result<std::string> decode_form(std::string_view encoded) {
  std::string spaced(encoded);
  std::ranges::replace(spaced, '+', ' ');
  return decode(spaced);
}

}  // namespace

core::Result<Query> Query::parse(std::string_view raw, std::span<const std::string_view> known) {
  Query query;
  while (!raw.empty()) {
    const auto member = raw.substr(0, raw.find('&'));
    raw.remove_prefix(std::min(raw.size(), member.size() + 1));
    const auto equals = member.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return core::fail(Code::invalid_request, "A query parameter is not written name=value.");
    }
    TALON_TRY(name, decode_form(member.substr(0, equals)));
    TALON_TRY(value, decode_form(member.substr(equals + 1)));
    if (std::ranges::find(known, name) == known.end()) {
      std::string message = "The query parameter \"" + core::record_text(name) + "\" is not known here";
      if (const auto near = core::nearest(name, known); !near.empty())
        message += "; did you mean \"" + std::string(near) + "\"?";
      if (message.back() != '?') message += '.';
      return core::fail(Code::invalid_request, std::move(message));
    }
    if (query.find(name))
      return core::fail(Code::invalid_request, "The query parameter \"" + name + "\" is given twice.");
    query.members_.emplace_back(std::move(name), std::move(value));
  }
  return query;
}

std::optional<std::string_view> Query::find(std::string_view name) const noexcept {
  for (const auto& [member, value] : members_) {
    if (member == name) return value;
  }
  return std::nullopt;
}

core::Result<std::string> decode_path_parameter(std::string_view encoded) { return decode(encoded); }

}  // namespace talon::gateway
