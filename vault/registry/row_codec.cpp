#include "vault/registry/row_codec.h"

#include "vault/store/bytes.h"

namespace talon::vault {
namespace {

constexpr std::uint8_t k_version = 1;
constexpr std::size_t k_checksum = sizeof(std::uint32_t);

/// Every step can be undone, so no single changed byte goes unseen; eight bytes a step, for a million keys at start.
std::uint64_t absorb(std::uint64_t sum, std::string_view bytes) noexcept {
  const auto step = [&sum](std::uint64_t word) {
    sum = (sum ^ word) * 0x9fb21c651e98df25;
    sum ^= sum >> 32;
  };
  step(bytes.size());
  while (bytes.size() >= sizeof(std::uint64_t)) {
    step(get_big_endian<std::uint64_t>(bytes.data()));
    bytes.remove_prefix(sizeof(std::uint64_t));
  }
  std::uint64_t rest = 0;
  for (const char c : bytes) rest = rest << 8 | static_cast<unsigned char>(c);
  step(rest);
  return sum;
}

std::uint32_t checksum(std::string_view key, std::string_view fields) noexcept {
  return static_cast<std::uint32_t>(absorb(absorb(0x2545f4914f6cdd1d, key), fields) >> 16);
}

class RowWriter {
 public:
  RowWriter() { append_number(out_, k_version); }
  template <class T>
  RowWriter& number(T value) {
    append_number(out_, value);
    return *this;
  }
  RowWriter& flag(bool value) { return number(static_cast<std::uint8_t>(value ? 1 : 0)); }
  RowWriter& bytes(std::string_view value) {
    out_ += value;
    return *this;
  }
  RowWriter& text(std::string_view value) { return number(static_cast<std::uint32_t>(value.size())).bytes(value); }
  RowWriter& texts(const std::vector<std::string>& values) {
    number(static_cast<std::uint32_t>(values.size()));
    for (const auto& value : values) text(value);
    return *this;
  }
  RowWriter& instant(core::Instant value) { return number(value.micros); }
  RowWriter& optional(const std::optional<core::Instant>& value) {
    flag(value.has_value());
    return value ? instant(*value) : *this;
  }
  RowWriter& optional(const std::optional<std::string>& value) {
    flag(value.has_value());
    return value ? text(*value) : *this;
  }
  std::string finish(std::string_view key) {
    append_number(out_, checksum(key, out_));
    return std::move(out_);
  }

 private:
  std::string out_;
};

class RowReader {
 public:
  RowReader(std::string_view key, std::string_view value) : in_(value) {
    if (value.size() <= k_checksum) return;
    const auto fields = value.substr(0, value.size() - k_checksum);
    good_ = get_big_endian<std::uint32_t>(value.data() + fields.size()) == checksum(key, fields);
    in_ = ByteReader(fields);
    good_ = good_ && in_.number<std::uint8_t>() == k_version;
  }
  template <class T>
  T number() noexcept {
    return in_.number<T>();
  }
  bool flag() noexcept { return below(2) == 1; }
  /// An enumeration's value.
  std::uint8_t below(std::uint8_t end) noexcept {
    const auto value = number<std::uint8_t>();
    good_ = good_ && value < end;
    return value;
  }
  std::string text() {
    const auto size = number<std::uint32_t>();
    return std::string(in_.bytes(size));
  }
  std::vector<std::string> texts() {
    std::vector<std::string> values;
    for (auto left = number<std::uint32_t>(); left > 0 && in_.ok() && good_; --left) values.push_back(text());
    return values;
  }
  core::Instant instant() noexcept { return {number<std::int64_t>()}; }
  std::optional<core::Instant> optional_instant() { return flag() ? std::optional(instant()) : std::nullopt; }
  std::optional<std::string> optional_text() { return flag() ? std::optional(text()) : std::nullopt; }
  std::optional<core::TenantId> tenant() {
    auto parsed = core::TenantId::parse(text());
    good_ = good_ && parsed.has_value();
    return parsed ? std::optional(std::move(*parsed)) : std::nullopt;
  }
  IdBytes id() noexcept { return array<IdBytes>(); }
  Hash hash() noexcept { return array<Hash>(); }
  [[nodiscard]] bool ended() const noexcept { return good_ && in_.ended(); }

