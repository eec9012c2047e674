// Whatever comes in: checker and parser agree, what they accept is written back byte for byte, and a summary is only
// made of a canonical line.
#include "core/canonical_json.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/evidence_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const bool canonical = talon::core::check_canonical(line).has_value();
  const auto value = talon::core::parse_canonical(line);
  if (value.has_value() != canonical) std::abort();
  if (value) {
    std::string back;
    talon::core::write_canonical(*value, back);
    if (back != line) std::abort();
  }
  if (talon::core::summarize(line) && !canonical) std::abort();
  return 0;
}
