#include <doctest/doctest.h>

#include "tests/unit/vault/log_world.h"
#include "vault/log/note.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

constexpr std::string_view k_example_key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

struct Signed {
  SeededRandom random{7};
  SigningKey key = SigningKey::generate(random);
  VerifierKey verifier{"talon-test", key.public_key()};
  Checkpoint checkpoint{origin_of("talon-test", core::LogName::unattributed()), 300, sha256("root")};
  std::string note = sign_checkpoint(checkpoint, "talon-test", key);

  /// A note over any text, signed by the genuine key: so that the parsing rules are what refuses it.
  [[nodiscard]] std::string sign_text(std::string_view text) const {
    const auto id = verifier.id();
    return std::string(text) + "\n\xE2\x80\x94 talon-test " +
           core::base64_encode(std::string(id.data(), id.size()) + key.sign(text)) + "\n";
  }
  [[nodiscard]] bool opens(std::string_view note_text) const {
    return open_checkpoint(note_text, verifier).has_value();
  }
  [[nodiscard]] std::string signature_line() const { return note.substr(note.find("\n\n") + 2); }
};

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

/// A well-formed signature line by some other key.
std::string foreign_line(int number) {
  return "\xE2\x80\x94 other.example/" + std::to_string(number) + ' ' +
         core::base64_encode(std::string(76, static_cast<char>(number + 1))) + "\n";
}

}  // namespace

TEST_CASE("the verifier key of C2SP's signed-note example is read, and written the same way") {
  const auto key = VerifierKey::parse(k_example_key);
  REQUIRE(key.has_value());
  CHECK(key->name == "example.com/foo");
  CHECK(key->text() == k_example_key);
}

TEST_CASE("the signature of C2SP's signed-note example verifies") {
  const auto key = VerifierKey::parse(k_example_key);
  REQUIRE(key.has_value());
  const auto payload = core::base64_decode(
      "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=");
  REQUIRE(payload.has_value());
  CHECK(payload->substr(0, 4) == std::string(key->id().data(), 4));
  CHECK(key->key.verifies("This is an example message.\n", payload->substr(4)));
  CHECK_FALSE(key->key.verifies("This is an example message", payload->substr(4)));
}

TEST_CASE("a checkpoint that another implementation signed opens") {
  // Tessera, under the key of its public test log.
  const auto key = VerifierKey::parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx");
  REQUIRE(key.has_value());
  const auto opened = open_checkpoint(
      "example.com/log/testdata\n100270\nGRV1O0dCqmjjPvYi7CtOT79zb/fPwLNsMFWsynwU8Ac=\n\n"
      "\xE2\x80\x94 example.com/log/testdata "
      "M9e0lkcvy5bAe7rrC8tCyAP+my+CLzswA91zOpBNWVU7qCojkUOHnfdQzDImoYeYH8G8PJSwOqsx0RkSa261OmKVwwM=\n",
      *key);
  REQUIRE(opened.has_value());
  CHECK(opened->size == 100270);
  CHECK(to_base64(opened->root) == "GRV1O0dCqmjjPvYi7CtOT79zb/fPwLNsMFWsynwU8Ac=");
}

TEST_CASE("verifier keys of other forms are refused") {
  const std::string good(k_example_key);
  CHECK_FALSE(VerifierKey::parse("").has_value());
  CHECK_FALSE(VerifierKey::parse("example.com/foo").has_value());
  CHECK_FALSE(VerifierKey::parse(replaced(good, "530d903a", "530d903b")).has_value());
  CHECK_FALSE(VerifierKey::parse(replaced(good, "530d903a", "530D903A")).has_value());
  CHECK_FALSE(VerifierKey::parse(replaced(good, "example.com/foo", "example.com/ foo")).has_value());
  CHECK_FALSE(VerifierKey::parse(replaced(good, "example.com/foo", "example.com/fo\xC2\xA0o")).has_value());
  CHECK_FALSE(VerifierKey::parse(replaced(good, "example.com/foo", "")).has_value());
  CHECK_FALSE(VerifierKey::parse(replaced(good, "Aeky", "Beky")).has_value());
  CHECK_FALSE(VerifierKey::parse(good + "=").has_value());
  CHECK_FALSE(VerifierKey::parse(good.substr(0, good.size() - 4)).has_value());
}