 private:
  template <class Array>
  Array array() noexcept {
    Array out{};
    const auto from = in_.bytes(out.size());
    if (in_.ok()) std::memcpy(out.data(), from.data(), out.size());
    return out;
  }
  ByteReader in_;
  bool good_ = false;
};

}  // namespace

SmallBytes owned_key(LogNumber log, const IdBytes& id) { return key_of(log).bytes(view(id)); }

SmallBytes provider_key_key(LogNumber log, std::string_view provider) {
  const auto hash = sha256(provider);
  return key_of(log).bytes(bytes_of(hash).substr(0, 16));
}

SmallBytes answer_key(std::string_view key) {
  const auto hash = sha256(key);
  return SmallBytes().bytes(bytes_of(hash));
}

std::string encode(std::string_view key, const AccountRow& row) {
  RowWriter out;
  out.text(row.id.bytes()).number(static_cast<std::uint8_t>(row.source)).number(static_cast<std::uint8_t>(row.status));
  out.text(row.name).text(row.email).text(row.tier).optional(row.pending_tier).optional(row.effective_at);
  out.flag(row.monthly_budget.has_value());
  if (row.monthly_budget) out.number(row.monthly_budget->nano());
  out.flag(row.own_provider_keys).texts(row.features_off).text(row.routing).text(row.reason);
  out.optional(row.suspended_at).optional(row.closed_at).instant(row.created).instant(row.changed);
  return out.finish(key);
}

template <>
std::optional<AccountRow> decode(std::string_view key, std::string_view value) {
  RowReader in(key, value);
  auto id = in.tenant();
  if (!id) return std::nullopt;
  AccountRow row{.id = std::move(*id)};
  row.source = static_cast<AccountSource>(in.below(3));
  row.status = static_cast<AccountStatus>(in.below(3));
  row.name = in.text();
  row.email = in.text();
  row.tier = in.text();
  row.pending_tier = in.optional_text();
  row.effective_at = in.optional_instant();
  if (in.flag()) row.monthly_budget = core::NanoUsd(in.number<std::int64_t>());
  row.own_provider_keys = in.flag();
  row.features_off = in.texts();
  row.routing = in.text();
  row.reason = in.text();
  row.suspended_at = in.optional_instant();
  row.closed_at = in.optional_instant();
  row.created = in.instant();
  row.changed = in.instant();
  return in.ended() ? std::optional(std::move(row)) : std::nullopt;
}

std::string encode(std::string_view key, const ApiKeyRow& row) {
  RowWriter out;
  out.bytes(view(row.id)).bytes(bytes_of(row.digest)).text(row.preview).text(row.name);
  out.instant(row.created).optional(row.expires).optional(row.last_used);
  return out.finish(key);
}

template <>
std::optional<ApiKeyRow> decode(std::string_view key, std::string_view value) {
  RowReader in(key, value);
  ApiKeyRow row;
  row.id = in.id();
  row.digest = in.hash();
  row.preview = in.text();
  row.name = in.text();
  row.created = in.instant();
  row.expires = in.optional_instant();
  row.last_used = in.optional_instant();
  return in.ended() ? std::optional(std::move(row)) : std::nullopt;
}

std::string encode(std::string_view key, const ProviderKeyRow& row) {
  RowWriter out;
  out.bytes(view(row.id)).text(row.provider).text(row.sealed).number(row.timeout_s).number(row.max_retries);
  out.instant(row.created).flag(row.healthy).optional(row.last_check).texts(row.models);
  return out.finish(key);
}

template <>
std::optional<ProviderKeyRow> decode(std::string_view key, std::string_view value) {
  RowReader in(key, value);
  ProviderKeyRow row;
  row.id = in.id();
  row.provider = in.text();
  row.sealed = in.text();
  row.timeout_s = in.number<std::int64_t>();
  row.max_retries = in.number<std::int64_t>();
  row.created = in.instant();
  row.healthy = in.flag();
  row.last_check = in.optional_instant();
  row.models = in.texts();
  return in.ended() ? std::optional(std::move(row)) : std::nullopt;
}

std::string encode(std::string_view key, const VirtualKeyRow& row) {
  RowWriter out;
  out.bytes(view(row.id)).bytes(bytes_of(row.digest)).text(row.prefix).text(row.name).text(row.project);
  out.flag(row.tenant.has_value());
  if (row.tenant) out.text(row.tenant->bytes());
  out.optional(row.issued_by).flag(row.expose_cost).instant(row.issued);
  out.optional(row.last_used).optional(row.revoked);
  return out.finish(key);
}

template <>
std::optional<VirtualKeyRow> decode(std::string_view key, std::string_view value) {
  RowReader in(key, value);
  VirtualKeyRow row;
  row.id = in.id();
  row.digest = in.hash();
  row.prefix = in.text();
  row.name = in.text();
  row.project = in.text();
  if (in.flag()) row.tenant = in.tenant();
  row.issued_by = in.optional_text();
  row.expose_cost = in.flag();
  row.issued = in.instant();
  row.last_used = in.optional_instant();
  row.revoked = in.optional_instant();
  return in.ended() ? std::optional(std::move(row)) : std::nullopt;
}

std::string encode(std::string_view key, const KeyRow& row) {
  RowWriter out;
  out.number(static_cast<std::uint32_t>(row.log)).bytes(view(row.id)).number(static_cast<std::uint8_t>(row.kind));
  out.flag(row.expose_cost).number(row.expires);
  return out.finish(key);
}

template <>
std::optional<KeyRow> decode(std::string_view key, std::string_view value) {
  if (key.size() != sizeof(Hash)) return std::nullopt;
  RowReader in(key, value);
  KeyRow row;
  row.log = LogNumber{in.number<std::uint32_t>()};
  row.id = in.id();
  row.kind = static_cast<KeyClass>(in.below(2));
  row.expose_cost = in.flag();
  row.expires = in.number<std::int64_t>();
  return in.ended() ? std::optional(row) : std::nullopt;
}

std::string encode(std::string_view key, const KeptAnswer& row) {
  RowWriter out;
  out.instant(row.at).text(row.answer.key).bytes(bytes_of(row.answer.body)).text(row.answer.answer);
  return out.finish(key);
}

template <>
std::optional<KeptAnswer> decode(std::string_view key, std::string_view value) {
  RowReader in(key, value);
  KeptAnswer row;
  row.at = in.instant();
  row.answer.key = in.text();
  row.answer.body = in.hash();
  row.answer.answer = in.text();
  return in.ended() ? std::optional(std::move(row)) : std::nullopt;
}

}  // namespace talon::vault
