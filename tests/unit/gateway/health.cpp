// What an answer says about a provider key, and the models of a probe.
#include "gateway/net/health.h"

#include <doctest/doctest.h>

#include "tests/unit/gateway/padded.h"

namespace tg = talon::gateway;

namespace {
std::vector<std::string> models(std::string_view body) { return tg::models_of(tg::test::Padded(body).view()); }
}  // namespace

TEST_CASE("only a success or a refused key says something about the key") {
  CHECK(tg::key_works(200) == true);
  CHECK(tg::key_works(204) == true);
  CHECK(tg::key_works(401) == false);
  CHECK(tg::key_works(403) == false);
  for (const int status : {400, 404, 408, 429, 500, 503}) CHECK_FALSE(tg::key_works(status));
}

TEST_CASE("the models of a probe are the ids of its list and nothing inside them") {
  CHECK(
      models(
          R"({"object":"list","data":[{"id":"a","permission":[{"id":"inner"}]},{"object":"model","id":"b\u002d1"}]})") ==
      std::vector<std::string>{"a", "b-1"});
  CHECK(models(R"({"data":[]})").empty());
  CHECK(models(R"({"data":null})").empty());
  for (const auto* body :
       {"", "[]", "no JSON", R"({"data":[{"id":"a"})", R"({"data":[{"id":"a"}])", R"({"data":["a"]})"}) {
    CAPTURE(body);
    CHECK(models(body).empty());
  }
  std::string many = R"({"data":[)";
  for (int i = 0; i < 1'200; ++i) many += (i == 0 ? "" : ",") + (R"({"id":"m)" + std::to_string(i) + "\"}");
  CHECK(models(many + "]}").size() == tg::k_most_models);
}
