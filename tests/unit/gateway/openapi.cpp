// openapi.json at the root of the tree is what the binary serves, and talon-api(7) names every route.
#include "gateway/api/openapi.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "gateway/api/reads.h"

namespace tg = talon::gateway;
using nlohmann::json;

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(std::string(TALON_SOURCE_DIR) + '/' + path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void collect_refs(const json& value, std::set<std::string>& refs) {
  if (value.is_object() && value.contains("$ref")) refs.insert(value["$ref"].get<std::string>());
  if (value.is_structured()) {
    for (const auto& inner : value) collect_refs(inner, refs);
  }
}

}  // namespace

TEST_CASE("the committed openapi.json is the one that is served") {
  const auto& text = tg::openapi_json();
  if (std::getenv("TALON_BLESS") != nullptr)
    std::ofstream(std::string(TALON_SOURCE_DIR) + "/openapi.json", std::ios::binary) << text;
  CHECK_MESSAGE(read_file("openapi.json") == text,
                "openapi.json differs from the route table; TALON_BLESS=1 writes it");
  const auto served = tg::answer_operations(tg::RouteId::openapi, {});
  CHECK(served.status == 200);
  CHECK(served.body == text);
}

TEST_CASE("every route is described, and every schema it names is there") {
  const auto document = json::parse(tg::openapi_json());
  std::set<std::string> refs, ids;
  collect_refs(document, refs);
  for (const auto& ref : refs) {
    CAPTURE(ref);
    CHECK(document.contains(json::json_pointer(ref.substr(1))));
  }
  std::size_t operations = 0;
  for (const auto& path : document["paths"]) {
    for (const auto& operation : path) {
      ++operations;
      CHECK(ids.insert(operation["operationId"].get<std::string>()).second);
    }
  }
  CHECK(operations >= tg::routes().size());
}

TEST_CASE("the manual page names every route") {
  auto page = read_file("man/talon-api.7");
  std::erase(page, '\\');
  for (const auto& route : tg::routes()) {
    std::string line = (route.method == "*" ? "ANY" : std::string(route.method)) + ' ' + std::string(route.pattern);
    if (const auto rest = line.find("…"); rest != std::string::npos) line.erase(rest, std::string_view("…").size());
    CAPTURE(line);
    CHECK(page.find(line) != std::string::npos);
  }
}
