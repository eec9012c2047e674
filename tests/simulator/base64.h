// RFC 4648 base64, padded, for bodies in the simulator's control answers and behaviour language.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace talon::simulator {

[[nodiscard]] std::string encode_base64(std::string_view bytes);
/// Both alphabets are taken (a header or a model name may need the URL-safe one); padding may be missing.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace talon::simulator
