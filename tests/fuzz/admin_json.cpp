// Admin bodies: whatever comes in, the answer is a value or a sentence; what is accepted obeys its bounds.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/text.h"
#include "gateway/api/json_body.h"

namespace tg = talon::gateway;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

int depth_of(const tg::JsonValue& value) {
  int deepest = 0;
  for (const auto& inner : value.values) deepest = std::max(deepest, depth_of(inner) + 1);
  return deepest;
}

std::size_t count_of(const tg::JsonValue& value) {
  std::size_t count = 1;
  for (const auto& inner : value.values) count += count_of(inner);
  return count;
}

void check_tree(const tg::JsonValue& value) {
  require(talon::core::count_code_points(value.text).has_value());
  if (value.kind == tg::JsonValue::Kind::object) {
    require(value.names.size() == value.values.size());
    for (std::size_t i = 0; i < value.names.size(); ++i) require(value.find(value.names[i]) == &value.values[i]);
  }
  for (const auto& inner : value.values) check_tree(inner);
}

void check_refusal(const tg::Refusal& refusal) {
  require(!refusal.error.message.empty());
  require(talon::core::http_status(refusal.error.code) == 400);
  require(talon::core::count_code_points(refusal.error.message).has_value());
}

void read_members(const tg::JsonValue& body) {
  tg::BodyReader in(body);
  const auto name = in.name("name");
  const auto tier = in.word("tier", {"trial", "scale"});
  const auto email = in.optional_email("email");
  const auto money = in.optional_money("monthly_budget_usd");
  const auto tenant = in.optional_tenant("tenant_id");
  const auto key = in.provider_key("api_key");
  std::optional<std::int64_t> timeout;
  if (auto config = in.optional_object("config")) {
    timeout = config->optional_integer("timeout", 1, 600);
    static_cast<void>(config->problem());
  }
  if (const auto problem = in.problem()) return check_refusal(*problem);
  require(!name.empty() && talon::core::count_code_points(name).value_or(1000) <= 128);
  require(tier == "trial" || tier == "scale");
  require(!email || email->find('@') != std::string::npos);
  require(!money || (money->nano() >= 0 && *money <= tg::k_most_money));
  require(key.reveal().size() >= 8 && key.reveal().size() <= 512);
  require(!timeout || (*timeout >= 1 && *timeout <= 600));
  require(!tenant || talon::core::TenantId::parse(tenant->bytes()).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);  // its own memory: reading past it is seen
  const auto body = tg::parse_json_body(text, tg::BodyNeed::optional);
  if (!body) {
    check_refusal(body.error());
    return 0;
  }
  require(body->kind == tg::JsonValue::Kind::object);
  require(depth_of(*body) <= tg::k_max_body_depth);
  require(count_of(*body) <= tg::k_max_body_values);
  check_tree(*body);
  read_members(*body);
  return 0;
}
