// Paths: a match is one of the table's rows and its parameters put back give the path; a path that has no row for a
// method says which it has. Input: method, space, path, '?', query.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/api/routes.h"
#include "gateway/http/target.h"

namespace tg = talon::gateway;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// The pattern with its parameters in place.
std::string rebuilt(const tg::RouteMatch& match) {
  std::string path(match.route->pattern);
  auto value = match.first;
  for (auto open = path.find('{'); open != std::string::npos; open = path.find('{', open)) {
    path.replace(open, path.find('}', open) - open + 1, value);
    open += value.size();
    value = match.rest;
  }
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto space = std::min(all.find(' '), all.size());
  const std::string method(all.substr(0, space));
  const auto target = all.substr(std::min(all.size(), space + 1));
  const auto mark = std::min(target.find('?'), target.size());
  const std::string path(target.substr(0, mark));
  const auto match = tg::match(method, path);
  if (match.route != nullptr) {
    const auto table = tg::routes();
    require(match.route >= table.data() && match.route < table.data() + table.size());
    require(rebuilt(match) == path);
    require(match.allow.empty());
    for (const auto parameter : {match.first, match.rest}) static_cast<void>(tg::decode_path_parameter(parameter));
  } else if (!match.allow.empty()) {
    // Another method leads there.
    const std::string other(match.allow.substr(0, match.allow.find(',')));
    require(tg::match(other, path).route != nullptr);
  }
  static_cast<void>(tg::Query::parse(target.substr(std::min(target.size(), mark + 1)), {"limit", "cursor", "tenant"}));
  return 0;
}
