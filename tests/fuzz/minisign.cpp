// Any bytes as a .minisig file and as a minisign key: accepted or refused, never worse. What is accepted is spelled the
// one way a signer spells it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vault/log/minisign.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace talon::vault;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  // The key of the corpus: seed of 32 times 'k'; the file is "file\n".
  static const auto signer = SigningKey::from_seed(talon::core::Secret(std::string(32, 'k')));
  static const MinisignKey key = MinisignKey::of(signer->public_key());
  static const std::string genuine = minisign("file\n", "talon-test", "trusted", *signer);
  if (verify_minisign(input, "file\n", "talon-test", "trusted", key) && input != genuine) std::abort();
  if (const auto parsed = MinisignKey::parse(input)) {
    if (parsed->text() != input) std::abort();
  }
  return 0;
}