TEST_CASE("keys of small order are refused, whatever their sign bit") {
  for (const std::string_view hex : {"0000000000000000000000000000000000000000000000000000000000000000",
                                     "0100000000000000000000000000000000000000000000000000000000000000",
                                     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                     "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                     "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                     "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                                     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"}) {
    std::string bytes = *core::hex_decode(hex);
    CHECK_FALSE(PublicKey::admit(bytes).has_value());
    bytes.back() = static_cast<char>(bytes.back() ^ '\x80');
    CHECK_FALSE(PublicKey::admit(bytes).has_value());
  }
  CHECK_FALSE(PublicKey::admit(std::string(31, 'x')).has_value());
  CHECK_FALSE(PublicKey::admit(std::string(33, 'x')).has_value());
}

TEST_CASE("RFC 8032 test 2 is reproduced, and S + L is refused") {
  auto seed = core::hex_decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const auto key = SigningKey::from_seed(core::Secret(std::move(*seed)));
  REQUIRE(key.has_value());
  CHECK(core::hex_encode(key->public_key().bytes()) ==
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  std::string signature = key->sign("\x72");
  CHECK(core::hex_encode(signature) ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  CHECK(key->public_key().verifies("\x72", signature));
  CHECK_FALSE(key->public_key().verifies("\x73", signature));
  CHECK_FALSE(key->public_key().verifies("\x72", signature.substr(1)));

  const std::string order = *core::hex_decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    const unsigned sum = static_cast<unsigned char>(signature[32 + i]) + static_cast<unsigned char>(order[i]) + carry;
    signature[32 + i] = static_cast<char>(sum);
    carry = sum >> 8;
  }
  CHECK_FALSE(key->public_key().verifies("\x72", signature));
}

TEST_CASE("an R of small order is judged like any other: by its bytes") {
  // The key of RFC 8032 test 2, message 72, R the neutral element, S = k * a: only the key's owner can make it.
  const auto key =
      PublicKey::admit(*core::hex_decode("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
  REQUIRE(key.has_value());
  const auto signature = core::hex_decode(
      "0100000000000000000000000000000000000000000000000000000000000000"
      "675d054595fa17cb6a44e3ada6ca385e55667e41a63fdab0ac22d10000354002");
  CHECK(key->verifies("\x72", *signature));
  CHECK_FALSE(key->verifies("\x73", *signature));
}

TEST_CASE("a signed checkpoint opens with its key and with no other") {
  const Signed world;
  const auto opened = open_checkpoint(world.note, world.verifier);
  REQUIRE(opened.has_value());
  CHECK(opened->origin == world.checkpoint.origin);
  CHECK(opened->size == 300);
  CHECK(opened->root == world.checkpoint.root);
  CHECK(read_checkpoint_text(signed_text(world.note).value()).has_value());

  VerifierKey renamed = world.verifier;
  renamed.name = "talon-other";
  CHECK_FALSE(open_checkpoint(world.note, renamed).has_value());
  SeededRandom random(8);
  const VerifierKey stranger{"talon-test", SigningKey::generate(random).public_key()};
  CHECK_FALSE(open_checkpoint(world.note, stranger).has_value());
}

TEST_CASE("no changed byte of a checkpoint opens") {
  const Signed world;
  for (std::size_t i = 0; i < world.note.size(); ++i) {
    std::string changed = world.note;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(world.opens(changed));
    CHECK_FALSE(world.opens(world.note.substr(0, i)));
  }
}

TEST_CASE("a genuine signature does not excuse a malformed text") {
  const Signed world;
  const std::string text = world.checkpoint.text();
  const std::string root = to_base64(world.checkpoint.root);
  CHECK(world.opens(world.sign_text(text)));
  for (const auto& bad :
       {replaced(text, "\n300\n", "\n0300\n"), replaced(text, "\n300\n", "\n+300\n"),
        replaced(text, "\n300\n", "\n300 \n"), replaced(text, "\n300\n", "\n-300\n"), replaced(text, "\n300\n", "\n\n"),
        replaced(text, "\n300\n", "\n0x12c\n"),
        replaced(text, "\n300\n", "\n\xD9\xA3\xD9\xA0\xD9\xA0\n"),  // Arabic-Indic digits
        replaced(text, "\n300\n", "\n18446744073709551616\n"), replaced(text, "\n300\n", "\n1e2\n"),
        text + "extension\n", replaced(text, root, to_hex(world.checkpoint.root)),
        replaced(text, root, root.substr(0, root.size() - 1)),
        replaced(text, root, core::base64_encode(std::string(31, 'r'))), replaced(text, root, root + " "),
        std::string("\n300\n") + root + "\n", text.substr(0, text.find('\n') + 1)}) {
    CHECK_FALSE(world.opens(world.sign_text(bad)));
  }
}

TEST_CASE("signature lines: strangers are ignored, malformed ones are not") {
  const Signed world;
  const std::string text = world.checkpoint.text() + "\n";
  const std::string mine = world.signature_line();
  CHECK(world.opens(text + foreign_line(1) + mine + foreign_line(2)));
  CHECK(world.opens(text + mine + mine));
  CHECK_FALSE(world.opens(text + foreign_line(1)));
  CHECK_FALSE(world.opens(text));
  CHECK_FALSE(world.opens(text + mine.substr(0, mine.size() - 1)));
  CHECK_FALSE(world.opens(text + mine + "\xE2\x80\x94 other AAAA\n"));     // too short for id and signature
  CHECK_FALSE(world.opens(text + mine + "\xE2\x80\x94 other AAAAAAA\n"));  // not base64
  CHECK_FALSE(world.opens(text + mine + "\xE2\x80\x94 o+er AAAAAAA=\n"));
  CHECK_FALSE(world.opens(text + mine + "- other AAAAAAA=\n"));  // a hyphen for the dash
  CHECK(world.opens(text + mine + "\xE2\x80\x94 other AAAAAAA=\n"));
  CHECK_FALSE(world.opens(text + mine + "\n" + mine));

  std::string bad = mine;
  bad[bad.size() - 20] = bad[bad.size() - 20] == 'A' ? 'B' : 'A';
  CHECK_FALSE(world.opens(text + mine + bad));
  CHECK_FALSE(world.opens(text + bad + mine));

  std::string sixteen = text + mine;
  for (int i = 1; i < 16; ++i) sixteen += foreign_line(i);
  CHECK(world.opens(sixteen));
  CHECK_FALSE(world.opens(sixteen + foreign_line(16)));
  CHECK_FALSE(world.opens(replaced(world.note, "\n300", "\r\n300")));
  CHECK_FALSE(world.opens(world.note + std::string(70'000, 'x')));
}

TEST_CASE("an origin names the vault and the hash of the log's name") {
  const auto acme = core::TenantId::parse("acme");
  REQUIRE(acme.has_value());
  // printf %s acme | sha256sum
  CHECK(origin_of("talon-test", core::LogName::of(*acme)) ==
        "talon-test/t/822b33ad87c148a0a20a5ba7cd5ebcaa68d36a18e7aad165554903f52ca82757");
  CHECK(origin_of("v", core::LogName::unattributed()) ==
        "v/t/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(origin_of("v", core::LogName::operator_log()) ==
        "v/t/6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

TEST_CASE("vault names are lower-case segments, none of them t") {
  for (const std::string_view good : {"talon-1", "a", "0", "a/b", "ta/tt", "a.b_c-d", "t.x"}) {
    CHECK(check_vault_name(good).has_value());
  }
  for (const std::string_view bad :
       {"", "t", "a/t", "t/a", "a/t/b", "A", "a b", "/a", "a/", "a//b", "-a", "a/.b", "a+b", "\xC3\xA4"}) {
    CHECK_FALSE(check_vault_name(bad).has_value());
  }
  CHECK(check_vault_name(std::string(128, 'a')).has_value());
  CHECK_FALSE(check_vault_name(std::string(129, 'a')).has_value());
}
