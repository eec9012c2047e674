// The `gateway:` part of talon.yaml: mode, providers, callers.
#include <algorithm>
#include <map>
#include <utility>

#include "core/config_sections.h"
#include "core/config_values.h"

namespace talon::core {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t k_max_provider_name = 64;
constexpr std::int64_t k_max_retries = 10;
constexpr std::int64_t k_max_hold_tokens = 10'000'000;
constexpr std::int64_t k_max_tagged_tenants = 10'000'000;

void read_timeout(const Section& section, std::string_view key, milliseconds least, milliseconds most,
                  milliseconds& out, Report& report) {
  const auto* node = section.scalar(key);
  if (node == nullptr) return;
  const auto duration = parse_duration(node->text);
  if (!duration) {
    report.error(*node, quote(key) + " " + duration.error().message);
  } else if (*duration < least || *duration > most) {
    report.error(*node, quote(key) + " must lie between " + std::to_string(least.count()) + "ms and " +
                            std::to_string(most.count() / 1000) + "s");
  } else {
    out = *duration;
  }
}

bool is_provider_name(std::string_view name) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= k_max_provider_name && is_alnum(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

/// The providers that exist without being written. Only `openai` can be spoken to by this version.
ProviderConfig built_in_openai() {
  ProviderConfig openai;
  openai.name = "openai";
  openai.base_url = "https://api.openai.com/v1";
  openai.api_key.emplace();
  openai.api_key->kind = SecretSource::Kind::environment;
  openai.api_key->name = "OPENAI_API_KEY";
  return openai;
}

/// The dialect an entry will have; empty after a problem.
std::string read_dialect(const YamlMember& entry, const Section& section, Report& report) {
  const auto* node = section.scalar("dialect");
  std::string dialect = "openai";
  if (entry.key == "anthropic") dialect = "anthropic";
  if (entry.key == "google") dialect = "gemini";
  if (node != nullptr) dialect = node->text;
  if (dialect == "anthropic" || dialect == "gemini") {
    const Place place = node != nullptr ? report.place(*node) : report.place(entry);
    report
        .error(place, "provider " + quote(entry.key) + ": dialect " + quote(dialect) +
                          " is not supported by this version; it speaks \"openai\"")
        .code = Code::not_supported;
    return {};
  }
  if (dialect != "openai") {
    report.error(*node, "\"dialect\" must be \"openai\", not " + quote(dialect));
    return {};
  }
  return dialect;
}

void read_provider(const YamlMember& entry, Config& config, Report& report) {
  const Section section(&entry.value);
  if (!is_provider_name(entry.key)) {
    report.error(entry, "a provider's name consists of A-Z, a-z, 0-9, '-', '_' and '.', at most 64 of them: " +
                            quote(entry.key));
    return;
  }
  const std::string dialect = read_dialect(entry, section, report);
  const auto known = std::ranges::find(config.providers, entry.key, &ProviderConfig::name);
  ProviderConfig fresh;
  ProviderConfig& provider = known == config.providers.end() ? fresh : *known;
  provider.name = entry.key;
  provider.place = report.place(entry);
  if (!dialect.empty()) provider.dialect = dialect;

  if (const auto* node = section.scalar("base_url")) {
    if (auto url = parse_base_url(node->text)) {
      provider.base_url = *std::move(url);
    } else {
      report.error(*node, "\"base_url\" " + url.error().message);
    }
  } else if (provider.base_url.empty() && !dialect.empty()) {
    report.error(entry, "provider " + quote(entry.key) + " has no \"base_url\"");
  }
  if (auto key = read_secret(section, "api_key", report)) {
    if (key->kind == SecretSource::Kind::inline_text) {
      if (const auto reason = key_problem(key->text.reveal()))
        report.error(key->place, "\"api_key\" of provider " + quote(entry.key) + " " + *reason);
    }
    provider.api_key = std::move(key);
  }
  using namespace std::chrono_literals;
  read_timeout(section, "timeout", 100ms, 24h, provider.timeout, report);
  read_timeout(section, "connect_timeout", 10ms, 10min, provider.connect_timeout, report);
  if (const auto retries = read_count(section, "max_retries", 0, k_max_retries, report))
    provider.max_retries = static_cast<int>(*retries);
  if (known == config.providers.end() && !dialect.empty()) config.providers.push_back(std::move(fresh));
}

void read_tenant(const Section& section, std::string_view who, std::optional<TenantId>& tenant, Report& report) {
  const auto* node = section.scalar("tenant_id");
  if (node == nullptr) {
    if (section.value("tenant_id") == nullptr)
      report.error(*section.node(), std::string(who) + " has no \"tenant_id\"");
    return;
  }
  auto id = TenantId::parse(node->text);
  if (!id) {
    report.error(*node, "\"tenant_id\" of " + std::string(who) + ": " + id.error().message).code =
        Code::invalid_tenant_id;
    return;
  }
  tenant = *std::move(id);
}

void read_caller(const YamlNode& node, PolicyReader& policies, std::map<std::string, int>& names, Config& config,
                 Report& report) {
  const Section section(&node);
  std::string name;
  const bool named = read_name(section, "a caller", name, report);
  const std::string who = named ? "caller " + quote(name) : "this caller";
  if (named) (void)take_name(section, name, names, report);
  auto key = read_secret(section, "tenant_key", report);
  if (!key && section.value("tenant_key") == nullptr && section.value("tenant_key_file") == nullptr &&
      section.value("tenant_key_env") == nullptr && section.value("tenant_key_credential") == nullptr) {
    report.error(node,
                 who + R"( has no "tenant_key" (nor "tenant_key_file", "tenant_key_env" or "tenant_key_credential"))");
  }
  std::optional<TenantId> tenant;
  read_tenant(section, who, tenant, report);
  CallerPolicy policy = policies.read(section.section("policy_overrides"), who);
  if (named && key && tenant) {
    config.callers.push_back(
        CallerConfig{std::move(name), *std::move(key), *std::move(tenant), std::move(policy), report.place(node)});
  }
}

}  // namespace

void read_gateway(const Section& gateway, Config& config, Report& report) {
  if (const auto* node = gateway.scalar("mode")) {
    if (node->text == "shadow")
      config.mode = Mode::shadow;
    else if (node->text != "enforce")
      report.error(*node, R"("mode" must be "enforce" or "shadow", not )" + quote(node->text));
  }
  config.providers.push_back(built_in_openai());
  if (const Section providers = gateway.section("providers"); providers.node() != nullptr) {
    for (const auto& entry : providers.node()->members) read_provider(entry, config, report);
  }
  if (const auto* node = gateway.scalar("default_provider")) {
    config.default_provider = node->text;
    if (std::ranges::find(config.providers, node->text, &ProviderConfig::name) == config.providers.end()) {
      const bool later = node->text == "anthropic" || node->text == "google";
      Problem& problem =
          report.error(*node, "\"default_provider\" " + quote(node->text) +
                                  (later ? " is not supported by this version" : " is not under \"providers:\""));
      if (later) problem.code = Code::not_supported;
    }
  }
  if (const auto count = read_count(gateway.section("hold"), "max_output_tokens", 1, k_max_hold_tokens, report))
    config.hold_max_output_tokens = *count;
  if (const auto count = read_count(gateway.section("limits"), "tenants", 0, k_max_tagged_tenants, report))
    config.max_tagged_tenants = *count;
  PolicyReader policies(gateway, config.max_body, report);
  config.default_policy = policies.standard();
  config.ceiling = policies.ceiling();
  for (auto& key : config.api_keys) key.policy = config.default_policy;

  // Static keys are callers of their own, so all names share one space.
  std::map<std::string, int> names;
  for (const auto& key : config.api_keys) names.emplace(key.name, key.place.line);
  for (const auto* node : gateway.rows("callers")) read_caller(*node, policies, names, config, report);
}

}  // namespace talon::core
