#include "vault/config_files.h"

#include <sys/stat.h>

#include <fstream>

#include "tests/unit/vault/test_world.h"

using namespace talon;
using namespace talon::vault;
using talon::vault::test::TempDir;
namespace fs = std::filesystem;

namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

ProcessEnvironment environment_of(Variables variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

ConfigFile write_config(const fs::path& path, std::string_view text, mode_t mode = 0600) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), mode);
  return {path, "--config"};
}

std::string messages(const LoadOutcome& outcome) {
  std::string all;
  for (const auto& problem : outcome.problems) all += core::to_text(problem) + "\n";
  return all;
}

LoadOutcome load(const ConfigFile& file, Variables variables) {
  auto outcome = load_config(file, environment_of(std::move(variables)));
  REQUIRE_MESSAGE(outcome.has_value(), outcome.error().message);
  return std::move(*outcome);
}

constexpr const char* k_msp = R"(auth:
  admin_key_env: TALON_ADMIN_KEY
gateway:
  providers:
    openai: {api_key_env: OPENAI_API_KEY}
  callers:
    - name: app1
      tenant_key_env: APP1_KEY
      tenant_id: acme
    - name: app2
      tenant_key_file: app2.key
      tenant_id: globex
)";

}  // namespace

TEST_CASE("the configuration file is looked for in order, and one that is named must exist") {
  TempDir temp;
  const auto home = temp.path() / "home";
  fs::create_directories(home / ".config" / "talon");
  const auto in_home = home / ".config" / "talon" / "talon.yaml";
  std::ofstream(in_home) << "server: {}\n";
  const auto environment = environment_of({{"HOME", home.string()}});
  auto found = find_config_file(std::nullopt, environment);
  REQUIRE(found.has_value());
  REQUIRE(found->has_value());
  CHECK((*found)->path == in_home);

  const auto missing = find_config_file((temp.path() / "no.yaml").string(), environment);
  CHECK(missing.error().code == core::Code::config_missing);
  CHECK(missing.error().message.find("--config") != std::string::npos);
  const auto variable = find_config_file(std::nullopt, environment_of({{"TALON_CONFIG", "/nowhere/t.yaml"}}));
  CHECK(variable.error().message.find("$TALON_CONFIG") != std::string::npos);
}

