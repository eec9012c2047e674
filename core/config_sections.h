// The readers of talon.yaml's parts, shared by config.cpp and config_gateway.cpp. Keys and shapes have
// been checked before (check_keys), so what has another shape is passed over here in silence.
#pragma once

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

void read_gateway(const Section& gateway, Config& config, Report& report);

}  // namespace talon::core
