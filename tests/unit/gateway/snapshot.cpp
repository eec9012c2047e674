// What is built from a loaded configuration.
#include "gateway/snapshot.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/unit/gateway/world.h"

namespace tg = talon::gateway;
using tg::test::WorldSpec;

TEST_CASE("callers are indexed as they stand, and their keys are known by digest only") {
  const auto snapshot = tg::test::world();
  REQUIRE(snapshot->callers.size() == 5);
  std::set<std::string> key_ids;
  for (std::size_t i = 0; i < snapshot->callers.size(); ++i) {
    const auto& caller = snapshot->callers[i];
    CHECK(caller.index == i);
    CHECK(caller.key_id.size() == 30);
    CHECK(caller.key_id.starts_with("key_"));
    CHECK(caller.key_id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz_") == std::string::npos);
    key_ids.insert(caller.key_id);
  }
  CHECK(key_ids.size() == 5);
  CHECK(snapshot->keys.size() == 5);
  CHECK(snapshot->callers[snapshot->keys.at(tg::test::digest("key-globex"))].name == "globex-app");
  CHECK(snapshot->admin_on);
}

TEST_CASE("without an admin key there is no admin") {
  const auto snapshot = tg::test::world({.admin_key = std::nullopt});
  CHECK_FALSE(snapshot->admin_on);
  CHECK(snapshot->callers.size() == 4);
}

TEST_CASE("one key under two names is refused, naming both and not the key") {
  const auto refused = [](const WorldSpec& spec) {
    const auto built = tg::build_snapshot(tg::test::loaded_config(spec), tg::KeyDigester(tg::test::digest));
    REQUIRE_FALSE(built);
    CHECK(built.error().code == talon::core::Code::config_invalid);
    CHECK(built.error().message.find("same-key") == std::string::npos);
    return built.error().message;
  };
  CHECK(refused({.callers = {{"a", "same-key", "acme"}, {"b", "same-key", "globex"}}}).find("\"a\" and \"b\"") !=
        std::string::npos);
  CHECK(refused({.callers = {{"a", "same-key", "acme"}}, .admin_key = "same-key"}).find("\"admin\"") !=
        std::string::npos);
}

TEST_CASE("a base_url is taken apart once") {
  struct Row {
    std::string url, scheme, host, path;
    unsigned port;
  };
  for (const auto& row : std::vector<Row>{{"https://api.openai.com/v1", "https", "api.openai.com", "/v1", 443},
                                          {"http://localhost", "http", "localhost", "", 80},
                                          {"http://127.0.0.1:8081/", "http", "127.0.0.1", "", 8081},
                                          {"http://[::1]:9000/a/b/", "http", "::1", "/a/b", 9000},
                                          {"https://[::1]", "https", "::1", "", 443}}) {
    CAPTURE(row.url);
    const auto snapshot = tg::test::world({.providers = {{.name = "p", .base_url = row.url}}});
    const auto* provider = snapshot->provider("p");
    REQUIRE(provider != nullptr);
    CHECK(provider->scheme == row.scheme);
    CHECK(provider->host == row.host);
    CHECK(provider->base_path == row.path);
    CHECK(provider->port == row.port);
  }
  for (const auto* url : {"", "api.openai.com", "ftp://a/b", "http://", "http://:80", "http://a:0", "http://a:70000",
                          "http://a:1x", "http://[::1", "http://[::1]9", "http://u@a/", "http://a/?x"}) {
    CAPTURE(url);
    CHECK_FALSE(tg::build_snapshot(tg::test::loaded_config({.providers = {{.name = "p", .base_url = url}}}),
                                   tg::KeyDigester(tg::test::digest)));
  }
}

TEST_CASE("a provider without its key is off and says why; one of a later dialect too") {
  const auto snapshot =
      tg::test::world({.providers = {{.name = "openai", .on = false}, {.name = "anthropic", .dialect = "anthropic"}}});
  CHECK_FALSE(snapshot->any_provider_on());
  CHECK(snapshot->provider("openai")->off_reason == "OPENAI_API_KEY is not set");
  CHECK(snapshot->provider("anthropic")->off_reason.find("not supported by this version") != std::string::npos);
  CHECK(snapshot->provider("google") == nullptr);
}

TEST_CASE("every price row has the hash of its canonical line") {
  const auto snapshot = tg::test::world();
  CHECK(snapshot->price_hashes.size() == snapshot->prices().rows().size());
}
