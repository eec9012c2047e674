#include "core/config.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/yaml.h"

using namespace talon::core;  // NOLINT: a test of this namespace

namespace {

ParsedConfig parse(std::string_view yaml) { return parse_config(yaml, "talon.yaml"); }

/// Errors and warnings, one a line.
std::string problems(std::string_view yaml) {
  std::string out;
  for (const auto& problem : parse(yaml).problems) out += to_text(problem) + "\n";
  return out;
}
/// Errors only.
std::string errors(std::string_view yaml) {
  std::string out;
  for (const auto& problem : parse(yaml).problems) {
    if (!problem.warning) out += to_text(problem) + "\n";
  }
  return out;
}

std::string file(const std::string& path) {
  std::ifstream in(std::string(TALON_SOURCE_DIR) + "/" + path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string caller(const std::string& more) {
  return "gateway:\n  callers:\n    - {name: a, tenant_key: key-of-caller-a-0001, " + more + "}\n";
}

}  // namespace

TEST_CASE("an empty file is the defaults") {
  for (const std::string yaml : {"", "\n# only a comment\n", "---\n", "gateway:\n", "\xEF\xBB\xBF"}) {
    CAPTURE(yaml);
    const auto parsed = parse(yaml);
    CHECK(parsed.problems.empty());
    REQUIRE(parsed.config.listen.size() == 1);
    CHECK(parsed.config.listen[0].host == "127.0.0.1");
    CHECK(parsed.config.listen[0].port == 8080);
    CHECK(parsed.config.max_body == 32 << 20);
    CHECK(parsed.config.durability == Durability::strict);
    CHECK_FALSE(parsed.config.admin_key);
    REQUIRE(parsed.config.providers.size() == 1);
    CHECK(parsed.config.providers[0].name == "openai");
    CHECK(parsed.config.providers[0].base_url == "https://api.openai.com/v1");
    CHECK(parsed.config.providers[0].api_key->name == "OPENAI_API_KEY");
    CHECK(parsed.config.max_tagged_tenants == 100'000);
  }
}

TEST_CASE("everything this version knows is read") {
  const auto parsed = parse(R"(
data_dir: /srv/talon
server:
  listen: ["0.0.0.0:80", "unix:/run/talon.sock", {address: "[::]:443", tls: {certificate: c.pem, private_key: k.pem}}]
  admin_listen: ["127.0.0.1:81"]
  max_body: 1MiB
auth:
  admin_key_env: TALON_ADMIN_KEY
  admin_keys: [{name: ci, key_file: /etc/talon/ci.key, scope: read}, {name: anna, key_env: ANNA}]
  api_keys: [{name: ops, key_file: /etc/talon/ops.key}]
gateway:
  mode: shadow
  default_provider: local
  providers:
    openai: {timeout: 30s, connect_timeout: 250ms, max_retries: 3, api_key_file: /k}
    local: {dialect: openai, base_url: "http://127.0.0.1:11434/v1/"}
  hold: {max_output_tokens: 100}
  defaults: {max_daily_cost: 100.00, requests_per_minute: 60}
  limits: {max_daily_cost: 1000.00, tenants: 5, requests_per_minute: 600, max_body: 512KiB, allowed_models: ["gpt*", "o*"]}
  callers:
    - name: "a"
      tenant_key: "talon-gw-acme-0123"
      tenant_id: "acme"
      policy_overrides: {max_daily_cost: 50.00, allowed_models: ["gpt-4o*"], requests_per_minute: 5, max_body: 1KiB}
    - {name: b, tenant_key_credential: b-key, tenant_id: globex}
tiers: {growth: {requests_per_month: 7}}
projects: {web: {virtual_key_stale_days: 30}, idle: {}}
virtual_key_stale_days: 60
pricing_file: pricing.yaml
vault: {durability: batched, priority: realtime}
)");
  for (const auto& problem : parsed.problems) FAIL_CHECK(to_text(problem));
  const Config& config = parsed.config;
  CHECK(config.file == "talon.yaml");
  CHECK(config.data_dir == "/srv/talon");
  CHECK(config.listen[1].unix_path == "/run/talon.sock");
  CHECK(config.max_body == 1 << 20);
  CHECK(config.admin_key->kind == SecretSource::Kind::environment);
  CHECK(config.api_keys[0].name == "ops");
  CHECK(config.api_keys[0].policy.max_daily_cost == NanoUsd(100'000'000'000));
  CHECK(config.default_provider == "local");
  REQUIRE(config.providers.size() == 2);
  CHECK(config.providers[0].timeout == std::chrono::seconds(30));
  CHECK(config.providers[0].connect_timeout == std::chrono::milliseconds(250));
  CHECK(config.providers[0].api_key->kind == SecretSource::Kind::file);
  CHECK(config.providers[1].base_url == "http://127.0.0.1:11434/v1");
  CHECK_FALSE(config.providers[1].api_key);
  CHECK(config.hold_max_output_tokens == 100);
  CHECK(config.max_tagged_tenants == 5);
  REQUIRE(config.callers.size() == 2);
  CHECK(config.callers[0].tenant_key.text.reveal() == "talon-gw-acme-0123");
  CHECK(config.callers[0].tenant.bytes() == "acme");
  CHECK(config.callers[0].policy.max_daily_cost == NanoUsd(50'000'000'000));
  CHECK(config.callers[0].place.line == 21);
  REQUIRE(config.listen.size() == 3);
  CHECK_FALSE(config.listen[0].tls);
  CHECK(config.listen[2].host == "::");
  CHECK(config.listen[2].tls->certificate == "c.pem");
  CHECK(config.listen[2].tls->private_key == "k.pem");
  REQUIRE(config.admin_listen.size() == 1);
  CHECK(config.admin_listen[0].port == 81);
  REQUIRE(config.admin_keys.size() == 2);
  CHECK(config.admin_keys[0].name == "ci");
  CHECK(config.admin_keys[0].scope == AdminKeyConfig::Scope::read);
  CHECK(config.admin_keys[1].scope == AdminKeyConfig::Scope::full);
  CHECK(config.mode == Mode::shadow);
  CHECK(config.providers[0].max_retries == 3);
  CHECK(config.providers[1].max_retries == 0);
  CHECK(config.callers[0].policy.requests_per_minute == 5);
  CHECK(config.callers[0].policy.max_body == 1024);
  CHECK(config.callers[1].policy.requests_per_minute == 60);
  CHECK(config.callers[1].policy.max_body == 512 << 10);
  CHECK(config.callers[0].policy.allows_model("gpt-4o-mini"));
  CHECK_FALSE(config.callers[0].policy.allows_model("gpt-4"));
  CHECK(config.callers[1].policy.allows_model("o1"));
  CHECK_FALSE(config.callers[1].policy.allows_model("claude-3"));
  CHECK(config.tiers.find("growth")->requests_per_month == 7);
  CHECK(config.tiers.find("growth")->requests_per_second == 50);
  CHECK(config.stale_days("web") == 30);
  CHECK(config.stale_days("idle") == 60);
  CHECK(config.stale_days("other") == 60);
  CHECK(config.knows_provider("google"));
  CHECK(config.knows_provider("local"));
  CHECK_FALSE(config.knows_provider("mistral"));
  CHECK(config.callers[1].policy.max_daily_cost == NanoUsd(100'000'000'000));
  CHECK(config.callers[1].tenant_key.name == "b-key");
  CHECK(config.pricing_file == "pricing.yaml");
  CHECK(config.durability == Durability::batched);
  CHECK(config.journal_priority == Priority::realtime);
}

TEST_CASE("caps: the caller's own, else the default, else the ceiling, else none") {
  const auto cap = [](const std::string& gateway) {
    const auto parsed =
        parse("gateway:\n" + gateway + "  callers: [{name: a, tenant_key: key-of-caller-a-0001, tenant_id: t}]\n");
    REQUIRE(parsed.valid());
    return parsed.config.callers[0].policy;
  };
  CHECK_FALSE(cap("").max_daily_cost);
  CHECK(cap("").canonical_line() == "{}");
  CHECK(cap("  defaults: {max_daily_cost: 1}\n").canonical_line() == R"({"max_daily_nano_usd":1000000000})");
  CHECK(cap("  limits: {max_daily_cost: 2}\n").max_daily_cost == NanoUsd(2'000'000'000));
  CHECK(cap("  defaults: {max_daily_cost: 0}\n  limits: {max_daily_cost: 2}\n").max_daily_cost == NanoUsd(0));
}

TEST_CASE("an unknown key is named with its place and the nearest known one") {
  CHECK(errors("gatewya:\n  x: 1\n") == "talon.yaml:1:1: unknown key \"gatewya\"; did you mean \"gateway\"?\n");
  CHECK(errors("server:\n  listne: []\n") ==
        "talon.yaml:2:3: unknown key \"listne\" under \"server:\"; did you mean \"listen\"?\n");
  CHECK(errors("zzzzzzzzzz: 1\n") == "talon.yaml:1:1: unknown key \"zzzzzzzzzz\"\n");
  CHECK(errors("gateway:\n  providers:\n    openai: {base_ulr: x}\n") ==
        "talon.yaml:3:14: unknown key \"base_ulr\" under \"openai:\"; did you mean \"base_url\"?\n");
  CHECK(parse("gatewya: {}\n").problems[0].suggestion == "gateway");
}

TEST_CASE("columns count characters, not bytes") {
  CHECK(errors("server: {\"ümlaut\": 1, listne: []}\n").find("talon.yaml:1:23: unknown key \"listne\"") !=
        std::string::npos);
}

TEST_CASE("all problems come in one run, in file order") {
  CHECK(errors("server:\n  max_body: huge\n  listen: [nowhere]\ngateway:\n  mode: lax\nvault: {durability: maybe, "
               "priority: high}\n") ==
        "talon.yaml:2:13: \"max_body\" is a size such as 64KiB, 32MiB or 1GiB, not \"huge\"\n"
        "talon.yaml:3:12: \"listen\" is \"host:port\", \"[ipv6]:port\" or \"unix:/path\", not \"nowhere\"\n"
        "talon.yaml:5:9: \"mode\" must be \"enforce\" or \"shadow\", not \"lax\"\n"
        "talon.yaml:6:21: \"durability\" must be \"strict\" or \"batched\", not \"maybe\"\n"
        "talon.yaml:6:38: \"priority\" must be \"normal\" or \"realtime\", not \"high\"\n");
}

TEST_CASE("keys of later versions are refused by name") {
  for (const std::string yaml : {
           "gateway: {models: {}}\n",
           "gateway: {tenants: {}}\n",
           "alerts: {}\n",
           "gateway: {defaults: {max_monthly_cost: 5}}\n",
           "gateway: {defaults: {max_session_cost: 1}}\n",
           "gateway: {providers: {anthropic: {timeout: 5s}}}\n",
           "gateway: {providers: {google: {}}}\n",
           "gateway: {providers: {mine: {dialect: gemini, base_url: \"https://x\"}}}\n",
           "gateway: {default_provider: anthropic}\n",
       }) {
    CAPTURE(yaml);
    const auto parsed = parse(yaml);
    REQUIRE(parsed.problems.size() == 1);
    CHECK(parsed.problems[0].code == Code::not_supported);
    CHECK(parsed.problems[0].message.find("not supported by this version") != std::string::npos);
    CHECK_FALSE(parsed.valid());
  }
  CHECK(errors("alerts: {}\n") == "talon.yaml:1:1: \"alerts\" is not supported by this version\n");
}

TEST_CASE("a provider of another name may speak the openai dialect, also anthropic's compatible endpoint") {
  CHECK(errors("gateway: {providers: {anthropic: {dialect: openai, base_url: \"https://api.anthropic.com/v1\"}}}\n")
            .empty());
  CHECK(errors("gateway: {providers: {anthropic: {dialect: openai}}}\n") ==
        "talon.yaml:1:23: provider \"anthropic\" has no \"base_url\"\n");
  CHECK(errors("gateway: {providers: {x: {dialect: klingon, base_url: \"https://x\"}}}\n") ==
        "talon.yaml:1:36: \"dialect\" must be \"openai\", not \"klingon\"\n");
  CHECK(errors("gateway: {providers: {\"a/b\": {base_url: \"https://x\"}}}\n") != "");
  CHECK(errors("gateway: {default_provider: nobody}\n") ==
        "talon.yaml:1:29: \"default_provider\" \"nobody\" is not under \"providers:\"\n");
}

TEST_CASE("duplicate keys at any depth name both lines") {
  CHECK(errors("vault: {}\nserver: {}\nvault: {}\n") ==
        "talon.yaml:3:1: duplicate key \"vault\": it stands on line 1 and on line 3\n");
  CHECK(errors("gateway:\n  callers:\n    - name: a\n      name: b\n      tenant_key: key-of-caller-a-0001\n      "
               "tenant_id: t\n") == "talon.yaml:4:7: duplicate key \"name\": it stands on line 3 and on line 4\n");
  CHECK(errors("server: {max_body: 1MiB, max_body: 2MiB}\n") ==
        "talon.yaml:1:26: duplicate key \"max_body\": it stands on line 1 and on line 1\n");
}

TEST_CASE("anchors, aliases, merge keys, tags and second documents are refused") {
  CHECK(errors("data_dir: &x /srv\n").find("anchors (&name) are not supported") != std::string::npos);
  CHECK(errors("data_dir: &x /srv\npricing_file: *x\n").find("talon.yaml:2:15: aliases (*name) are not supported") !=
        std::string::npos);
  CHECK(errors("server:\n  <<: {max_body: 1MiB}\n").find("merge keys (<<) are not supported") != std::string::npos);
  CHECK(errors("data_dir: !!str /srv\n").find("tags (!name) are not supported") != std::string::npos);
  CHECK(errors("data_dir: /a\n---\ndata_dir: /b\n").find("talon.yaml:2:1: a second YAML document begins here") !=
        std::string::npos);
  CHECK(errors("? [a, b]\n: 1\n").find("a key must be plain text") != std::string::npos);
}

TEST_CASE("an alias bomb is refused without being expanded") {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 30; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) bomb += (j == 0 ? "*a" : ",*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  CHECK(errors(bomb).find("aliases") != std::string::npos);
}

TEST_CASE("what is no YAML, no text or too deep is one problem with a place") {
  CHECK(errors("server: [\n").find("this is not valid YAML") != std::string::npos);
  CHECK(errors(std::string("data_dir: a\x01\n")) == "talon.yaml:1:12: a control character stands here\n");
  CHECK(errors("a: 1\nb: \xff\n") == "talon.yaml:2:4: the file is not valid UTF-8 here\n");
  CHECK(errors("a: " + std::string(10'000, '[')).find("nested deeper than 32 levels") != std::string::npos);
  CHECK(errors("- a\n- b\n") == "talon.yaml:1:1: the file must be a mapping (key: value) at its top level\n");
  CHECK(errors(std::string(std::size_t{17} << 20, '#')) == "talon.yaml: the file is larger than 16 MiB\n");
}

TEST_CASE("values of another shape are refused") {
  CHECK(errors("server: 5\n") == "talon.yaml:1:1: \"server\" must be a mapping (key: value, indented below)\n");
  CHECK(errors("data_dir: [a]\n") == "talon.yaml:1:1: \"data_dir\" must be a single value\n");
  CHECK(errors("gateway: {callers: {a: b}}\n") ==
        "talon.yaml:1:11: \"callers\" must be a list of mappings (- key: value)\n");
  CHECK(errors("gateway: {callers: [a]}\n") ==
        "talon.yaml:1:21: an entry of \"callers:\" must be a mapping (key: value, indented below)\n");
  CHECK(errors("server: {listen: [[a]]}\n") == "talon.yaml:1:19: an entry of \"listen:\" must be a single value\n");
  CHECK(errors("gateway: {providers: {openai: 5}}\n") != "");
}

TEST_CASE("a caller needs a name, a key and a tenant") {
  CHECK(errors("gateway: {callers: [{}]}\n") ==
        "talon.yaml:1:21: a caller has no \"name\"\n"
        "talon.yaml:1:21: this caller has no \"tenant_key\" (nor \"tenant_key_file\", \"tenant_key_env\" or "
        "\"tenant_key_credential\")\n"
        "talon.yaml:1:21: this caller has no \"tenant_id\"\n");
  CHECK(errors(caller("tenant_id: \"\"")) ==
        "talon.yaml:3:62: \"tenant_id\" of caller \"a\": a tenant id must not be empty\n");
  CHECK(errors(caller("tenant_id: " + std::string(129, 't'))).find("a tenant id has at most 128 characters") !=
        std::string::npos);
  CHECK(errors(caller("tenant_id: \"a\\u202eb\"")).find("writing direction") != std::string::npos);
  CHECK(errors(caller("tenant_id: t, tenant_key_env: X")).find("name one secret twice") != std::string::npos);
  CHECK(errors(caller("tenant_id: t, policy_overrides: {max_daily_cost: 0}")).empty());
}

TEST_CASE("money is a plain decimal within bounds") {
  for (const std::string money :
       {"-1", "1e3", ".nan", ".inf", "50,00", "$50", "0.0000000001", "007", "9007200", "abc", "\"\""}) {
    CAPTURE(money);
    CHECK(errors("gateway: {defaults: {max_daily_cost: " + money + "}}\n") != "");
  }
  CHECK(errors("gateway: {defaults: {max_daily_cost: 9007199.254740991}}\n").empty());
}

TEST_CASE("a cap above the ceiling is an error") {
  CHECK(errors("gateway:\n  limits: {max_daily_cost: 10}\n  defaults: {max_daily_cost: 11}\n") ==
        "talon.yaml:3:30: \"max_daily_cost\" of \"defaults:\" is $11.00, above the ceiling of $10.00 under "
        "\"limits:\"\n");
  CHECK(errors("gateway:\n  limits: {max_daily_cost: 10}\n  callers: [{name: a, tenant_key: key-of-caller-a-0001, "
               "tenant_id: t, policy_overrides: {max_daily_cost: 10.01}}]\n") ==
        "talon.yaml:3:106: \"max_daily_cost\" of caller \"a\" is $10.01, above the ceiling of $10.00 under "
        "\"limits:\"\n");
}

TEST_CASE("a policy's numbers keep to the ceilings of limits, and a body to the server's") {
  CHECK(errors("gateway:\n  limits: {requests_per_minute: 10}\n  defaults: {requests_per_minute: 11}\n") ==
        "talon.yaml:3:35: \"requests_per_minute\" of \"defaults:\" is 11, above the ceiling of 10 under \"limits:\"\n");
  CHECK(errors("gateway:\n  limits: {max_body: 1MiB}\n  defaults: {max_body: 2MiB}\n") ==
        "talon.yaml:3:24: \"max_body\" of \"defaults:\" is 2097152 bytes, above the ceiling of 1048576 under "
        "\"limits:\"\n");
  CHECK(errors("server: {max_body: 1MiB}\ngateway: {defaults: {max_body: 2MiB}}\n") ==
        "talon.yaml:2:32: \"max_body\" of \"defaults:\" must lie between 1KiB and the 1048576 bytes of "
        "server.max_body\n");
  for (const std::string defaults : {"requests_per_minute: 0", "requests_per_minute: 1.5", "requests_per_minute: -1",
                                     "max_body: 1", "max_body: lots", "allowed_models: []", "allowed_models: [\"\"]",
                                     "allowed_models: {a: b}", "allowed_models: [[a]]"}) {
    CAPTURE(defaults);
    CHECK(errors("gateway: {defaults: {" + defaults + "}}\n") != "");
  }
  CHECK(errors("gateway: {defaults: {allowed_models: gpt-4o}}\n").empty());
}

TEST_CASE("a pattern's star stands for any text and nothing else is special") {
  CHECK(matches_pattern("gpt-4o*", "gpt-4o"));
  CHECK(matches_pattern("gpt-4o*", "gpt-4o-mini"));
  CHECK_FALSE(matches_pattern("gpt-4o*", "gpt-4"));
  CHECK(matches_pattern("*", ""));
  CHECK(matches_pattern("*-mini", "gpt-4o-mini"));
  CHECK(matches_pattern("a*b*c", "aXbYbZc"));
  CHECK_FALSE(matches_pattern("a*b*c", "aXbY"));
  CHECK_FALSE(matches_pattern("gpt-?", "gpt-4"));
  CHECK_FALSE(matches_pattern("gpt-[4]", "gpt-4"));
  CHECK_FALSE(matches_pattern("GPT*", "gpt-4"));
  CHECK_FALSE(matches_pattern("", "a"));
  CHECK(matches_pattern("", ""));
}

TEST_CASE("the policy's line tells every bound, so its hash changes with each") {
  CallerPolicy policy;
  policy.max_daily_cost = NanoUsd(1);
  policy.requests_per_minute = 60;
  policy.max_body = 1024;
  policy.allowed_models = {"gpt*", "o\"1"};
  policy.models_ceiling = {"*"};
  CHECK(policy.canonical_line() == R"({"allowed_models":["gpt*","o\"1"],"allowed_models_limit":["*"],"max_body":1024,)"
                                   R"("max_daily_nano_usd":1,"requests_per_minute":60})");
}

TEST_CASE("a listener with TLS names both of its files") {
  CHECK(errors("server: {listen: [{address: \"127.0.0.1:1\", tls: {}}]}\n") ==
        "talon.yaml:1:49: \"tls\" needs \"certificate\", the name of a PEM file\n"
        "talon.yaml:1:49: \"tls\" needs \"private_key\", the name of a PEM file\n");
  CHECK(errors("server: {listen: [{tls: {certificate: c, private_key: k}}]}\n") ==
        "talon.yaml:1:19: an entry of \"listen\" has no \"address\"\n");
  CHECK(errors("server: {listen: [{adress: \"127.0.0.1:1\"}]}\n")
            .find("unknown key \"adress\" under \"listen:\"; did you mean \"address\"?") != std::string::npos);
  CHECK(errors("server: {listen: [\"127.0.0.1:80\"], admin_listen: [\"127.0.0.1:80\"]}\n") ==
        "talon.yaml:1:51: the address \"127.0.0.1:80\" stands on line 1 already\n");
  CHECK(errors("server: {admin_listen: []}\n").empty());
}

TEST_CASE("admin keys have names of their own, and a scope") {
  const std::string two = "auth:\n  admin_keys:\n    - {name: a, key: key-of-admin-a-0001}\n    - {name: ";
  CHECK(errors(two + "a, key: key-of-admin-b-0002}\n") ==
        "talon.yaml:4:14: the name \"a\" is taken by the one on line 3\n");
  CHECK(errors(two + "b, key: key-of-admin-a-0001}\n") ==
        "talon.yaml:4:22: the key of admin key \"b\" is also that of admin key \"a\" on line 3\n");
  CHECK(errors(two + "b, scope: write, key: key-of-admin-b-0002}\n") ==
        "talon.yaml:4:24: \"scope\" must be \"full\" or \"read\", not \"write\"\n");
  CHECK(errors(two + "b}\n") ==
        "talon.yaml:4:7: admin key \"b\" has no \"key\" (nor \"key_file\", \"key_env\" or \"key_credential\")\n");
  CHECK(errors("auth:\n  admin_key: key-of-admin-0-0000\n  admin_keys: [{name: admin, key_env: A}]\n") ==
        "talon.yaml:3:23: the name \"admin\" is taken by the one on line 2\n");
}

TEST_CASE("stale days are at least one") {
  CHECK(errors("virtual_key_stale_days: 0\n") != "");
  CHECK(errors("projects: {web: {virtual_key_stale_days: 0}}\n") != "");
  CHECK(errors("projects: {web: {stale: 5}}\n") != "");
  CHECK(errors("projects: {\"\": {virtual_key_stale_days: 5}}\n") != "");
}

TEST_CASE("names and keys stand for one caller each") {
  const std::string two =
      "gateway:\n  callers:\n    - {name: a, tenant_key: key-of-caller-a-0001, tenant_id: t}\n    - {name: ";
  CHECK(errors(two + "a, tenant_key: key-of-caller-b-0002, tenant_id: t}\n") ==
        "talon.yaml:4:14: the name \"a\" is taken by the one on line 3\n");
  CHECK(errors(two + "b, tenant_key: key-of-caller-a-0001, tenant_id: t}\n") ==
        "talon.yaml:4:29: the key of caller \"b\" is also that of caller \"a\" on line 3\n");
  CHECK(errors("auth: {api_keys: [{name: a, key: key-of-static-a-001}]}\n" + two.substr(0, two.rfind("    -"))) ==
        "talon.yaml:4:14: the name \"a\" is taken by the one on line 1\n");
  CHECK(errors("auth: {admin_key: key-of-caller-a-0001}\n" + caller("tenant_id: t"))
            .find("the key of caller \"a\" is also that of the admin key on line 1") != std::string::npos);
}

TEST_CASE("a key shaped like a virtual key, or one no client can send, is refused; a short one is a warning") {
  const auto with_key = [](const std::string& key) {
    return "gateway: {callers: [{name: a, tenant_key: " + key + ", tenant_id: t}]}\n";
  };
  CHECK(errors(with_key("vk_ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")).find("has the form of a virtual key") !=
        std::string::npos);
  CHECK(errors(with_key("vk_ABCDEFGHIJKLMNOPQRSTUVWXYZ234568")).empty());
  CHECK(errors(with_key("sk-acme-0123456789")).empty());
  CHECK(errors(with_key("\"a\\nb0123456789012345\"")).find("control characters") != std::string::npos);
  CHECK(errors(with_key("\" 0123456789012345\"")).find("begins or ends with a space") != std::string::npos);
  CHECK(errors(with_key("\"\"")).find("must not be empty") != std::string::npos);
  CHECK(problems(with_key("short")) ==
        "talon.yaml:1:43: warning: the key of caller \"a\" is shorter than 16 characters and can be guessed; make one: "
        "openssl rand -hex 24\n");
  CHECK(parse(with_key("short")).valid());
}

TEST_CASE("keys read later are held against inline ones, without repeating what was said") {
  const std::vector<NamedKey> keys = {{"inline-key-000000001", "caller \"a\"", {"f", 3, 1}, true},
                                      {"inline-key-000000001", "caller \"b\"", {"f", 3, 9}, true},
                                      {"short", "caller \"c\"", {"f", 4, 1}, true},
                                      {"inline-key-000000001", "caller \"d\"", {"f", 5, 1}, false},
                                      {"from-file", "the admin key", {"f", 6, 1}, false}};
  const auto found = check_client_keys(keys);
  REQUIRE(found.size() == 2);
  CHECK(to_text(found[0]) == "f:5:1: the key of caller \"d\" is also that of caller \"a\" on line 3");
  CHECK(found[1].warning);
}

TEST_CASE("no problem ever shows a key") {
  const std::string secret = "S3cretS3cretS3cret";
  for (const std::string& yaml :
       {"auth: {admin_key: [" + secret + "]}\n", "auth: {admin_key_env: \"" + secret + " x\"}\n",
        "auth: {admin_key_credential: /" + secret + "}\n",
        "gateway: {callers: [{name: a, tenant_key: \"" + secret + "\\n\", tenant_id: t}]}\n",
        "gateway: {callers: [{name: a, tenant_key: " + secret + ", tenant_id: t}, {name: b, tenant_key: " + secret +
            ", tenant_id: t}]}\n",
        "gateway: {providers: {openai: {api_key: \"" + secret + "\\n\"}}}\n",
        "gateway: {providers: {openai: {api_key: " + secret + ", api_key_env: X}}}\n"}) {
    CAPTURE(yaml);
    CHECK_FALSE(errors(yaml).empty());
    CHECK(errors(yaml).find("S3cret") == std::string::npos);
  }
}

TEST_CASE("one address is listened on once") {
  CHECK(errors("server: {listen: [\"127.0.0.1:80\", \"localhost:80\"]}\n") ==
        "talon.yaml:1:35: the address \"localhost:80\" stands on line 1 already\n");
  CHECK(errors("server: {listen: [\"127.0.0.1:0\", \"127.0.0.1:0\"]}\n").empty());
  CHECK(errors("server: {listen: []}\n") == "talon.yaml:1:18: \"listen\" needs at least one address\n");
  CHECK(errors("server: {listen: \"127.0.0.1:80\"}\n").empty());
}

TEST_CASE("bounds of numbers are kept") {
  CHECK(errors("server: {max_body: 1023}\n") != "");
  CHECK(errors("server: {max_body: 513MiB}\n") != "");
  CHECK(errors("gateway: {hold: {max_output_tokens: 0}}\n") != "");
  CHECK(errors("gateway: {hold: {max_output_tokens: 1.5}}\n") != "");
  CHECK(errors("gateway: {limits: {tenants: -1}}\n") != "");
  CHECK(errors("gateway: {providers: {openai: {timeout: 25h}}}\n") != "");
  CHECK(errors("gateway: {providers: {openai: {timeout: 0s}}}\n") != "");
  CHECK(errors("gateway: {providers: {openai: {connect_timeout: 11m}}}\n") != "");
}

TEST_CASE("a file with problems still answers for its data directory") {
  const auto parsed = parse("data_dir: /srv/talon\nnonsense: 1\n");
  CHECK_FALSE(parsed.valid());
  CHECK(parsed.config.data_dir == "/srv/talon");
}

TEST_CASE("the sample parses without a problem, and so does every file we ship") {
  CHECK(problems(config_sample()).empty());
  for (const std::string path : {"packaging/talon.yaml", "examples/systemd/talon.yaml", "examples/msp/talon.yaml"}) {
    CAPTURE(path);
    CHECK(errors(file(path)).empty());
  }
}

TEST_CASE("what the sample holds behind # parses as well") {
  std::string all;
  std::istringstream lines{config_sample()};
  for (std::string line; std::getline(lines, line);) {
    // Prose begins with one space behind its #.
    if (line.starts_with('#') && line.size() > 1 && (line[1] != ' ' || line.starts_with("#  "))) line.erase(0, 1);
    all += line + "\n";
  }
  CAPTURE(all);
  const auto parsed = parse(all);
  for (const auto& problem : parsed.problems) FAIL_CHECK(to_text(problem));
  CHECK(parsed.config.callers.size() == 1);
  CHECK(parsed.config.api_keys.size() == 1);
  CHECK(parsed.config.providers.size() == 2);
}

TEST_CASE("show is valid, masks every secret, and means the same configuration") {
  const std::string yaml = R"(data_dir: "/srv/\"odd\" \u202e dir"
server: {listen: ["[::1]:80", "unix:/run/a: b", {address: "[::1]:81", tls: {certificate: "c: 1", private_key: k}}], max_body: 1025, admin_listen: ["[::1]:82"]}
auth: {admin_key: TopSecretAdminKey, admin_keys: [{name: r, key: TopSecretReadKey, scope: read}], api_keys: [{name: "o: ps", key: TopSecretStaticKey}, {name: e, key_env: E}]}
gateway:
  default_provider: openai
  mode: shadow
  providers: {openai: {api_key: TopSecretProviderKey, timeout: 1500ms, max_retries: 2}}
  defaults: {max_daily_cost: 1.5, requests_per_minute: 60, allowed_models: ["gpt: *"]}
  limits: {max_daily_cost: 100, allowed_models: ["*"]}
  callers: [{name: "{a}", tenant_key: TopSecretCallerKey, tenant_id: "ü #1", policy_overrides: {max_daily_cost: 0.25, max_body: 1KiB}}]
tiers: {mini: {rank: 5, requests_per_month: 100, requests_per_second: 1, max_providers: 1, max_api_keys: unlimited, audit_logs: true, sla: "no: ne"}}
projects: {"w: eb": {virtual_key_stale_days: 30}}
vault: {durability: batched, priority: realtime}
)";
  const auto parsed = parse(yaml);
  CHECK(parsed.problems.empty());
  const auto shown = show_config(parsed.config);
  CAPTURE(shown);
  CHECK(shown.find("TopSecret") == std::string::npos);
  CHECK(shown.find("\u202e") == std::string::npos);
  const auto document = read_yaml(shown, "shown");
  CHECK(document.complete);
  CHECK(document.problems.empty());
  // Masks are equal keys; made different, the shown text is a configuration of the same meaning.
  std::string again = shown;
  int number = 0;
  for (std::size_t at = again.find("********"); at != std::string::npos; at = again.find("********"))
    again.replace(at, 8, "masked-key-number-" + std::to_string(number++));
  const auto back = parse(again);
  for (const auto& problem : back.problems) FAIL_CHECK(to_text(problem));
  CHECK(back.config.data_dir == parsed.config.data_dir);
  CHECK(back.config.journal_priority == Priority::realtime);
  CHECK(back.config.listen[1].unix_path == "/run/a: b");
  CHECK(back.config.max_body == 1025);
  CHECK(back.config.callers[0].name == "{a}");
  CHECK(back.config.callers[0].tenant == parsed.config.callers[0].tenant);
  CHECK(back.config.callers[0].policy.max_daily_cost == parsed.config.callers[0].policy.max_daily_cost);
  CHECK(back.config.api_keys[0].policy.max_daily_cost == parsed.config.api_keys[0].policy.max_daily_cost);
  CHECK(back.config.providers[0].timeout == parsed.config.providers[0].timeout);
  CHECK(back.config.durability == Durability::batched);
  CHECK(back.config.callers[0].policy.canonical_line() == parsed.config.callers[0].policy.canonical_line());
  CHECK(back.config.default_policy.canonical_line() == parsed.config.default_policy.canonical_line());
  CHECK(back.config.listen[2].tls->certificate == "c: 1");
  CHECK(back.config.admin_listen.size() == 1);
  CHECK(back.config.admin_keys[0].scope == AdminKeyConfig::Scope::read);
  CHECK(back.config.mode == Mode::shadow);
  CHECK(back.config.providers[0].max_retries == 2);
  CHECK(back.config.tiers.find("mini")->sla == "no: ne");
  CHECK(back.config.tiers.rows().size() == 5);
  CHECK(back.config.stale_days("w: eb") == 30);
}
