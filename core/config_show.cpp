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
}

void show_caller(Writer& out, const CallerConfig& caller) {
  out.line(2, "- name: " + yaml_text(caller.name));
  out.line(3, secret_member("tenant_key", caller.tenant_key));
  out.line(3, "tenant_id: " + yaml_text(caller.tenant.bytes()));
  if (caller.policy.max_daily_cost) {
    out.line(3, "policy_overrides: {max_daily_cost: " + caller.policy.max_daily_cost->to_decimal() + '}');
  }
}

}  // namespace

std::string config_sample() { return std::string(k_config_sample_yaml); }

std::string show_config(const Config& config) {
  Writer out;
  if (config.data_dir) out.line(0, "data_dir: " + yaml_text(*config.data_dir));
  out.line(0, "server:");
  std::string listen;
  for (const auto& address : config.listen) listen += (listen.empty() ? "" : ", ") + yaml_text(address.text);
  out.line(1, "listen: [" + listen + ']');
  out.line(1, "max_body: " + size_text(config.max_body));
  if (config.admin_key || !config.api_keys.empty()) {
    out.line(0, "auth:");
    if (config.admin_key) out.line(1, secret_member("admin_key", *config.admin_key));
    if (!config.api_keys.empty()) out.line(1, "api_keys:");
    for (const auto& key : config.api_keys) {
      out.line(2, "- name: " + yaml_text(key.name));
      out.line(3, secret_member("key", key.key));
    }
  }
  out.line(0, "gateway:");
  out.line(1, "mode: enforce");
  if (!config.default_provider.empty()) out.line(1, "default_provider: " + yaml_text(config.default_provider));
  out.line(1, "providers:");
  for (const auto& provider : config.providers) show_provider(out, provider);
  out.line(1, "hold: {max_output_tokens: " + std::to_string(config.hold_max_output_tokens) + '}');
  // Every caller below shows its effective cap; of `defaults` and `limits` only what is effective beyond them is left.
  if (config.default_policy.max_daily_cost) {
    out.line(1, "defaults: {max_daily_cost: " + config.default_policy.max_daily_cost->to_decimal() + '}');
  }
  out.line(1, "limits: {tenants: " + std::to_string(config.max_tagged_tenants) +
                  (config.cap_ceiling ? ", max_daily_cost: " + config.cap_ceiling->to_decimal() : "") + '}');
  out.line(1, config.callers.empty() ? "callers: []" : "callers:");
  for (const auto& caller : config.callers) show_caller(out, caller);
  if (config.pricing_file) out.line(0, "pricing_file: " + yaml_text(*config.pricing_file));
  out.line(0, std::string("vault: {durability: ") + (config.durability == Durability::strict ? "strict}" : "batched}"));
  return out.take();
}

}  // namespace talon::core
