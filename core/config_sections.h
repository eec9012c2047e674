// The readers of talon.yaml's parts, shared by config.cpp and config_gateway.cpp. Keys and shapes have
// been checked before (check_keys), so what has another shape is passed over here in silence.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/config_report.h"
#include "core/yaml.h"

namespace talon::core {

/// A mapping to read members of; may be absent.
class Section {
 public:
  explicit Section(const YamlNode* node)
      : node_(node != nullptr && node->kind == YamlNode::Kind::mapping ? node : nullptr) {}

  /// The member's value when something is written there.
  [[nodiscard]] const YamlNode* value(std::string_view key) const;
  [[nodiscard]] const YamlNode* scalar(std::string_view key) const;
  [[nodiscard]] Section section(std::string_view key) const { return Section(value(key)); }
  /// The entries of a list of mappings.
  [[nodiscard]] std::vector<const YamlNode*> rows(std::string_view key) const;
  [[nodiscard]] const YamlNode* node() const noexcept { return node_; }

 private:
  const YamlNode* node_;
};

/// `base`, `base_file`, `base_env` or `base_credential`; more than one is a problem.
[[nodiscard]] std::optional<SecretSource> read_secret(const Section& section, std::string_view base, Report& report);
/// Whether a key is fit for a header; the reason why not otherwise.
[[nodiscard]] std::optional<std::string> key_problem(std::string_view key);
/// A caller's, a key's or a provider's name is fit for records.
[[nodiscard]] bool read_name(const Section& section, std::string_view what, std::string& name, Report& report);

/// The name is not taken yet; else a problem at `section`'s name.
[[nodiscard]] bool take_name(const Section& section, const std::string& name, std::map<std::string, int>& names,
                             Report& report);
/// A whole number within bounds; nullopt when nothing is written or after a problem.
[[nodiscard]] std::optional<std::int64_t> read_count(const Section& section, std::string_view key, std::int64_t least,
                                                     std::int64_t most, Report& report);

/// `listen` or `admin_listen` into `out`; `seen` holds the addresses of both.
void read_listen(const YamlNode* node, std::string_view key, std::map<std::string, int>& seen,
                 std::vector<ListenAddress>& out, Report& report);
void read_auth(const Section& auth, Config& config, Report& report);

void read_gateway(const Section& gateway, Config& config, Report& report);

/// Policies of callers under one `defaults` and one `limits` (config_policy.cpp).
class PolicyReader {
 public:
  /// Reads `defaults` and `limits` of `gateway`. `max_body` is the server's.
  PolicyReader(const Section& gateway, std::int64_t max_body, Report& report);
  /// The effective policy of one caller; `overrides` may be absent. `whose` finishes `"max_daily_cost" of …`.
  [[nodiscard]] CallerPolicy read(const Section& overrides, std::string_view whose);
  [[nodiscard]] const CallerPolicy& standard() const noexcept { return standard_; }
  [[nodiscard]] const CallerPolicy& ceiling() const noexcept { return ceiling_; }

 private:
  [[nodiscard]] CallerPolicy members(const Section& section, std::string_view whose);

  std::int64_t max_body_;
  Report& report_;
  CallerPolicy standard_, ceiling_;
};

/// `tiers:` over the built-in table (config_tiers.cpp).
void read_tiers(const Section& tiers, TierTable& table, Report& report);

}  // namespace talon::core
