// Whatever comes in: parse_config ends without a crash, an invalid file has a problem that says why, what is shown of a
// valid one is YAML again, and a restored file needs no second restoring. The pricing file's reader goes along.
#include "core/config.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/price.h"
#include "core/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace core = talon::core;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = core::parse_config(text, "fuzz.yaml");
  for (const auto& problem : parsed.problems) {
    if (problem.message.empty() || problem.place.file != "fuzz.yaml") std::abort();
  }
  const auto shown = core::read_yaml(core::show_config(parsed.config), "shown");
  if (!shown.complete || !shown.problems.empty()) std::abort();
  for (const auto& problem : parsed.problems) {
    if (!problem.suggestion || problem.suggestion->find('\n') == std::string::npos) continue;
    for (const auto& left : core::parse_config(*problem.suggestion, "restored").problems) {
      if (left.suggestion && left.suggestion->find('\n') != std::string::npos) std::abort();
    }
  }
  core::PriceTable prices;
  const bool fine = prices.overlay(text, "fuzz.yaml").empty();
  if (!fine && !prices.rows().empty()) std::abort();
  return 0;
}
