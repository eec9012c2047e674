// `talon config show` and `talon config sample`. Written by hand, so that no secret passes through an
// emitter: a Secret never gets further than the mask.
#include <string>
#include <string_view>

#include "core/config.h"
#include "core/text.h"

namespace talon::core {

extern const std::string_view k_config_sample_yaml;  // core/config_sample.yaml, embedded at configure time

namespace {

constexpr std::string_view k_mask = "\"********\"";

/// A double-quoted YAML scalar (YAML 1.2 §5.7): whatever the text is, it stays one scalar.
std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const auto [value, length] = decode_utf8(text.substr(at));
    if (value == '"' || value == '\\') {
      out += '\\';
      out += static_cast<char>(value);
    } else if (length == 0 || is_control(value) || is_line_separator(value) || is_bidi_mark(value) || value == 0xfeff) {
      // \x and \u name code points; a byte that is none is shown as the replacement character.
      const char32_t shown = length == 0 ? 0xfffd : value;
      const std::string bytes = {static_cast<char>(shown >> 8 & 0xff), static_cast<char>(shown & 0xff)};
      out += "\\u" + hex_encode(bytes);
    } else {
      out += text.substr(at, length);
    }
    at += length == 0 ? 1 : length;
  }
  return out + '"';
}

std::string secret_member(std::string_view base, const SecretSource& source) {
  switch (source.kind) {
    case SecretSource::Kind::inline_text:
      return std::string(base) + ": " + std::string(k_mask);
    case SecretSource::Kind::file:
      return std::string(base) + "_file: " + yaml_text(source.name);
    case SecretSource::Kind::environment:
      return std::string(base) + "_env: " + yaml_text(source.name);
    case SecretSource::Kind::credential:
      return std::string(base) + "_credential: " + yaml_text(source.name);
  }
  return {};
}

std::string duration_text(std::chrono::milliseconds duration) {
  return duration.count() % 1000 == 0 ? std::to_string(duration.count() / 1000) + 's'
                                      : std::to_string(duration.count()) + "ms";
}

std::string size_text(std::int64_t bytes) {
  if (bytes % (1 << 20) == 0) return std::to_string(bytes >> 20) + "MiB";
  if (bytes % (1 << 10) == 0) return std::to_string(bytes >> 10) + "KiB";
  return std::to_string(bytes);
}

