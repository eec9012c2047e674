#include "vault/registry/new_keys.h"

#include <span>

#include "vault/registry/row_codec.h"

namespace talon::vault {

using core::Result;

namespace {

/// `size` random bytes, `bits` at a time, in an alphabet of 2^bits letters; no padding.
core::Secret random_text(std::string_view prefix, std::size_t size, unsigned bits, std::string_view alphabet,
                         core::Random& random) {
  std::array<unsigned char, 32> bytes{};
  random.fill(std::as_writable_bytes(std::span(bytes.data(), size)));
  std::string text;
  text.reserve(64);  // never grows, so that no copy of it is left behind
  text += prefix;
  unsigned held = 0, count = 0;
  for (std::size_t i = 0; i < size; ++i) {
    held = held << 8 | bytes[i];
    for (count += 8; count >= bits; count -= bits) text += alphabet[held >> (count - bits) & ((1u << bits) - 1)];
    held &= (1u << count) - 1;
  }
  if (count > 0) text += alphabet[held << (bits - count) & ((1u << bits) - 1)];
  core::wipe(bytes.data(), bytes.size());
  return core::Secret(std::move(text));
}

KeyRow key_row(const KeyTable::NewEntry& entry) {
  return {.log = entry.tenant,
          .id = entry.id,
          .kind = entry.kind,
          .expose_cost = entry.expose_cost,
          .expires = entry.expires};
}

Result<void> put_in_force(WriteTxn& txn, const KeyTable::NewEntry& entry) {
  const auto digest = bytes_of(entry.digest);
  return txn.put(Table::keys, digest, encode(digest, key_row(entry)));
}

}  // namespace

core::Secret new_api_key_text(core::Random& random) {
  return random_text("sk-", 32, 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", random);
}

std::string preview_of(const core::Secret& api_key) {
  const auto text = api_key.reveal();
  return "sk-..." + std::string(text.substr(text.size() - 6));
}

core::Secret new_virtual_key_text(core::Random& random) {
  return random_text("vk_", 20, 5, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", random);
}

std::string new_tenant_id(core::Instant now, core::Random& random) {
  const auto ulid = core::Ulid::make(now, random);
  std::string text = "tenant_";
  for (const char c : ulid.text()) text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

KeyTable::NewEntry entry_of(LogNumber log, const ApiKeyRow& row) {
  return {.digest = row.digest,
          .id = row.id,
          .tenant = log,
          .expires = row.expires ? row.expires->micros : 0,
          .kind = KeyClass::tenant_key,
          .expose_cost = true};
}

KeyTable::NewEntry entry_of(LogNumber log, const VirtualKeyRow& row) {
  return {.digest = row.digest,
          .id = row.id,
          .tenant = row.tenant ? log : LogNumber{},
          .expires = 0,
          .kind = KeyClass::virtual_key,
          .expose_cost = row.expose_cost};
}

Result<void> put_api_key(WriteTxn& txn, LogNumber log, const ApiKeyRow& row) {
  const auto key = owned_key(log, row.id);
  TALON_TRY_VOID(txn.put(Table::api_keys, key, encode(key, row)));
  return put_in_force(txn, entry_of(log, row));
}

Result<void> remove_api_key(WriteTxn& txn, LogNumber log, const ApiKeyRow& row) {
  TALON_TRY_VOID(txn.remove(Table::api_keys, owned_key(log, row.id)));
  TALON_TRY_VOID(txn.remove(Table::keys, bytes_of(row.digest)));
  return {};
}

Result<void> put_virtual_key(WriteTxn& txn, LogNumber log, const VirtualKeyRow& row) {
  const auto key = owned_key(row.tenant ? log : LogNumber{}, row.id);
  TALON_TRY_VOID(txn.put(Table::virtual_keys, key, encode(key, row)));
  if (!row.revoked) return put_in_force(txn, entry_of(log, row));
  TALON_TRY_VOID(txn.remove(Table::keys, bytes_of(row.digest)));
  return {};
}

}  // namespace talon::vault
