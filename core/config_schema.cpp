#include "core/config_schema.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/text.h"

namespace talon::core {
namespace {

using enum Shape;
using enum Since;

constexpr std::array k_tls = {SchemaKey{"certificate"}, SchemaKey{"private_key"}};
constexpr std::array k_listener = {SchemaKey{"address"}, SchemaKey{"tls", mapping, now, k_tls}};
constexpr std::array k_server = {
    SchemaKey{"listen", list, now, k_listener},
    SchemaKey{"admin_listen", list, now, k_listener},
    SchemaKey{"max_body"},
};
constexpr std::array k_static_key = {
    SchemaKey{"name"}, SchemaKey{"key"}, SchemaKey{"key_file"}, SchemaKey{"key_env"}, SchemaKey{"key_credential"},
};
constexpr std::array k_admin_key = {
    SchemaKey{"name"},           SchemaKey{"key"},   SchemaKey{"key_file"}, SchemaKey{"key_env"},
    SchemaKey{"key_credential"}, SchemaKey{"scope"},
};
constexpr std::array k_auth = {
    SchemaKey{"admin_key"},
    SchemaKey{"admin_key_file"},
    SchemaKey{"admin_key_env"},
    SchemaKey{"admin_key_credential"},
    SchemaKey{"admin_keys", rows, now, k_admin_key},
    SchemaKey{"api_keys", rows, now, k_static_key},
};
constexpr std::array k_provider = {
    SchemaKey{"dialect"},      SchemaKey{"base_url"},        SchemaKey{"api_key"},
    SchemaKey{"api_key_file"}, SchemaKey{"api_key_env"},     SchemaKey{"api_key_credential"},
    SchemaKey{"timeout"},      SchemaKey{"connect_timeout"}, SchemaKey{"max_retries"},
};
constexpr std::array k_hold = {SchemaKey{"max_output_tokens"}};
constexpr std::array k_policy = {
    SchemaKey{"max_daily_cost"},
    SchemaKey{"max_monthly_cost", scalar, later},
    SchemaKey{"max_session_cost", scalar, later},
    SchemaKey{"allowed_models", list},
    SchemaKey{"requests_per_minute"},
    SchemaKey{"max_body"},
};
constexpr std::array k_limits = {
    SchemaKey{"max_daily_cost"},
    SchemaKey{"tenants"},
    SchemaKey{"max_monthly_cost", scalar, later},
    SchemaKey{"max_session_cost", scalar, later},
    SchemaKey{"allowed_models", list},
    SchemaKey{"requests_per_minute"},
    SchemaKey{"max_body"},
};
constexpr std::array k_caller = {
    SchemaKey{"name"},
    SchemaKey{"tenant_key"},
    SchemaKey{"tenant_key_file"},
    SchemaKey{"tenant_key_env"},
    SchemaKey{"tenant_key_credential"},
    SchemaKey{"tenant_id"},
    SchemaKey{"policy_overrides", mapping, now, k_policy},
};
constexpr std::array k_gateway = {
    SchemaKey{"mode"},
    SchemaKey{"default_provider"},
    SchemaKey{"providers", names, now, k_provider},
    SchemaKey{"models", names, later},
    SchemaKey{"hold", mapping, now, k_hold},
    SchemaKey{"defaults", mapping, now, k_policy},
    SchemaKey{"limits", mapping, now, k_limits},
    SchemaKey{"callers", rows, now, k_caller},
    SchemaKey{"tenants", names, later},
};
constexpr std::array k_tier = {
    SchemaKey{"rank"},
    SchemaKey{"requests_per_month"},
    SchemaKey{"requests_per_second"},
    SchemaKey{"max_providers"},
    SchemaKey{"max_api_keys"},
    SchemaKey{"thompson_sampling"},
    SchemaKey{"speculative_execution"},
    SchemaKey{"council_mode"},
    SchemaKey{"budget_enforcement"},
    SchemaKey{"audit_logs"},
    SchemaKey{"on_premise_deployment"},
    SchemaKey{"sla"},
};
constexpr std::array k_tier_file = {SchemaKey{"tiers", names, now, k_tier}};
constexpr std::array k_project = {SchemaKey{"virtual_key_stale_days"}};
constexpr std::array k_vault = {SchemaKey{"durability"}, SchemaKey{"priority"}};
constexpr std::array k_config = {
    SchemaKey{"data_dir"},
    SchemaKey{"server", mapping, now, k_server},
    SchemaKey{"auth", mapping, now, k_auth},
    SchemaKey{"gateway", mapping, now, k_gateway},
    SchemaKey{"tiers", names, now, k_tier},
    SchemaKey{"projects", names, now, k_project},
    SchemaKey{"virtual_key_stale_days"},
    SchemaKey{"pricing_file"},
    SchemaKey{"vault", mapping, now, k_vault},
    SchemaKey{"alerts", mapping, later},
};

constexpr std::array k_long_context = {SchemaKey{"above"}, SchemaKey{"input"}, SchemaKey{"output"},
                                       SchemaKey{"cached_input"}};
constexpr std::array k_price_row = {
    SchemaKey{"provider"},       SchemaKey{"model"},        SchemaKey{"input"},
    SchemaKey{"output"},         SchemaKey{"cached_input"}, SchemaKey{"long_context", mapping, now, k_long_context},
    SchemaKey{"context_window"}, SchemaKey{"max_output"},   SchemaKey{"source"},
    SchemaKey{"effective"},
};
constexpr std::array k_pricing = {SchemaKey{"date"}, SchemaKey{"models", rows, now, k_price_row}};

std::string_view shape_name(Shape shape) {
  switch (shape) {
    case scalar:
      return "a single value";
    case list:
      return "a list";
    case mapping:
    case names:
      return "a mapping (key: value, indented below)";
    case rows:
      return "a list of mappings (- key: value)";
  }
  return "";
}

/// The key of `schema`'s mapping under which `name` is known, at any depth below.
const SchemaKey* owner_below(Schema schema, std::string_view name) {
  for (const auto& key : schema) {
    if (find_key(key.members, name) != nullptr) return &key;
    if (const auto* owner = owner_below(key.members, name)) return owner;
  }
  return nullptr;
}

class Checker {
 public:
  explicit Checker(Report& report) : report_(report) {}

