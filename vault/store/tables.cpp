#include "vault/store/tables.h"

#include <sodium.h>

#include <algorithm>

namespace talon::vault {
namespace {

constexpr std::size_t k_seal_size = 32;

/// BLAKE2b (RFC 7693, nn = 32) keyed with the vault secret over "talon-seal/v1" 00 label 00 fields.
std::array<char, k_seal_size> seal_of(std::string_view label, std::string_view fields, const core::Secret& secret) {
  std::array<char, k_seal_size> seal{};
  crypto_generichash_state state;
  const auto key = secret.reveal();
  crypto_generichash_init(&state, reinterpret_cast<const unsigned char*>(key.data()), key.size(), seal.size());
  const auto update = [&](std::string_view bytes) {
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  };
  update(std::string_view("talon-seal/v1\0", 14));
  update(label);
  update(std::string_view("\0", 1));
  update(fields);
  crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(seal.data()), seal.size());
  return seal;
}

void append_seal(std::string& value, std::string_view label, const core::Secret& secret) {
  const auto seal = seal_of(label, value, secret);
  value.append(seal.data(), seal.size());
}

bool seal_fits(std::string_view value, std::string_view label, const core::Secret& secret) {
  if (value.size() < k_seal_size) return false;
  const auto fields = value.substr(0, value.size() - k_seal_size);
  const auto seal = seal_of(label, fields, secret);
  // In constant time, and eight bytes a step: a start checks one for each log.
  std::uint64_t differ = 0;
  for (std::size_t i = 0; i < k_seal_size; i += sizeof(std::uint64_t)) {
    differ |= get_big_endian<std::uint64_t>(seal.data() + i) ^
              get_big_endian<std::uint64_t>(value.data() + fields.size() + i);
  }
  return differ == 0;
}

std::string frontier_label(LogNumber log) { return "frontier " + std::to_string(static_cast<std::uint32_t>(log)); }

Hash read_hash(ByteReader& in) {
  Hash hash{};
  const auto bytes = in.bytes(hash.size());
  if (in.ok()) std::memcpy(hash.data(), bytes.data(), hash.size());
  return hash;
}

constexpr std::string_view k_crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

constexpr std::array<std::uint8_t, 256> crockford_values() {
  std::array<std::uint8_t, 256> values{};
  for (std::size_t i = 0; i < k_crockford.size(); ++i) {
    values[static_cast<unsigned char>(k_crockford[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}
constexpr auto k_crockford_values = crockford_values();

}  // namespace

const char* table_name(Table table) noexcept {
  static constexpr std::array<const char*, k_table_count> names = {
      "meta",          "logs",         "log_names",     "rows",         "index",   "ids",
      "nodes",         "frontiers",    "open_intents",  "content_keys", "rollups", "sessions",
      "accounts",      "api_keys",     "provider_keys", "virtual_keys", "keys",    "answers",
      "session_times", "session_uids", "session_calls", "loose_calls"};
  return names[static_cast<std::size_t>(table)];
}

IdBytes id_bytes(const core::EvidenceId& id) noexcept {
  const auto text = id.ulid().text();
  // 26 digits of 5 bits are 130 bits; the first digit is at most 7, so the top two are zero.
  unsigned __int128 value = 0;
  for (const char c : text) value = value << 5 | k_crockford_values[static_cast<unsigned char>(c)];
  IdBytes out;
  put_big_endian(out.data(), static_cast<std::uint64_t>(value >> 64));
  put_big_endian(out.data() + 8, static_cast<std::uint64_t>(value));
  return out;
}

core::EvidenceId evidence_id(const IdBytes& bytes) noexcept {
  unsigned __int128 value = get_big_endian<std::uint64_t>(bytes.data());
  value = value << 64 | get_big_endian<std::uint64_t>(bytes.data() + 8);
  std::array<char, 26> text;
  for (std::size_t i = text.size(); i-- > 0; value >>= 5) text[i] = k_crockford[static_cast<std::size_t>(value & 31)];
  const auto ulid = core::Ulid::parse({text.data(), text.size()});
  return ulid ? core::EvidenceId(*ulid) : core::EvidenceId();
}

SmallBytes RowHeader::encode() const {
  SmallBytes out;
  out.number(static_cast<std::uint8_t>(kind)).number(flags).number(static_cast<std::uint32_t>(log)).number(seq);
  out.number(time.micros).bytes(vault::view(id));
  return out;
}

std::optional<Row> decode_row(std::string_view value) noexcept {
  if (value.size() < RowHeader::k_size) return std::nullopt;
  ByteReader in(value);
  Row row;
  const auto kind = in.number<std::uint8_t>();
  if (kind != static_cast<std::uint8_t>(RowKind::intent) && kind != static_cast<std::uint8_t>(RowKind::record)) {
    return std::nullopt;
  }
  row.header.kind = static_cast<RowKind>(kind);
  row.header.flags = in.number<std::uint8_t>();
  row.header.log = static_cast<LogNumber>(in.number<std::uint32_t>());
  row.header.seq = in.number<std::uint64_t>();
  row.header.time = {in.number<std::int64_t>()};
  const auto id = in.bytes(row.header.id.size());
  std::copy(id.begin(), id.end(), row.header.id.begin());
  row.header_bytes = value.substr(0, RowHeader::k_size);
  row.payload = in.rest();
  return row;
}

std::string LogRow::encode() const {
  std::string out;
  append_number(out, opened);
  out += name.bytes();
  return out;
}

std::optional<LogRow> LogRow::decode(std::string_view value) {
  ByteReader in(value);
  LogRow row;
  row.opened = in.number<std::uint64_t>();
  if (!in.ok()) return std::nullopt;
  auto name = log_name_of(in.rest());
  if (!name) return std::nullopt;
  row.name = std::move(*name);
  return row;
}

std::optional<core::LogName> log_name_of(std::string_view bytes) {
  if (bytes.empty()) return core::LogName::unattributed();
  if (bytes == core::LogName::operator_log().bytes()) return core::LogName::operator_log();
  auto tenant = core::TenantId::parse(bytes);
  if (!tenant) return std::nullopt;
  return core::LogName::of(*tenant);
}

SmallBytes log_name_key(const core::LogName& name) {
  const auto hash = sha256(name.bytes());
  SmallBytes out;
  out.bytes(bytes_of(hash));
  return out;
}

SmallBytes IndexEntry::encode() const {
  SmallBytes out;
  out.number(position).number(time.micros).bytes(bytes_of(leaf));
  return out;
}

std::optional<IndexEntry> IndexEntry::decode(std::string_view value) noexcept {
  ByteReader in(value);
  IndexEntry entry;
  entry.position = in.number<std::uint64_t>();
  entry.time = {in.number<std::int64_t>()};
  entry.leaf = read_hash(in);
  if (!in.ended()) return std::nullopt;
  return entry;
}

std::string SealedState::encode(std::string_view label, const core::Secret& vault_secret) const {
  std::string out;
  out.reserve(128);
  append_number(out, rows);
  out += bytes_of(chain);
  append_number(out, time.micros);
  append_number(out, marked.number);
  append_number(out, logs);
  append_number(out, open_intents);
  append_number(out, static_cast<std::uint8_t>(clean ? 1 : 0));
  append_seal(out, label, vault_secret);
  return out;
}

std::optional<SealedState> SealedState::decode(std::string_view value) {
  ByteReader in(value);
  SealedState state;
  state.rows = in.number<std::uint64_t>();
  state.chain = read_hash(in);
  state.time = {in.number<std::int64_t>()};
  state.marked = {in.number<std::int32_t>()};
  state.logs = in.number<std::uint32_t>();
  state.open_intents = in.number<std::uint64_t>();
  state.clean = in.number<std::uint8_t>() == 1;
  in.bytes(k_seal_size);
  if (!in.ended()) return std::nullopt;
  return state;
}

bool SealedState::sealed(std::string_view value, std::string_view label, const core::Secret& vault_secret) {
  return seal_fits(value, label, vault_secret);
}

std::string StoredFrontier::encode(LogNumber log, const core::Secret& vault_secret) const {
  std::string out;
  out.reserve(128 + 32 * peaks.size());
  append_number(out, size);
  append_number(out, rows);
  out += bytes_of(chain);
  append_number(out, newest.micros);
  append_number(out, static_cast<std::uint8_t>(newest_is_mark ? 1 : 0));
  for (const auto& peak : peaks) out += bytes_of(peak);
  append_seal(out, frontier_label(log), vault_secret);
  return out;
}

std::optional<StoredFrontier> StoredFrontier::decode(std::string_view value) {
  ByteReader in(value);
  StoredFrontier frontier;
  frontier.size = in.number<std::uint64_t>();
  frontier.rows = in.number<std::uint64_t>();
  frontier.chain = read_hash(in);
  frontier.newest = {in.number<std::int64_t>()};
  frontier.newest_is_mark = in.number<std::uint8_t>() == 1;
  const auto peaks = std::popcount(frontier.size);
  for (int i = 0; i < peaks; ++i) frontier.peaks.push_back(read_hash(in));
  in.bytes(k_seal_size);
  if (!in.ended()) return std::nullopt;
  return frontier;
}

bool StoredFrontier::sealed(std::string_view value, LogNumber log, const core::Secret& vault_secret) {
  return seal_fits(value, frontier_label(log), vault_secret);
}

Hash row_leaf(std::string_view header, const Hash& payload_leaf) noexcept {
  std::array<char, RowHeader::k_size + sizeof(Hash)> row;
  std::copy(header.begin(), header.end(), row.begin());
  std::memcpy(row.data() + RowHeader::k_size, payload_leaf.data(), payload_leaf.size());
  return leaf_hash({row.data(), row.size()});
}

Hash extend_chain(const Hash& chain, const Hash& row_leaf) noexcept {
  std::array<char, 2 * sizeof(Hash)> joined;
  std::memcpy(joined.data(), chain.data(), chain.size());
  std::memcpy(joined.data() + sizeof(Hash), row_leaf.data(), row_leaf.size());
  return sha256({joined.data(), joined.size()});
}

}  // namespace talon::vault
