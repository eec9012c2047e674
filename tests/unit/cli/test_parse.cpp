// Flags before and after the command, and usage errors that name what was meant.
#include <doctest/doctest.h>

#include <vector>

#include "cli/parse.h"

using namespace talon::cli;

namespace {

Parsed parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "talon");
  return parse(words);
}

std::string usage_of(std::vector<const char*> words) {
  const auto result = parsed(std::move(words));
  const auto* usage = std::get_if<UsageError>(&result);
  return usage == nullptr ? "no usage error" : usage->message;
}

}  // namespace

TEST_CASE("global options stand before or after the command") {
  for (const auto& words :
       std::vector<std::vector<const char*>>{{"--json", "--data-dir", "d", "tenant", "show", "acme"},
                                             {"tenant", "--json", "show", "acme", "--data-dir", "d"},
                                             {"tenant", "show", "--data-dir=d", "acme", "--json"}}) {
    const auto result = parsed(words);
    const auto* arguments = std::get_if<Arguments>(&result);
    REQUIRE(arguments != nullptr);
    CHECK(arguments->command->path == "tenant show");
    CHECK(arguments->json());
    CHECK(arguments->value("--data-dir") == "d");
    CHECK(arguments->positionals == std::vector<std::string>{"acme"});
  }
}

TEST_CASE("a tenant may be named like a command word") {
  const auto result = parsed({"tenant", "show", "show"});
  REQUIRE(std::holds_alternative<Arguments>(result));
  CHECK(std::get<Arguments>(result).positionals == std::vector<std::string>{"show"});
  const auto flagged = parsed({"audit", "list", "--tenant", "list"});
  REQUIRE(std::holds_alternative<Arguments>(flagged));
  CHECK(std::get<Arguments>(flagged).value("--tenant") == "list");
}

TEST_CASE("-- ends flags") {
  const auto result = parsed({"tenant", "show", "--", "--odd"});
  REQUIRE(std::holds_alternative<Arguments>(result));
  CHECK(std::get<Arguments>(result).positionals == std::vector<std::string>{"--odd"});
}

TEST_CASE("--version is the command, with global options on either side") {
  for (const auto& words : std::vector<std::vector<const char*>>{
           {"--version"}, {"--json", "--version"}, {"--version", "--json"}, {"--config", "x.yaml", "--version"}}) {
    const auto result = parsed(words);
    const auto* arguments = std::get_if<Arguments>(&result);
    REQUIRE(arguments != nullptr);
    CHECK(arguments->command->path == "version");
    CHECK(arguments->json() ==
          (std::string_view(words.front()) == "--json" || std::string_view(words.back()) == "--json"));
  }
}

TEST_CASE("usage errors name the nearest command or flag") {
  CHECK(usage_of({"tenat", "list"}) == "unknown command 'tenat'; did you mean 'tenant'?");
  CHECK(usage_of({"tenant", "shwo", "acme"}) == "unknown command 'tenant shwo'; did you mean 'tenant show'?");
  CHECK(usage_of({"audit", "export", "--tennant", "acme"}) ==
        "unknown option --tennant for talon audit export; did you mean --tenant?");
  CHECK(usage_of({"tenant"}).find("known: list, show") != std::string::npos);
  CHECK(usage_of({"tenant", "show", "a", "b"}) == "unexpected argument 'b' for talon tenant show");
  CHECK(usage_of({"tenant", "list", "--", "--json"}) == "unexpected argument '--json' for talon tenant list");
  CHECK(usage_of({"audit", "show"}).find("needs EVIDENCE_ID") != std::string::npos);
  CHECK(usage_of({"audit", "list", "--tenant"}).find("--tenant") != std::string::npos);
  CHECK(usage_of({"audit", "list", "--tenant", "--json"}) == "option --tenant needs its ID");
  CHECK(usage_of({"audit", "list", "--tenant", "a", "--tenant", "b"}).find("--tenant") != std::string::npos);
}

TEST_CASE("what later versions bring is refused by name") {
  CHECK(usage_of({"audit", "keys", "rotate"}) == "'talon audit keys rotate' is not supported by this version");
  CHECK(usage_of({"audit", "verify", "b.talon", "--since", "c"}) == "option --since is not supported by this version");
}

TEST_CASE("help is not an error") {
  CHECK(std::holds_alternative<HelpWanted>(parsed({})));
  CHECK(std::holds_alternative<HelpWanted>(parsed({"--help"})));
  CHECK(std::holds_alternative<HelpWanted>(parsed({"audit", "--help"})));
  CHECK(std::holds_alternative<HelpWanted>(parsed({"audit", "export", "--help"})));
}
