// The registry's rows as bytes: a version, the fields in order, a checksum over the table's key and all of it.
//
// Integers are big-endian and fixed in width; texts and lists have a length of four bytes before them; what may be
// absent has a byte 0 or 1 before it. The checksum is no seal (who can write the file can compute it): it finds damage,
// and a row that was moved to another key. Decoding refuses every other byte.
//
//   AccountRow      1  id source status name email tier pending_tier? effective_at? monthly_budget? own_provider_keys
//                      features_off[] routing reason suspended_at? closed_at? created changed
//   ApiKeyRow       1  id digest preview name created expires? last_used?
//   ProviderKeyRow  1  id provider sealed timeout_s max_retries created healthy last_check? models[]
//   VirtualKeyRow   1  id digest prefix name project tenant? issued_by? expose_cost issued last_used? revoked?
//   KeyRow          1  log id kind expose_cost expires
//   KeptAnswer      1  at key body answer
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vault/registry/registry.h"

namespace talon::vault {

/// What find() must know of a key in force; of Table::keys.
struct KeyRow {
  LogNumber log{};
  IdBytes id{};
  KeyClass kind = KeyClass::tenant_key;
  bool expose_cost = false;
  std::int64_t expires = 0;
};

struct KeptAnswer {
  core::Instant at;
  Idempotent answer;
};

/// Under which key of its table a row stands.
[[nodiscard]] SmallBytes owned_key(LogNumber log, const IdBytes& id);                 ///< api_keys, virtual_keys
[[nodiscard]] SmallBytes provider_key_key(LogNumber log, std::string_view provider);  ///< provider_keys
[[nodiscard]] SmallBytes answer_key(std::string_view key);                            ///< answers

[[nodiscard]] std::string encode(std::string_view key, const AccountRow& row);
[[nodiscard]] std::string encode(std::string_view key, const ApiKeyRow& row);
[[nodiscard]] std::string encode(std::string_view key, const ProviderKeyRow& row);
[[nodiscard]] std::string encode(std::string_view key, const VirtualKeyRow& row);
[[nodiscard]] std::string encode(std::string_view key, const KeyRow& row);
[[nodiscard]] std::string encode(std::string_view key, const KeptAnswer& row);

/// nullopt: not what encode() wrote under this key.
template <class Row>
[[nodiscard]] std::optional<Row> decode(std::string_view key, std::string_view value);
template <>
std::optional<AccountRow> decode(std::string_view key, std::string_view value);
template <>
std::optional<ApiKeyRow> decode(std::string_view key, std::string_view value);
template <>
std::optional<ProviderKeyRow> decode(std::string_view key, std::string_view value);
template <>
std::optional<VirtualKeyRow> decode(std::string_view key, std::string_view value);
template <>
std::optional<KeyRow> decode(std::string_view key, std::string_view value);
template <>
std::optional<KeptAnswer> decode(std::string_view key, std::string_view value);

}  // namespace talon::vault
