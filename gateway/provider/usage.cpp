// Usage out of JSON, and billing by counting.
#include "gateway/provider/usage.h"

#include <algorithm>

#include "gateway/provider/json_cursor.h"
#include "gateway/provider/usage_reader.h"

namespace talon::gateway {
namespace {

constexpr std::size_t k_prompt_bytes_per_token = 3;
constexpr std::int64_t k_content_bytes_per_token = 4;
constexpr std::int64_t k_most_tokens = 1'000'000'000;  // no call has more; its price stays far from overflow

/// nullopt: no count that a call could have.
std::optional<std::int64_t> count_of(std::string_view raw) noexcept {
  const auto count = parse_json_integer(raw);
  return count && *count >= 0 && *count <= k_most_tokens ? count : std::nullopt;
}

/// The details objects: which part of the input was cached, which part of the output was thought.
bool read_details(JsonCursor& cursor, core::Usage& usage) {
  return cursor.object([&](std::string_view key, std::size_t) {
    const auto value = cursor.scalar_text();
    if (key == "cached_tokens") usage.cached_read = count_of(value);
    if (key == "reasoning_tokens") usage.reasoning = count_of(value);
    return cursor.skip();
  });
}

}  // namespace

bool read_usage(JsonCursor& cursor, std::optional<core::Usage>& into) {
  if (cursor.peek() != '{') return cursor.skip();
  core::Usage usage;
  bool believable = true;
  const bool read = cursor.object([&](std::string_view key, std::size_t) {
    if (cursor.at_end()) return false;
    if (key.ends_with("_tokens_details") && cursor.peek() == '{') return read_details(cursor, usage);
    const auto value = cursor.scalar_text();
    // OpenAI's two vocabularies: chat, completions and embeddings; Responses.
    const bool is_input = key == "prompt_tokens" || key == "input_tokens";
    const bool is_output = key == "completion_tokens" || key == "output_tokens";
    if (value != "null" && (is_input || is_output)) {
      const auto count = count_of(value);
      believable = believable && count;
      (is_input ? usage.input : usage.output) = count.value_or(0);
    }
    return cursor.skip();
  });
  if (!read) return false;
  // Part of the input. (Reasoning is not always part of the output: some providers count it apart.)
  if (usage.cached_read) usage.cached_read = std::min(*usage.cached_read, usage.input.value_or(0));
  if (believable && (usage.input || usage.output)) into = usage;
  return true;
}

std::optional<core::Usage> usage_of_json(std::string_view body) {
  const auto tokens = json_tokens(body);
  if (tokens.fault != JsonFault::none) return std::nullopt;
  JsonCursor cursor(body, tokens.starts);
  std::optional<core::Usage> usage;
  const bool whole = cursor.object(
      [&](std::string_view key, std::size_t) { return key == "usage" ? read_usage(cursor, usage) : cursor.skip(); });
  return whole && cursor.at_end() ? usage : std::nullopt;
}

bool is_whole_json(std::string_view body) {
  const auto tokens = json_tokens(body);
  if (tokens.fault != JsonFault::none) return false;
  JsonCursor cursor(body, tokens.starts);
  return cursor.skip() && cursor.at_end();
}

core::Usage counted_usage(std::size_t prompt_bytes, std::int64_t delta_events, std::int64_t content_bytes) {
  core::Usage usage;
  usage.basis = core::UsageBasis::counted;
  usage.input = static_cast<std::int64_t>((prompt_bytes + k_prompt_bytes_per_token - 1) / k_prompt_bytes_per_token);
  usage.output = std::max(delta_events, (content_bytes + k_content_bytes_per_token - 1) / k_content_bytes_per_token);
  return usage;
}

}  // namespace talon::gateway
