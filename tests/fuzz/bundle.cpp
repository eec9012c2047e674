// Any bytes as a .talon file: a report or an error, never worse, and the exit says what the checks say. The vault of the
// corpus has the log and export key of seed 32 times 'k' and 'e'.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vault/bundle/verifier.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace talon::vault;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  static const VerifyOptions options = [] {
    const auto log = SigningKey::from_seed(talon::core::Secret(std::string(32, 'k')));
    const auto exporting = SigningKey::from_seed(talon::core::Secret(std::string(32, 'e')));
    VerifyOptions made;
    made.pinned = PinnedKeys{VerifierKey{"talon-test", log->public_key()}, MinisignKey::of(exporting->public_key())};
    return made;
  }();
  const auto report = verify_bundle_bytes(input, options);
  if (!report) {
    if (report.error().message.empty()) std::abort();
    return 0;
  }
  const bool failed = std::any_of(report->checks.begin(), report->checks.end(),
                                  [](const Check& check) { return check.status == CheckStatus::fail; });
  if (failed != (report->exit == 1)) std::abort();
  if (report->exit != 0 && report->exit != 1 && report->exit != 4) std::abort();
  return 0;
}
