// How keys and ids are made, and how a key's rows stand in the store: its own, and for as long as it is in force one
// under its digest.
#pragma once

#include "vault/registry/key_table.h"
#include "vault/registry/registry.h"
#include "vault/store/environment.h"

namespace talon::vault {

/// `sk-` and 43 base64url characters: 32 random bytes.
[[nodiscard]] core::Secret new_api_key_text(core::Random& random);
/// "sk-..." and the last six characters.
[[nodiscard]] std::string preview_of(const core::Secret& api_key);
/// `vk_` and 32 base32 characters (RFC 4648, A-Z2-7): 20 random bytes.
[[nodiscard]] core::Secret new_virtual_key_text(core::Random& random);
/// `tenant_` and a lower-case ULID.
[[nodiscard]] std::string new_tenant_id(core::Instant now, core::Random& random);

[[nodiscard]] KeyTable::NewEntry entry_of(LogNumber log, const ApiKeyRow& row);
[[nodiscard]] KeyTable::NewEntry entry_of(LogNumber log, const VirtualKeyRow& row);

[[nodiscard]] core::Result<void> put_api_key(WriteTxn& txn, LogNumber log, const ApiKeyRow& row);
/// The row goes: that the key was is in the evidence.
[[nodiscard]] core::Result<void> remove_api_key(WriteTxn& txn, LogNumber log, const ApiKeyRow& row);
/// One that is revoked keeps its row, and is no longer in force.
[[nodiscard]] core::Result<void> put_virtual_key(WriteTxn& txn, LogNumber log, const VirtualKeyRow& row);

}  // namespace talon::vault
