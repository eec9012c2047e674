// How lists page (interfaces.md §4): `limit`, 50 unless said otherwise and at most 1000, and an opaque `cursor`, which
// objects give as next_cursor and bare arrays in a Link header.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "gateway/api/cursor.h"
#include "gateway/api/json_object.h"
#include "gateway/api/reads.h"
#include "gateway/http/target.h"
#include "vault/registry/registry.h"

namespace talon::gateway {

struct Page {
  std::size_t limit = 50;
  std::string after;  ///< the place of the cursor; empty: from the beginning
};
/// `limit` and `cursor`. Refusals: 400 for a limit that is not 1 … 1000, for a cursor that is none of this list.
[[nodiscard]] std::expected<Page, Refusal> read_page(const Query& query, ListOf list, std::size_t limit = 50);
/// For a place that the list's own reader does not know.
[[nodiscard]] std::unexpected<Refusal> refuse_cursor();

/// A page of keys: its place is the key that it ended with.
[[nodiscard]] std::expected<vault::KeyQuery, Refusal> read_key_page(const Query& query, ListOf list);
[[nodiscard]] std::optional<std::string> place_of(const std::optional<vault::IdBytes>& key);

/// `"next_cursor"`: null where there is no more.
void add_next_cursor(JsonObject& object, ListOf list, const std::optional<std::string>& place);
/// `Link: <…>; rel="next"` where there is more: the request's own members with another cursor.
void add_next_link(Response& response, const ApiRequest& request, const Query& query, ListOf list,
                   const std::optional<std::string>& place);

}  // namespace talon::gateway
