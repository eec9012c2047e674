// Verifier keys, vault names and checkpoints of note.h (C2SP signed-note and tlog-checkpoint).
#include "vault/log/note.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

#include "core/text.h"

namespace talon::vault {
namespace {

constexpr char k_ed25519 = 0x01;  // C2SP signature type
constexpr std::size_t k_max_note = 65'536;
constexpr std::size_t k_max_signatures = 16;
constexpr std::string_view k_signature_mark = "\xE2\x80\x94 ";  // U+2014, space

/// Unicode white space (what Go's unicode.IsSpace knows, so that every reader parts a line alike).
bool is_space(char32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_key_name(std::string_view name) noexcept {
  if (name.empty() || name.find('+') != std::string_view::npos) return false;
  for (std::size_t at = 0; at < name.size();) {
    const auto [value, length] = core::decode_utf8(name.substr(at));
    if (length == 0 || is_space(value) || value < 0x20) return false;
    at += length;
  }
  return true;
}

/// `[a-z0-9][a-z0-9._-]*`
bool is_name_segment(std::string_view segment) noexcept {
  const auto letter_or_digit = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !segment.empty() && letter_or_digit(segment.front()) &&
         std::all_of(segment.begin(), segment.end(),
                     [&](char c) { return letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
}

std::unexpected<core::Error> bad_note(std::string_view why) {
  return core::fail(core::Code::invalid_request, "not a valid checkpoint: " + std::string(why));
}
std::unexpected<core::Error> bad_vkey(std::string_view why) {
  return core::fail(core::Code::key_invalid, "not a verifier key (name+hash+base64): " + std::string(why));
}

/// Takes a line without its LF from the front; nullopt when no LF is left.
std::optional<std::string_view> take_line(std::string_view& rest) noexcept {
  const auto end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

/// ASCII decimal without sign or leading zeros. A size beyond 2^63 - 1 belongs to no tree.
std::optional<TreeSize> parse_size(std::string_view text) noexcept {
  TreeSize size = 0;
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (size > static_cast<TreeSize>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return size;
}

struct SignatureLine {
  std::string_view name;
  std::string payload;  ///< key id (4) || signature
};

std::optional<SignatureLine> parse_signature_line(std::string_view line) {
  if (!line.starts_with(k_signature_mark)) return std::nullopt;
  line.remove_prefix(k_signature_mark.size());
  const auto space = line.find(' ');
  if (space == std::string_view::npos || !is_key_name(line.substr(0, space))) return std::nullopt;
  auto payload = core::base64_decode(line.substr(space + 1));
  if (!payload || payload->size() < 5) return std::nullopt;
  return SignatureLine{line.substr(0, space), std::move(*payload)};
}

std::string_view view(const std::array<char, 4>& id) noexcept { return {id.data(), id.size()}; }

}  // namespace

core::Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  const auto first = text.find('+');
  const auto second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return bad_vkey("two '+' are missing");
  const auto name = text.substr(0, first);
  const auto hex = text.substr(first + 1, second - first - 1);
  if (!is_key_name(name)) return bad_vkey("its name is empty or holds a space");
  const auto bytes = core::base64_decode(text.substr(second + 1));
  if (!bytes || bytes->size() != 33) return bad_vkey("its last part is not the base64 of 33 bytes");
  if (bytes->front() != k_ed25519) return bad_vkey("it is not of type Ed25519");
  TALON_TRY(public_key, PublicKey::admit(std::string_view(*bytes).substr(1)));
  VerifierKey key{std::string(name), public_key};
  if (core::hex_encode(view(key.id())) != hex) return bad_vkey("its hash does not fit its name and key");
  return key;
}

std::string VerifierKey::text() const {
  const auto key_id = id();
  return name + '+' + core::hex_encode(view(key_id)) + '+' +
         core::base64_encode(std::string(1, k_ed25519) + std::string(key.bytes()));
}

std::array<char, 4> VerifierKey::id() const {
  const Hash hash = sha256(name + '\n' + k_ed25519 + std::string(key.bytes()));
  std::array<char, 4> id;
  std::copy_n(bytes_of(hash).begin(), id.size(), id.begin());
  return id;
}

std::string Checkpoint::text() const { return origin + '\n' + std::to_string(size) + '\n' + to_base64(root) + '\n'; }

std::string origin_of(std::string_view vault_name, const core::LogName& log) {
  return std::string(vault_name) + "/t/" + to_hex(sha256(log.bytes()));
}

core::Result<void> check_vault_name(std::string_view name) {
  constexpr std::size_t k_max_name = 128;
  const auto bad = [&](std::string_view why) {
    return core::fail(core::Code::usage, "the vault name " + core::terminal_text(name.substr(0, k_max_name)) +
                                             " cannot be used: " + std::string(why));
  };
  if (name.size() > k_max_name) return bad("it is longer than 128 bytes");
  for (std::size_t at = 0;;) {
    const auto slash = std::min(name.find('/', at), name.size());
    const auto segment = name.substr(at, slash - at);
    if (!is_name_segment(segment)) {
      return bad("each part between '/' starts with a-z or 0-9 and goes on with a-z, 0-9, '.', '_' or '-'");
    }
    if (segment == "t") return bad("no part may be 't', which parts the vault's name from its logs");
    if (slash == name.size()) return {};
    at = slash + 1;
  }
}

std::string sign_checkpoint(const Checkpoint& checkpoint, std::string_view vault_name, const SigningKey& key) {
  const std::string text = checkpoint.text();
  const auto id = VerifierKey{std::string(vault_name), key.public_key()}.id();
  return text + '\n' + std::string(k_signature_mark) + std::string(vault_name) + ' ' +
         core::base64_encode(std::string(view(id)) + key.sign(text)) + '\n';
}

core::Result<Checkpoint> read_checkpoint_text(std::string_view text) {
  std::string_view rest = text;
  const auto origin = take_line(rest);
  const auto size_line = take_line(rest);
  const auto root_line = take_line(rest);
  if (!root_line || !rest.empty()) return bad_note("its text does not have exactly three lines");
  if (origin->empty()) return bad_note("its origin is empty");
  const auto size = parse_size(*size_line);
  if (!size) return bad_note("its size is not a plain decimal number");
  if (*size == 0) return bad_note("its size is 0, for which no checkpoint is ever signed");
  const auto root = hash_from_base64(*root_line);
  if (!root) return bad_note("its root is not the base64 of 32 bytes");
  return Checkpoint{std::string(*origin), *size, *root};
}

core::Result<std::string_view> signed_text(std::string_view note) {
  if (note.size() > k_max_note) return bad_note("it is longer than 65,536 bytes");
  if (!core::count_code_points(note)) return bad_note("it is not valid UTF-8");
  if (std::any_of(note.begin(), note.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; })) {
    return bad_note("it holds a control character");
  }
  const auto blank = note.rfind("\n\n");
  if (blank == std::string_view::npos) return bad_note("no empty line ends its text");
  return note.substr(0, blank + 1);
}

core::Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key) {
  TALON_TRY(text, signed_text(note));
  TALON_TRY(checkpoint, read_checkpoint_text(text));
  std::string_view signatures = note.substr(text.size() + 1);
  const auto id = key.id();
  std::size_t lines = 0;
  bool verified = false;
  while (!signatures.empty()) {
    const auto line = take_line(signatures);
    if (!line) return bad_note("its last line does not end");
    if (++lines > k_max_signatures) return bad_note("it has more than 16 signature lines");
    const auto signature = parse_signature_line(*line);
    if (!signature) return bad_note("signature line " + std::to_string(lines) + " is malformed");
    const std::string_view payload = signature->payload;
    if (signature->name != key.name || payload.substr(0, id.size()) != view(id)) continue;
    // C2SP: a known key whose signature fails rejects the note, also after one that verified.
    if (!key.key.verifies(text, payload.substr(id.size()))) {
      return bad_note("signature line " + std::to_string(lines) + " by " + key.name + " does not verify");
    }
    verified = true;
  }
  if (!verified) return bad_note("no signature line is by " + key.text());
  return std::move(checkpoint);
}

}  // namespace talon::vault
