#include "vault/log/minisign.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "core/text.h"
#include "vault/log/sodium_ready.h"

namespace talon::vault {
namespace {

constexpr std::string_view k_key_algorithm = "Ed";
constexpr std::string_view k_prehashed = "ED";
constexpr std::string_view k_untrusted = "untrusted comment: ";
constexpr std::string_view k_trusted = "trusted comment: ";
constexpr std::size_t k_id_size = 8, k_signature_size = 64;

std::string blake2b_512(std::string_view bytes) {
  sodium_ready();
  std::string hash(crypto_generichash_blake2b_BYTES_MAX, '\0');
  crypto_generichash_blake2b(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                             reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
  return hash;
}

std::string_view id_of(const MinisignKey& key) noexcept { return {key.id.data(), key.id.size()}; }

std::unexpected<core::Error> bad_signature(std::string_view why) {
  return core::fail(core::Code::invalid_request, std::string(why));
}

}  // namespace

MinisignKey MinisignKey::of(const PublicKey& key) {
  MinisignKey minisign_key{{}, key};
  const Hash hash = sha256(key.bytes());
  std::copy_n(bytes_of(hash).begin(), k_id_size, minisign_key.id.begin());
  return minisign_key;
}

core::Result<MinisignKey> MinisignKey::parse(std::string_view text) {
  const auto bytes = core::base64_decode(text);
  constexpr std::size_t k_header = k_key_algorithm.size() + k_id_size;
  if (!bytes || bytes->size() != k_header + 32 || !bytes->starts_with(k_key_algorithm)) {
    return core::fail(core::Code::key_invalid, "not a minisign public key (RW… and 56 characters in all)");
  }
  TALON_TRY(public_key, PublicKey::admit(std::string_view(*bytes).substr(k_header)));
  MinisignKey key = of(public_key);
  if (std::string_view(*bytes).substr(k_key_algorithm.size(), k_id_size) != id_of(key)) {
    return core::fail(core::Code::key_invalid,
                      "the key id of this minisign key is not the hash of the key: it is not a Talon export key");
  }
  return key;
}

std::string MinisignKey::text() const {
  return core::base64_encode(std::string(k_key_algorithm) + std::string(id_of(*this)) + std::string(key.bytes()));
}

std::string minisign(std::string_view file_bytes, std::string_view untrusted_comment, std::string_view trusted_comment,
                     const SigningKey& key) {
  const MinisignKey public_key = MinisignKey::of(key.public_key());
  const std::string signature = key.sign(blake2b_512(file_bytes));
  const std::string global = key.sign(signature + std::string(trusted_comment));
  std::string file(k_untrusted);
  file.append(untrusted_comment).append("\n");
  file += core::base64_encode(std::string(k_prehashed) + std::string(id_of(public_key)) + signature);
  file.append("\n").append(k_trusted).append(trusted_comment).append("\n");
  file += core::base64_encode(global);
  return file + '\n';
}

core::Result<void> verify_minisign(std::string_view signature_file, std::string_view file_bytes,
                                   std::string_view untrusted_comment, std::string_view trusted_comment,
                                   const MinisignKey& key) {
  std::array<std::string_view, 4> lines;
  std::string_view rest = signature_file;
  for (auto& line : lines) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return bad_signature("the signature file has fewer than four lines");
    line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
  }
  if (!rest.empty()) return bad_signature("the signature file goes on after its four lines");
  const auto is_comment = [](std::string_view line, std::string_view prefix, std::string_view comment) {
    return line.starts_with(prefix) && line.substr(prefix.size()) == comment;
  };
  if (!is_comment(lines[0], k_untrusted, untrusted_comment)) {
    return bad_signature("the untrusted comment is not \"" + std::string(untrusted_comment) + "\"");
  }
  if (!is_comment(lines[2], k_trusted, trusted_comment)) {
    return bad_signature("the trusted comment is not \"" + std::string(trusted_comment) + "\"");
  }
  const auto packed = core::base64_decode(lines[1]);
  if (!packed || packed->size() != k_prehashed.size() + k_id_size + k_signature_size) {
    return bad_signature("line 2 is not the base64 of a minisign signature");
  }
  const std::string_view fields = *packed;
  if (!fields.starts_with(k_prehashed)) return bad_signature("the signature is not of the prehashed form (ED)");
  if (fields.substr(2, k_id_size) != id_of(key)) return bad_signature("the signature is by another key");
  const std::string_view signature = fields.substr(2 + k_id_size);
  if (!key.key.verifies(blake2b_512(file_bytes), signature)) return bad_signature("the signature does not verify");
  const auto global = core::base64_decode(lines[3]);
  if (!global || !key.key.verifies(std::string(signature) + std::string(trusted_comment), *global)) {
    return bad_signature("the global signature does not verify");
  }
  return {};
}

}  // namespace talon::vault
