// Any bytes as a checkpoint and as a verifier key: opened or refused, never worse. What opens is spelled the one way.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vault/log/note.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace talon::vault;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  // The key of the corpus: seed of 32 times 'k', name talon-test.
  static const auto signer = SigningKey::from_seed(talon::core::Secret(std::string(32, 'k')));
  static const VerifierKey key{"talon-test", signer->public_key()};
  if (const auto opened = open_checkpoint(input, key)) {
    const auto text = signed_text(input);
    if (!text || opened->text() != *text) std::abort();
  }
  if (const auto parsed = VerifierKey::parse(input)) {
    if (parsed->text() != input) std::abort();
  }
  (void)check_vault_name(input).has_value();
  return 0;
}
