// Which names of a request body's members mean something here. Names are compared after unescaping; a
// name that only differs in case is not the same name, but some providers read it as if it were, so a
// case-variant of a name we act on is refused rather than passed on.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace talon::gateway {

enum class Member : std::uint8_t {
  model,
  stream,
  stream_options,
  max_tokens,
  max_completion_tokens,
  max_output_tokens,
  n,
  prompt,
  best_of,
  tenant_id,
  provider,
  routing_policy,
  council_mode,
  speculative_mode,
  other,
};
inline constexpr std::size_t k_members = static_cast<std::size_t>(Member::other);
[[nodiscard]] std::string_view name_of(Member member) noexcept;

enum class Spelling : std::uint8_t { exact, variant, broken };
struct NamedMember {
  Member member = Member::other;
  Spelling spelling = Spelling::exact;  ///< broken: the name has a broken escape
};
/// `raw`: between the quotes, escapes not undone.
[[nodiscard]] NamedMember classify(std::string_view raw);

/// Is this member's name (in any case) `wanted`?
[[nodiscard]] bool is_named(std::string_view raw, std::string_view wanted, Spelling& spelling);

/// Members that name an object living at the provider (T13); nullptr for others.
[[nodiscard]] const char* provider_state_name(std::string_view raw);
/// Members whose values are the client's own schemas and labels: nothing in them names provider state.
[[nodiscard]] bool holds_client_schema(std::string_view raw) noexcept;

}  // namespace talon::gateway