/// Lines at two spaces a level.
class Writer {
 public:
  void line(int level, std::string_view text) {
    out_.append(static_cast<std::size_t>(level) * 2, ' ');
    out_ += text;
    out_ += '\n';
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void show_provider(Writer& out, const ProviderConfig& provider) {
  out.line(2, yaml_text(provider.name) + ':');
  out.line(3, "dialect: " + yaml_text(provider.dialect));
  out.line(3, "base_url: " + yaml_text(provider.base_url));
  if (provider.api_key) out.line(3, secret_member("api_key", *provider.api_key));
  out.line(3, "timeout: " + duration_text(provider.timeout));
  out.line(3, "connect_timeout: " + duration_text(provider.connect_timeout));
  if (provider.max_retries > 0) out.line(3, "max_retries: " + std::to_string(provider.max_retries));
}

std::string list_text(const std::vector<std::string>& texts) {
  std::string list;
  for (const auto& text : texts) list += (list.empty() ? "" : ", ") + yaml_text(text);
  return '[' + list + ']';
}

/// `max_daily_cost: 5, requests_per_minute: 60`; empty when nothing is bounded.
std::string policy_members(const CallerPolicy& policy) {
  std::string members;
  const auto add = [&](std::string_view key, const std::string& value) {
    members += (members.empty() ? "" : ", ") + std::string(key) + ": " + value;
  };
  if (policy.max_daily_cost) add("max_daily_cost", policy.max_daily_cost->to_decimal());
  if (policy.requests_per_minute) add("requests_per_minute", std::to_string(*policy.requests_per_minute));
  if (policy.max_body) add("max_body", size_text(*policy.max_body));
  if (policy.allowed_models && !policy.allowed_models->empty())
    add("allowed_models", list_text(*policy.allowed_models));
  return members;
}

std::string listen_text(const ListenAddress& address) {
  if (!address.tls) return yaml_text(address.text);
  return "{address: " + yaml_text(address.text) + ", tls: {certificate: " + yaml_text(address.tls->certificate) +
         ", private_key: " + yaml_text(address.tls->private_key) + "}}";
}

void show_listen(Writer& out, std::string_view key, const std::vector<ListenAddress>& addresses) {
  std::string list;
  for (const auto& address : addresses) list += (list.empty() ? "" : ", ") + listen_text(address);
  out.line(1, std::string(key) + ": [" + list + ']');
}

void show_auth(Writer& out, const Config& config) {
  if (!config.admin_key && config.admin_keys.empty() && config.api_keys.empty()) return;
  out.line(0, "auth:");
  if (config.admin_key) out.line(1, secret_member("admin_key", *config.admin_key));
  if (!config.admin_keys.empty()) out.line(1, "admin_keys:");
  for (const auto& key : config.admin_keys) {
    out.line(2, "- name: " + yaml_text(key.name));
    out.line(3, secret_member("key", key.key));
    out.line(3, std::string("scope: ") + (key.scope == AdminKeyConfig::Scope::full ? "full" : "read"));
  }
  if (!config.api_keys.empty()) out.line(1, "api_keys:");
  for (const auto& key : config.api_keys) {
    out.line(2, "- name: " + yaml_text(key.name));
    out.line(3, secret_member("key", key.key));
  }
}

std::string bound_text(std::optional<std::int64_t> bound) { return bound ? std::to_string(*bound) : "unlimited"; }

void show_tiers(Writer& out, const TierTable& tiers) {
  out.line(0, "tiers:");
  for (const auto& tier : tiers.rows()) {
    out.line(1, yaml_text(tier.name) + ':');
    out.line(2, "rank: " + std::to_string(tier.rank));
    out.line(2, "requests_per_month: " + bound_text(tier.requests_per_month));
    out.line(2, "requests_per_second: " + bound_text(tier.requests_per_second));
    out.line(2, "max_providers: " + bound_text(tier.max_providers));
    out.line(2, "max_api_keys: " + bound_text(tier.max_api_keys));
    for (const auto feature : all_features())
      out.line(2, std::string(word(feature)) + (tier.has(feature) ? ": true" : ": false"));
    if (tier.sla) out.line(2, "sla: " + yaml_text(*tier.sla));
  }
}

void show_caller(Writer& out, const CallerConfig& caller) {
  out.line(2, "- name: " + yaml_text(caller.name));
  out.line(3, secret_member("tenant_key", caller.tenant_key));
  out.line(3, "tenant_id: " + yaml_text(caller.tenant.bytes()));
  if (const auto members = policy_members(caller.policy); !members.empty())
    out.line(3, "policy_overrides: {" + members + '}');
}

}  // namespace

std::string config_sample() { return std::string(k_config_sample_yaml); }

std::string show_config(const Config& config) {
  Writer out;
  if (config.data_dir) out.line(0, "data_dir: " + yaml_text(*config.data_dir));
  out.line(0, "server:");
  show_listen(out, "listen", config.listen);
  if (!config.admin_listen.empty()) show_listen(out, "admin_listen", config.admin_listen);
  out.line(1, "max_body: " + size_text(config.max_body));
  show_auth(out, config);
  out.line(0, "gateway:");
  out.line(1, std::string("mode: ") + (config.mode == Mode::enforce ? "enforce" : "shadow"));
  if (!config.default_provider.empty()) out.line(1, "default_provider: " + yaml_text(config.default_provider));
  out.line(1, "providers:");
  for (const auto& provider : config.providers) show_provider(out, provider);
  out.line(1, "hold: {max_output_tokens: " + std::to_string(config.hold_max_output_tokens) + '}');
  // Every caller below shows its effective policy; of `defaults` and `limits` only what is effective beyond them is left.
  if (const auto members = policy_members(config.default_policy); !members.empty())
    out.line(1, "defaults: {" + members + '}');
  const auto ceiling = policy_members(config.ceiling);
  out.line(1, "limits: {tenants: " + std::to_string(config.max_tagged_tenants) +
                  (ceiling.empty() ? "" : ", " + ceiling) + '}');
  out.line(1, config.callers.empty() ? "callers: []" : "callers:");
  for (const auto& caller : config.callers) show_caller(out, caller);
  show_tiers(out, config.tiers);
  out.line(0, "virtual_key_stale_days: " + std::to_string(config.virtual_key_stale_days));
  if (!config.projects.empty()) out.line(0, "projects:");
  for (const auto& [name, project] : config.projects) {
    out.line(1, yaml_text(name) + ": {virtual_key_stale_days: " + std::to_string(project.virtual_key_stale_days) + '}');
  }
  if (config.pricing_file) out.line(0, "pricing_file: " + yaml_text(*config.pricing_file));
  out.line(0, std::string("vault: {durability: ") + (config.durability == Durability::strict ? "strict" : "batched") +
                  ", priority: " + (config.journal_priority == Priority::normal ? "normal}" : "realtime}"));
  return out.take();
}

}  // namespace talon::core
