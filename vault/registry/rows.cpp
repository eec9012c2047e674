#include "vault/registry/rows.h"

#include "vault/registry/account.h"

namespace talon::vault {
namespace {

constexpr std::string_view k_key_prefix = "key_";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

std::string_view word(AccountSource source) noexcept {
  switch (source) {
    case AccountSource::config:
      return "config";
    case AccountSource::api:
      return "api";
    case AccountSource::tag:
      return "tag";
  }
  return "tag";
}

std::string_view word(AccountStatus status) noexcept {
  switch (status) {
    case AccountStatus::active:
      return "active";
    case AccountStatus::suspended:
      return "suspended";
    case AccountStatus::closed:
      return "closed";
  }
  return "closed";
}

const std::string& AccountRow::tier_at(core::Instant now) const noexcept {
  return pending_tier && effective_at && *effective_at <= now ? *pending_tier : tier;
}

std::string key_id_text(const IdBytes& id) {
  const auto ulid = evidence_id(id).ulid();
  std::string text(k_key_prefix);
  for (const char c : ulid.text()) text += lower(c);
  return text;
}

std::optional<IdBytes> parse_key_id(std::string_view text) noexcept {
  std::array<char, 26> digits{};
  if (text.size() != k_key_prefix.size() + digits.size() || !text.starts_with(k_key_prefix)) return std::nullopt;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const char c = text[k_key_prefix.size() + i];
    if (c >= 'A' && c <= 'Z') return std::nullopt;  // one spelling only
    digits[i] = upper(c);
  }
  const auto ulid = core::Ulid::parse({digits.data(), digits.size()});
  if (!ulid) return std::nullopt;
  return id_bytes(core::EvidenceId(*ulid));
}

const ProviderCredential* Account::credential(std::string_view provider) const noexcept {
  for (const auto& own : credentials) {
    if (own.provider == provider) return &own;
  }
  return nullptr;
}

}  // namespace talon::vault