  [[nodiscard]] Structure structure() const noexcept { return structure_; }

  void members(const YamlNode& node, Schema schema, std::string_view under) {
    for (const auto& member : node.members) {
      const SchemaKey* key = find_key(schema, member.key);
      if (key == nullptr) {
        unknown(member, schema, under);
      } else if (key->since == later) {
        const Place place = report_.place(member);
        say(Structure::unfamiliar, place, quote(member.key) + where(under) + " is not supported by this version").code =
            Code::not_supported;
      } else {
        value(member.value, *key, member);
      }
    }
  }

 private:
  void value(const YamlNode& node, const SchemaKey& key, const YamlMember& member) {
    if (node.kind == YamlNode::Kind::null) return;
    switch (key.shape) {
      case scalar:
        if (node.kind != YamlNode::Kind::scalar) wrong(member, key);
        return;
      case list:
        if (node.kind == YamlNode::Kind::scalar) return;  // one value instead of a list of one
        if (node.kind != YamlNode::Kind::sequence) return wrong(member, key);
        for (const auto& item : node.items) {
          if (item.kind != YamlNode::Kind::scalar) list_item(item, key);
        }
        return;
      case mapping:
        if (node.kind != YamlNode::Kind::mapping) return wrong(member, key);
        return members(node, key.members, key.name);
      case names:
        if (node.kind != YamlNode::Kind::mapping) return wrong(member, key);
        for (const auto& named : node.members) {
          if (named.value.kind == YamlNode::Kind::null) continue;
          if (named.value.kind != YamlNode::Kind::mapping) {
            say(Structure::broken, report_.place(named),
                quote(named.key) + " under \"" + std::string(key.name) + ":\" must be " +
                    std::string(shape_name(mapping)));
          } else {
            members(named.value, key.members, named.key);
          }
        }
        return;
      case rows:
        if (node.kind != YamlNode::Kind::sequence) return wrong(member, key);
        for (const auto& item : node.items) {
          if (item.kind != YamlNode::Kind::mapping) {
            say(Structure::broken, report_.place(item),
                "an entry of \"" + std::string(key.name) + ":\" must be " + std::string(shape_name(mapping)));
          } else {
            members(item, key.members, key.name);
          }
        }
        return;
    }
  }

  void list_item(const YamlNode& item, const SchemaKey& key) {
    if (!key.members.empty() && item.kind == YamlNode::Kind::mapping) return members(item, key.members, key.name);
    say(Structure::broken, report_.place(item),
        "an entry of \"" + std::string(key.name) + ":\" must be " + std::string(shape_name(scalar)));
  }

  void wrong(const YamlMember& member, const SchemaKey& key) {
    say(Structure::broken, report_.place(member), quote(member.key) + " must be " + std::string(shape_name(key.shape)));
  }

  void unknown(const YamlMember& member, Schema schema, std::string_view under) {
    if (const auto* owner = owner_below(schema, member.key)) {
      std::string message = quote(member.key) + " belongs under \"" + std::string(owner->name) + ":\"";
      if (under.empty()) message += "; the indentation was probably lost when copying";
      say(Structure::broken, report_.place(member), std::move(message));
      return;
    }
    std::vector<std::string_view> known;
    for (const auto& key : schema) {
      if (key.since == now) known.push_back(key.name);
    }
    const auto near = nearest(member.key, known);
    Problem& problem =
        say(Structure::unfamiliar, report_.place(member), "unknown key " + quote(member.key) + where(under));
    if (!near.empty()) {
      problem.message += "; did you mean \"" + std::string(near) + "\"?";
      problem.suggestion = std::string(near);
    }
  }

  static std::string where(std::string_view under) {
    return under.empty() ? "" : " under " + quote(std::string(under) + ":");
  }

  Problem& say(Structure structure, Place place, std::string message) {
    structure_ = std::max(structure_, structure);
    return report_.error(std::move(place), std::move(message));
  }

  Report& report_;
  Structure structure_ = Structure::sound;
};

}  // namespace

const SchemaKey* find_key(Schema schema, std::string_view name) noexcept {
  const auto found = std::ranges::find(schema, name, &SchemaKey::name);
  return found == schema.end() ? nullptr : &*found;
}

Schema config_schema() noexcept { return k_config; }

Schema tier_schema() noexcept { return k_tier_file; }

Schema pricing_schema() noexcept { return k_pricing; }

Structure check_keys(const YamlNode& root, Schema schema, Report& report) {
  if (root.kind == YamlNode::Kind::null) return Structure::sound;
  if (root.kind != YamlNode::Kind::mapping) {
    report.error(root, "the file must be a mapping (key: value) at its top level");
    return Structure::broken;
  }
  Checker checker(report);
  checker.members(root, schema, "");
  return checker.structure();
}

}  // namespace talon::core
