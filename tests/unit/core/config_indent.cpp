// The guide's two YAML examples, pasted the way its web page gives them: without indentation.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "core/config.h"

using namespace talon::core;  // NOLINT: a test of this namespace

namespace {

const std::string k_first =
    "gateway:\n"
    "callers:\n"
    "- name: \"customer-acme-api\"\n"
    "tenant_key: \"key_acme\"\n"
    "tenant_id: \"acme\"\n"
    "- name: \"customer-globex-api\"\n"
    "tenant_key: \"key_globex\"\n"
    "tenant_id: \"globex\"\n";
const std::string k_second =
    "gateway:\n"
    "callers:\n"
    "- name: \"customer-acme-app1\"\n"
    "tenant_key: \"talon-gw-acme-abc\"\n"
    "tenant_id: \"acme\"\n"
    "policy_overrides:\n"
    "max_daily_cost: 50.00\n"
    "\n"
    "- name: \"customer-globex-bot\"\n"
    "tenant_key: \"talon-gw-globex-xyz\"\n"
    "tenant_id: \"globex\"\n"
    "policy_overrides:\n"
    "max_daily_cost: 20.00\n";
const std::string k_second_indented =
    "gateway:\n"
    "  callers:\n"
    "    - name: \"customer-acme-app1\"\n"
    "      tenant_key: \"talon-gw-acme-abc\"\n"
    "      tenant_id: \"acme\"\n"
    "      policy_overrides:\n"
    "        max_daily_cost: 50.00\n"
    "\n"
    "    - name: \"customer-globex-bot\"\n"
    "      tenant_key: \"talon-gw-globex-xyz\"\n"
    "      tenant_id: \"globex\"\n"
    "      policy_overrides:\n"
    "        max_daily_cost: 20.00\n";

ParsedConfig parse(std::string_view yaml) { return parse_config(yaml, "talon.yaml"); }

std::string errors(const ParsedConfig& parsed) {
  std::string out;
  for (const auto& problem : parsed.problems) {
    if (!problem.warning) out += to_text(problem) + "\n";
  }
  return out;
}

/// The restored file, which must be a valid configuration itself.
std::string restored(const ParsedConfig& parsed) {
  std::string suggestion;
  for (const auto& problem : parsed.problems) {
    if (problem.suggestion && problem.suggestion->find('\n') != std::string::npos) suggestion = *problem.suggestion;
  }
  const auto again = parse(suggestion);
  CHECK(errors(again) == "");
  CHECK(again.valid());
  return suggestion;
}

const std::string k_diagnosis =
    "talon.yaml:2:1: \"callers\" belongs under \"gateway:\"; the indentation was probably lost when copying\n";

}  // namespace

TEST_CASE("the guide's first section, indentation lost") {
  const auto parsed = parse(k_first);
  CHECK(errors(parsed) == k_diagnosis);
  const auto again = parse(restored(parsed));
  REQUIRE(again.config.callers.size() == 2);
  CHECK(again.config.callers[0].name == "customer-acme-api");
  CHECK(again.config.callers[1].tenant.bytes() == "globex");
}

