// Whatever comes in: parse_config ends without a crash, an invalid file has a problem that says why, what is shown of a
// valid one is YAML again, and a restored indentation needs no second restoring. The pricing file's reader goes along.
#include "core/config.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/config_indent.h"
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
  if (const auto restored = core::restore_indentation(text, core::config_schema()); restored && restored->changed()) {
    const auto again = core::restore_indentation(restored->text, core::config_schema());
    if (again && again->text != restored->text) std::abort();
  }
  core::PriceTable prices;
  const bool fine = prices.overlay(text, "fuzz.yaml").empty();
  if (!fine && !prices.rows().empty()) std::abort();
  return 0;
}
