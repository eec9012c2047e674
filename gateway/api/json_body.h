// Bodies of admin requests, read strictly: what is not understood is refused, with the member's path and what would be
// right, and nothing is guessed.
//
//   auto body = parse_json_body(text, BodyNeed::required);           // 400 invalid_json, 413
//   BodyReader in(*body);
//   auto name = in.name("name");
//   auto days = in.optional_integer("expires_in_days", 1, 36'500);
//   if (auto problem = in.problem()) return std::unexpected(*problem);   // 400 invalid_request; now all of it is good
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/money.h"
#include "core/secret.h"
#include "core/tenant_id.h"
#include "gateway/http/error_envelope.h"

namespace talon::gateway {

/// One value of a document. No two members of an object have the same name. Wipes its text, which may be a key.
struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  std::string text;                ///< of a string, escapes undone; of a number and a boolean, as written
  std::vector<std::string> names;  ///< of an object's members, in their order
  std::vector<JsonValue> values;   ///< of an object's members or an array

  JsonValue() = default;
  explicit JsonValue(Kind of) : kind(of) {}
  JsonValue(JsonValue&&) noexcept = default;
  JsonValue& operator=(JsonValue&&) noexcept = default;
  JsonValue(const JsonValue&) = delete;
  JsonValue& operator=(const JsonValue&) = delete;
  ~JsonValue() { core::wipe(text.data(), text.size()); }

  [[nodiscard]] const JsonValue* find(std::string_view name) const noexcept;
};

inline constexpr int k_max_body_depth = 16;
inline constexpr std::size_t k_max_body_values = 4'000;
inline constexpr std::size_t k_max_body_members = 256;  ///< of one object; no route knows so many

enum class BodyNeed : std::uint8_t { required, optional };  ///< optional: an empty body counts as {}
/// The whole text is one JSON object (RFC 8259, UTF-8, no duplicate members at any depth). Refusals: 400 invalid_json;
/// 400 invalid_request for a value that is no object, duplicates, more than k_max_body_values values, an object of more
/// than k_max_body_members members or a nesting deeper than k_max_body_depth. Its cost grows as the text does.
[[nodiscard]] std::expected<JsonValue, Refusal> parse_json_body(std::string_view text, BodyNeed need);

/// Reads the members of one object and keeps the first problem. Members that were never asked for are unknown. Answers
/// are meaningful once problem() has said that there is none; an inner reader is asked before its outer one. The values
/// and the names asked for outlive it.
class BodyReader {
 public:
  explicit BodyReader(const JsonValue& object);
  BodyReader(BodyReader&&) = default;

  [[nodiscard]] bool has(std::string_view member);

  /// 1–128 code points without controls, line separators and bidi marks, white space at both ends taken off.
  [[nodiscard]] std::string name(std::string_view member);
  /// Absent, null and blank are nullopt.
  [[nodiscard]] std::optional<std::string> optional_name(std::string_view member, std::size_t most = 128);
  /// local@domain.tld
  [[nodiscard]] std::optional<std::string> optional_email(std::string_view member);
  /// Absent, null and blank are nullopt; 400 invalid_tenant_id.
  [[nodiscard]] std::optional<core::TenantId> optional_tenant(std::string_view member);
  /// The same form; 400 invalid_session_id.
  [[nodiscard]] std::optional<std::string> optional_session(std::string_view member);
  /// 8–512 visible ASCII characters.
  [[nodiscard]] core::Secret provider_key(std::string_view member);
  /// One of `words`.
  [[nodiscard]] std::string word(std::string_view member, const std::vector<std::string_view>& words);
  [[nodiscard]] std::optional<std::string> optional_word(std::string_view member,
                                                         const std::vector<std::string_view>& words);
  /// Not negative, at most 9 digits after the point, at most k_most_money.
  [[nodiscard]] std::optional<core::NanoUsd> optional_money(std::string_view member);
  [[nodiscard]] std::optional<std::int64_t> optional_integer(std::string_view member, std::int64_t least,
                                                             std::int64_t most);
  [[nodiscard]] std::optional<bool> optional_boolean(std::string_view member);
  /// nullopt when absent; its problems are this reader's problems.
  [[nodiscard]] std::optional<BodyReader> optional_object(std::string_view member);
  [[nodiscard]] BodyReader object(std::string_view member);
  /// Names of the members, in their order; asking takes them all as known.
  [[nodiscard]] const std::vector<std::string>& any_members();

  /// A problem that the caller sees with this member: `sentence` goes on after its path: "is not …".
  void refuse(std::string_view member, std::string_view sentence);
  /// Unknown members first: a misspelt name explains a missing one.
  [[nodiscard]] std::optional<Refusal> problem();

 private:
  struct Problems {
    std::optional<Refusal> unknown, first;
  };
  BodyReader(const JsonValue& object, std::string path, std::shared_ptr<Problems> problems);
  /// nullptr: absent. Null is a problem, unless it is allowed: then it is as absent.
  enum class Null : std::uint8_t { refused, as_absent };
  const JsonValue* take(std::string_view member, JsonValue::Kind kind, Null null);
  [[nodiscard]] std::string path_of(std::string_view member) const;
  void missing(std::string_view member, std::string_view wanted);
  std::optional<core::TenantId> optional_id(std::string_view member, core::Code code);
  std::optional<std::string> checked_name(std::string_view member, const JsonValue& value, std::size_t most);
  void check_unknown();

  const JsonValue* object_;
  std::string path_;
  std::vector<std::string_view> asked_;
  bool all_known_ = false;
  std::shared_ptr<Problems> problems_;
};

/// 2^53 nano-dollars: what a record can hold.
inline constexpr core::NanoUsd k_most_money{9'007'199'254'740'992};

}  // namespace talon::gateway