TEST_CASE("the data directory says where its name came from") {
  core::Config config;
  config.data_dir = "/from/config";
  config.file = "/etc/talon/talon.yaml";
  const auto dir = [&](std::optional<std::string> flag, Variables variables, const core::Config* from) {
    const auto found = find_data_dir(flag, environment_of(std::move(variables)), from);
    REQUIRE(found.has_value());
    return found->described();
  };
  CHECK(dir("/flag", {{"TALON_DATA_DIR", "/env"}}, &config) == "/flag (from --data-dir)");
  CHECK(dir({}, {{"TALON_DATA_DIR", "/env"}}, &config) == "/env (from $TALON_DATA_DIR)");
  CHECK(dir({}, {{"STATE_DIRECTORY", "/state"}}, &config) == "/from/config (from data_dir in /etc/talon/talon.yaml)");
  CHECK(dir({}, {{"STATE_DIRECTORY", "/state:/other"}}, nullptr) == "/state (from $STATE_DIRECTORY)");
  config.data_dir = "beside";
  CHECK(dir({}, {}, &config) == "/etc/talon/beside (from data_dir in /etc/talon/talon.yaml)");
  if (!fs::exists("/var/lib/talon")) {
    CHECK(dir({}, {{"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}}, nullptr) == "/x/talon");
    CHECK(dir({}, {{"HOME", "/h"}}, nullptr) == "/h/.local/state/talon");
    CHECK(find_data_dir(std::nullopt, environment_of({}), nullptr).error().code == core::Code::usage);
  }
  CHECK(find_data_dir("", environment_of({}), nullptr).error().code == core::Code::usage);
}

TEST_CASE("a data directory is found in a file that has problems elsewhere") {
  TempDir temp;
  const auto file = write_config(temp.path() / "t.yaml", "data_dir: /srv/talon\nunknown_key: 1\n");
  CHECK(data_dir_of(file).value() == "/srv/talon");
  const auto relative = write_config(temp.path() / "r.yaml", "data_dir: data\n");
  CHECK(data_dir_of(relative).value() == (temp.path() / "data").string());
  const auto none = write_config(temp.path() / "n.yaml", "server: {}\n");
  CHECK(!data_dir_of(none).value().has_value());
}

TEST_CASE("secrets come from environment and files; what is off is said with its variable") {
  TempDir temp;
  std::ofstream(temp.path() / "app2.key") << "a-key-long-enough-for-app2\n";
  const auto file = write_config(temp.path() / "t.yaml", k_msp);
  const auto outcome = load(file, {{"APP1_KEY", "a-key-long-enough-for-app1"}});
  CHECK_MESSAGE(outcome.valid(), messages(outcome));
  CHECK(outcome.problems.empty());
  const auto& loaded = outcome.loaded;
  REQUIRE(loaded.caller_keys.size() == 2);
  CHECK(loaded.caller_keys[0].reveal() == "a-key-long-enough-for-app1");
  CHECK(loaded.caller_keys[1].reveal() == "a-key-long-enough-for-app2");
  CHECK(!loaded.admin_key);
  REQUIRE(loaded.providers.size() == loaded.config.providers.size());
  CHECK(!loaded.providers[0].on());
  std::string notices;
  for (const auto& notice : loaded.notices) notices += notice + "\n";
  CHECK(notices.find("TALON_ADMIN_KEY is not set") != std::string::npos);
  CHECK(notices.find("OPENAI_API_KEY is not set") != std::string::npos);

  const auto on = load(file, {{"APP1_KEY", "a-key-long-enough-for-app1"},
                              {"OPENAI_API_KEY", "sk-test-1234567890abcdef"},
                              {"TALON_ADMIN_KEY", "admin-key-long-enough"}});
  CHECK(on.loaded.providers[0].on());
  CHECK(on.loaded.admin_key->reveal() == "admin-key-long-enough");
  CHECK(on.loaded.notices.empty());
}

TEST_CASE("any other secret that cannot be had is a problem at its place, without a letter of any secret") {
  TempDir temp;
  const auto file = write_config(temp.path() / "t.yaml", k_msp);
  const auto outcome = load(file, {});
  CHECK(!outcome.valid());
  const auto text = messages(outcome);
  CHECK(text.find("APP1_KEY is not set") != std::string::npos);
  CHECK(text.find("app2.key") != std::string::npos);
  CHECK(text.find("t.yaml:8:") != std::string::npos);
}

TEST_CASE("a provider's key must be fit for a header, however it is given") {
  TempDir temp;
  const auto key = temp.path() / "openai.key";
  const auto from_file =
      write_config(temp.path() / "f.yaml", "gateway: {providers: {openai: {api_key_file: openai.key}}}\n");
  const auto write_key = [&](std::string_view text) { std::ofstream(key, std::ios::binary) << text; };

  write_key("sk-test-1234567890abcdef\r\nX-Evil: 1\r\n");
  const auto lines = load(from_file, {});
  CHECK_MESSAGE(lines.valid(), messages(lines));
  CHECK(lines.loaded.providers[0].api_key->reveal() == "sk-test-1234567890abcdef");

  for (const std::string_view bad :
       {"sk-test-1234567890\rX-Evil: 1\n", "sk-test-1234567890\tabcdef\n", " sk-test-1234567890abcdef\n"}) {
    write_key(bad);
    const auto outcome = load(from_file, {});
    CHECK_FALSE(outcome.valid());
    CHECK(messages(outcome).find("openai.key") != std::string::npos);
    CHECK(messages(outcome).find("1234567890") == std::string::npos);
  }
  const auto from_environment =
      write_config(temp.path() / "e.yaml", "gateway: {providers: {openai: {api_key_env: OPENAI_API_KEY}}}\n");
  const auto outcome = load(from_environment, {{"OPENAI_API_KEY", "sk-test-1234567890\r\nX-Evil: 1"}});
  CHECK_FALSE(outcome.valid());
  CHECK(messages(outcome).find("OPENAI_API_KEY") != std::string::npos);
}

TEST_CASE("one key under two names is found however each is given") {
  TempDir temp;
  std::ofstream(temp.path() / "app2.key") << "the-very-same-secret-key\n";
  const auto file = write_config(temp.path() / "t.yaml", k_msp);
  const auto outcome = load(file, {{"APP1_KEY", "the-very-same-secret-key"}});
  CHECK(!outcome.valid());
  const auto text = messages(outcome);
  CHECK(text.find("is also that of") != std::string::npos);
  CHECK(text.find("the-very-same") == std::string::npos);
}

TEST_CASE("short keys and secrets in a file that everyone may read are warned of") {
  TempDir temp;
  std::ofstream(temp.path() / "app2.key") << "short\n";
  const auto file = write_config(temp.path() / "t.yaml", k_msp);
  const auto short_key = load(file, {{"APP1_KEY", "a-key-long-enough-for-app1"}});
  CHECK(short_key.valid());
  CHECK(messages(short_key).find("shorter than 16") != std::string::npos);

  constexpr const char* k_inline = R"(gateway:
  callers:
    - {name: app1, tenant_key: "a-key-long-enough-for-app1", tenant_id: acme}
)";
  const auto open = load(write_config(temp.path() / "o.yaml", k_inline, 0644), {});
  CHECK(open.valid());
  CHECK(messages(open).find("chmod 640") != std::string::npos);
  CHECK(load(write_config(temp.path() / "p.yaml", k_inline, 0640), {}).problems.empty());
}

TEST_CASE("a credential is looked up where systemd puts it") {
  TempDir temp;
  std::ofstream(temp.path() / "app") << "a-key-from-a-credential\n";
  const auto file = write_config(temp.path() / "t.yaml",
                                 "gateway: {callers: [{name: a, tenant_key_credential: app, tenant_id: acme}]}\n");
  const auto outcome = load(file, {{"CREDENTIALS_DIRECTORY", temp.path().string()}});
  CHECK_MESSAGE(outcome.valid(), messages(outcome));
  CHECK(outcome.loaded.caller_keys.at(0).reveal() == "a-key-from-a-credential");
  CHECK(messages(load(file, {})).find("systemd") != std::string::npos);
}

TEST_CASE("a configuration file that cannot be read names its owner and the remedy") {
  TempDir temp;
  CHECK(load_config({temp.path() / "no.yaml", "--config"}, environment_of({})).error().code ==
        core::Code::config_missing);
  CHECK(load_config({temp.path(), "--config"}, environment_of({})).error().code == core::Code::file_unreadable);
  const auto file = write_config(temp.path() / "t.yaml", "server: {}\n", 0000);
  if (::geteuid() != 0) {
    const auto refused = load_config(file, environment_of({}));
    CHECK(refused.error().code == core::Code::file_unreadable);
    CHECK(refused.error().message.find("belongs to") != std::string::npos);
  }
}

TEST_CASE("a pricing file lies beside its configuration and overrides the built-in table") {
  TempDir temp;
  const auto file = write_config(temp.path() / "t.yaml", "pricing_file: prices.yaml\n");
  CHECK(messages(load(file, {})).find("prices.yaml") != std::string::npos);
  std::ofstream(temp.path() / "prices.yaml") << "nonsense: [\n";
  CHECK(!load(file, {}).valid());
}