TEST_CASE("the guide's second section, indentation lost") {
  const auto parsed = parse(k_second);
  CHECK(errors(parsed) == k_diagnosis);
  CHECK(restored(parsed) == k_second_indented);
  CHECK(parse(k_second_indented).config.callers[1].policy.max_daily_cost == NanoUsd(20'000'000'000));
}

TEST_CASE("one caller alone, flattened, is valid YAML and still no configuration") {
  const auto parsed = parse(k_second.substr(0, k_second.find("\n\n") + 1));
  CHECK(errors(parsed) == k_diagnosis);
  CHECK(restored(parsed) == k_second_indented.substr(0, k_second_indented.find("\n\n") + 1));
}

TEST_CASE("one caller flattened among others that are not") {
  for (const std::string flat : {"", "  ", "    "}) {
    CAPTURE(flat);
    const std::string yaml =
        "gateway:\n"
        "  callers:\n"
        "    - name: \"a\"\n"
        "      tenant_key: \"key-of-caller-a-0001\"\n"
        "      tenant_id: \"acme\"\n"
        "    - name: \"b\"\n" +
        flat + "tenant_key: \"key-of-caller-b-0002\"\n" + flat + "tenant_id: \"globex\"\n";
    const auto parsed = parse(yaml);
    CHECK(errors(parsed) ==
          "talon.yaml:7:" + std::to_string(flat.size() + 1) +
              ": \"tenant_key\" belongs under \"callers:\"; the indentation was probably lost when copying\n");
    CHECK(parse(restored(parsed)).config.callers[1].tenant.bytes() == "globex");
  }
}

TEST_CASE("both sections in one file, indentation lost, become one list of callers") {
  const auto parsed = parse(k_first + "\n" + k_second);
  CHECK(errors(parsed) == k_diagnosis +
                              "talon.yaml:10:1: duplicate key \"gateway\": it stands on line 1 and on line 10\n" +
                              "talon.yaml:11:1: duplicate key \"callers\": it stands on line 2 and on line 11\n");
  const auto again = parse(restored(parsed));
  REQUIRE(again.config.callers.size() == 4);
  CHECK(again.config.callers[3].name == "customer-globex-bot");
}

TEST_CASE("both sections in one file, well indented, are a duplicate key with the merged file") {
  const std::string first =
      "gateway:\n  callers:\n    - name: x\n      tenant_key: key-of-caller-x-0001\n      tenant_id: t\n";
  const auto parsed = parse(first + k_second_indented);
  CHECK(errors(parsed).find("talon.yaml:6:1: duplicate key \"gateway\": it stands on line 1 and on line 6\n") == 0);
  CHECK(parse(restored(parsed)).config.callers.size() == 3);
}

TEST_CASE("the text pasted above is what the guide's page gives, byte for byte, and gets the diagnosis") {
  std::ifstream in(std::string(TALON_SOURCE_DIR) + "/tests/golden/config/guide_paste.yaml");
  std::stringstream text;
  text << in.rdbuf();
  CHECK(text.str() == k_second);
  CHECK(errors(parse(text.str())) == k_diagnosis);
}

TEST_CASE("callers at the top level without gateway get one") {
  const auto parsed = parse("callers:\n  - name: a\n    tenant_key: key-of-caller-a-0001\n    tenant_id: t\n");
  CHECK(errors(parsed) ==
        "talon.yaml:1:1: \"callers\" belongs under \"gateway:\"; the indentation was probably lost when copying\n");
  CHECK(restored(parsed) ==
        "gateway:\n  callers:\n    - name: a\n      tenant_key: key-of-caller-a-0001\n      tenant_id: t\n");
}

TEST_CASE("tabs and no-break spaces as indentation are named") {
  for (const std::string space : {"\t", "\xC2\xA0\xC2\xA0"}) {
    const auto parsed = parse("server:\n" + space + "max_body: 1MiB\n");
    CHECK(errors(parsed) ==
          "talon.yaml:2:1: this line is indented with tabs or no-break spaces; YAML indents with spaces\n");
    CHECK(restored(parsed) == "server:\n  max_body: 1MiB\n");
  }
}

TEST_CASE("comments stay with what they precede, other sections with what they are") {
  const auto parsed = parse(
      "# top\n"
      "server:\n"
      "listen:\n"
      "- \"127.0.0.1:1\"   # one\n"
      "max_body: 1MiB\n"
      "gateway:\n"
      "# mine\n"
      "providers:\n"
      "openai:\n"
      "timeout: 30s\n"
      "local:\n"
      "base_url: \"http://127.0.0.1:1\"\n"
      "hold: {max_output_tokens: 5}\n"
      "vault:\n"
      "durability: batched\n"
      "# end\n");
  CHECK(restored(parsed) ==
        "# top\n"
        "server:\n"
        "  listen:\n"
        "    - \"127.0.0.1:1\"   # one\n"
        "  max_body: 1MiB\n"
        "gateway:\n"
        "  # mine\n"
        "  providers:\n"
        "    openai:\n"
        "      timeout: 30s\n"
        "    local:\n"
        "      base_url: \"http://127.0.0.1:1\"\n"
        "  hold: {max_output_tokens: 5}\n"
        "vault:\n"
        "  durability: batched\n"
        "# end\n");
}

TEST_CASE("what is wrong besides the indentation is said at its place in the file as it is") {
  std::string yaml = k_second;
  yaml.replace(yaml.find("20.00"), 5, "2e3");
  CHECK(errors(parse(yaml)) == k_diagnosis +
                                   "talon.yaml:13:17: \"max_daily_cost\": an amount of money is a plain decimal such "
                                   "as 50.00, without exponent, sign or currency\n");
  yaml = k_second;
  yaml.replace(yaml.find("tenant_id: \"globex\""), 9, "tennant_id");
  CHECK(errors(parse(yaml)) ==
        k_diagnosis + "talon.yaml:9:3: caller \"customer-globex-bot\" has no \"tenant_id\"\n" +
            "talon.yaml:11:1: unknown key \"tennant_id\" under \"callers:\"; did you mean \"tenant_id\"?\n");
}

TEST_CASE("a key that is one level too high in a well indented file is said to belong below") {
  const auto parsed = parse(
      "gateway:\n  callers:\n    - name: a\n      tenant_key: key-of-caller-a-0001\n      tenant_id: t\n      "
      "max_daily_cost: 5\n");
  CHECK(errors(parsed).find("talon.yaml:6:7: \"max_daily_cost\" belongs under \"policy_overrides:\"") == 0);
}

TEST_CASE("a file whose indentation is right is left alone") {
  const auto parsed = parse(k_second_indented + "unknown: 1\n");
  CHECK(errors(parsed) == "talon.yaml:14:1: unknown key \"unknown\"\n");
  CHECK_FALSE(parsed.problems.back().suggestion);
}

TEST_CASE("what cannot be told is not guessed") {
  for (const std::string yaml : {"gateway:\ncallers:\n- - a\n", "gateway:\ncallers: |\n  text\n",
                                 "gateway:\ncallers:\n- name: [a,\nb]\n", "callers:\njust words\n"}) {
    CAPTURE(yaml);
    const auto parsed = parse(yaml);
    CHECK_FALSE(parsed.valid());
    for (const auto& problem : parsed.problems)
      CHECK((!problem.suggestion || problem.suggestion->find('\n') == std::string::npos));
  }
}
