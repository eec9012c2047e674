// The JSON objects that HTTP and the command line answer alike (interfaces.md §4, "Shapes"). Pure: values
// in, one line of JSON out, without line feed. Money is the shortest plain decimal, instants have
// milliseconds, hashes are base64; stored lines are put in byte for byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vault/vault.h"

namespace talon::gateway {

/// `GET /api/tenants`, `talon tenant list`. `next_cursor` stands there only where there is more: the whole list is the
/// guide's object.
[[nodiscard]] std::string tenant_list_json(const vault::TenantList& list,
                                           const std::optional<std::string>& next_cursor = std::nullopt);
/// `talon tenant show`. `source`: "config" for a tenant of the YAML's callers, "tag" for one that only
/// calls have named. Without a tenant in the row: the unattributed bucket, "tenant_id":null.
[[nodiscard]] std::string tenant_json(const vault::TenantDetail& detail, std::string_view source = "config");
/// What a tenant is besides its sums.
struct TenantWords {
  std::string tier;  ///< empty: none
  std::string status = "active";
  std::string source = "tag";  ///< "config", "api" or "tag"
};
/// Of an account; `source`: where the tenant comes from when the account was only made for it later.
[[nodiscard]] TenantWords words_of(const vault::AccountRow& account, std::string_view source, core::Instant now);
/// `GET /api/tenants/{id}`, `talon tenant show`.
[[nodiscard]] std::string tenant_json(const vault::TenantDetail& detail, const TenantWords& words);
/// `GET /v1/costs`. `tenant` nullopt: the unattributed bucket.
[[nodiscard]] std::string costs_json(const std::optional<core::TenantId>& tenant, const vault::Costs& costs);
/// `GET /v1/evidence/{id}`, `talon audit show`.
[[nodiscard]] std::string evidence_detail_json(const vault::EvidenceDetail& detail);
/// `GET /v1/evidence`, `talon audit list`.
[[nodiscard]] std::string evidence_page_json(const vault::EvidencePage& page, vault::Order order);

/// The place in a cursor of evidence_page_json. nullopt: no such place.
[[nodiscard]] std::optional<vault::TreeSize> parse_evidence_place(std::string_view place, vault::Order order);

}  // namespace talon::gateway
