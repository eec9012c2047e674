#include "vault/bundle/record_fields.h"

namespace talon::vault {
namespace {

constexpr std::string_view k_crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

constexpr std::array<std::int8_t, 256> make_crockford_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < k_crockford.size(); ++i) {
    values[static_cast<unsigned char>(k_crockford[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr auto k_crockford_values = make_crockford_values();

using core::CanonicalScanner;

/// Takes an integer where one stands; any other value is passed over and leaves nothing.
bool take(CanonicalScanner& scanner, std::optional<std::int64_t>& member) noexcept {
  const char next = scanner.peek();
  if (next != '-' && (next < '0' || next > '9')) return scanner.skip();
  return scanner.integer(member.emplace());
}

bool take(CanonicalScanner& scanner, std::optional<RawText>& member) noexcept {
  if (scanner.peek() != '"') return scanner.skip();
  auto& text = member.emplace();
  return scanner.string(text.raw, text.escaped);
}

/// Names are told apart by their length first: most members are not ours.
bool take_member(std::string_view name, CanonicalScanner& scanner, RecordFields& fields) noexcept {
  switch (name.size()) {
    case 1:
      if (name == "v") return take(scanner, fields.v);
      break;
    case 2:
      if (name == "id") return take(scanner, fields.id);
      break;
    case 3:
      if (name == "seq") return take(scanner, fields.seq);
      if (name == "key") return take(scanner, fields.key);
      break;
    case 4:
      if (name == "time") return take(scanner, fields.time);
      if (name == "kind") return take(scanner, fields.kind);
      break;
    case 5:
      if (name == "clock") {
        fields.has_clock = true;
        return take(scanner, fields.clock);
      }
      break;
    case 6:
      if (name == "tenant") {
        fields.has_tenant = true;
        return take(scanner, fields.tenant);
      }
      if (name == "origin") return take(scanner, fields.origin);
      break;
    case 10:
      if (name == "export_key") return take(scanner, fields.export_key);
      break;
    default:
      break;
  }
  return scanner.skip();
}

}  // namespace

std::optional<UlidBits> evidence_id_bits(std::string_view text) noexcept {
  constexpr std::size_t k_prefix = 3, k_characters = 26;
  if (text.size() != k_prefix + k_characters || !text.starts_with("ev_") || text[k_prefix] > '7') return std::nullopt;
  UlidBits bits{};
  for (const char c : text.substr(k_prefix)) {
    const std::int8_t value = k_crockford_values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits[0] = bits[0] << 5 | bits[1] >> 59;
    bits[1] = bits[1] << 5 | static_cast<std::uint64_t>(value);
  }
  return bits;
}

const char* RecordFields::value_problem() const noexcept {
  if (*v != 1) return "v is not 1";
  if (has_clock && *clock == *time) return "clock stands beside an equal time";
  return nullptr;
}

const char* RecordFields::type_problem() const noexcept {
  const auto is_count = [](const std::optional<std::int64_t>& member) { return member && *member >= 0; };
  if (!is_count(v)) return "v is not an integer from 0 on";
  if (!is_count(seq)) return "seq is not an integer from 0 on";
  if (!id_bits) return "id is not ev_ and a ULID";
  if (!is_count(time)) return "time is not an integer from 0 on";
  if (has_clock && !is_count(clock)) return "clock is not an integer from 0 on";
  if (!kind) return "kind is not a text";
  if (has_tenant && !tenant) return "tenant is not a text";
  return nullptr;
}

bool read_record_fields(CanonicalScanner& scanner, RecordFields& fields) noexcept {
  if (!scanner.enter('{')) return false;
  bool first = true;
  for (std::string_view name; scanner.next('}', first);) {
    if (!scanner.name(name) || !take_member(name, scanner, fields)) return false;
  }
  if (!scanner.finish()) return false;
  if (fields.id && !fields.id->escaped) fields.id_bits = evidence_id_bits(fields.id->raw);
  return true;
}

}  // namespace talon::vault
