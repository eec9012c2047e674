#include "core/canonical_json.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace talon::core;  // NOLINT: a test of this namespace
using namespace std::string_literals;

namespace {

/// Random values inside the profile, printed with their seed when a case fails.
class Maker {
 public:
  explicit Maker(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }

  CanonicalValue value(int depth) {
    switch (below(depth < k_max_depth ? 5 : 3)) {
      case 0:
        return CanonicalValue(below(2) == 0);
      case 1:
        return CanonicalValue(static_cast<std::int64_t>(engine_() >> (11 + below(53))) * (below(2) == 0 ? 1 : -1));
      case 2:
        return CanonicalValue(text());
      case 3: {
        CanonicalArray array;
        for (std::size_t i = below(4); i > 0; --i) array.push_back(value(depth + 1));
        return CanonicalValue(array);
      }
      default: {
        CanonicalObject object;
        for (std::size_t i = below(4); i > 0; --i) object.emplace(name(), value(depth + 1));
        return CanonicalValue(object);
      }
    }
  }

 private:
  std::string name() {
    std::string out;
    for (std::size_t i = 1 + below(4); i > 0; --i) out += "abyz019_"[below(8)];
    return out;
  }
  std::string text() {
    static const std::vector<std::string> pieces = {
        "a", "Z", "\"", "\\", "/", " ", "ü", "€", "😀", "\xE2\x80\xA8", "\uFFFD", "plain ascii text of some length"};
    std::string out;
    for (std::size_t i = below(6); i > 0; --i) out += pieces[below(pieces.size())];
    return out;
  }
  std::mt19937_64 engine_;
};

std::string written(const CanonicalValue& value) {
  std::string out;
  write_canonical(value, out);
  return out;
}

std::string why(std::string_view line) {
  const auto checked = check_canonical(line);
  return checked ? "" : checked.error().message;
}

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

}  // namespace

TEST_CASE("canonical lines pass and come back byte for byte") {
  for (const std::string line :
       {R"({})", R"([])", R"({"a":1,"b":[true,false,"x"],"c":{"d":-5}})", R"("")", "0", "-1", "9007199254740991",
        "-9007199254740991", R"({"a":"\"\\"})", "{\"a\":\"\xE2\x80\xA8\"}", "{\"a\":\"\xEF\xBB\xBF\"}",
        "{\"a\":\"\xC2\xA0\"}", R"({"0":0,"_":1,"a":2})", R"({"a":"</script>"})"}) {
    CAPTURE(line);
    CHECK(why(line) == "");
    const auto value = parse_canonical(line);
    REQUIRE(value);
    CHECK(written(*value) == line);
  }
}

TEST_CASE("every other spelling is refused by checker and parser alike") {
  const std::vector<std::string> lines = {
      // objects
      R"({"a":1,"a":1})",
      R"({"b":1,"a":1})",
      R"({"A":1})",
      R"({"":1})",
      R"({"a b":1})",
      R"({"a":1,})",
      R"({,"a":1})",
      R"({"a"})",
      R"({"a":})",
      R"({a:1})",
      "{",
      "}",
      R"({"a":1)",
      R"({"\u0061":1})",
      R"({"ü":1})",
      R"({"aa":1,"a":1})",
      R"({"a":1 "b":2})",
      // numbers
      "1.0",
      "1.5",
      "1e3",
      "1E3",
      "-0",
      "00",
      "01",
      "+1",
      "9007199254740992",
      "-9007199254740992",
      "99999999999999999999999999",
      "NaN",
      "Infinity",
      "-Infinity",
      "0x1",
      "-",
      ".5",
      "1.",
      "0.0",
      // words
      "null",
      "True",
      "tru",
      "falsee",
      "nul",
      R"({"a":null})",
      // strings
      R"("\u0041")",
      R"("\u20ac")",
      R"("\n")",
      R"("\/")",
      R"("\ud800")",
      "\"\xED\xA0\x80\"",
      "\"\x7f\"",
      "\"\xC2\x80\"",
      "\"\xC2\x9F\"",
      "\"\xC0\xAF\"",
      "\"\xE0\x80\xAF\"",
      "\"\n\"",
      "\"\0\""s,
      "\"a",
      "\"\\",
      "\"\\\"",
      "\"\xFF\"",
      "\"\xF4\x90\x80\x80\"",
      "'a'",
      // white space and what lies around
      " {}",
      "{} ",
      "{ }",
      R"({"a": 1})",
      R"({"a" :1})",
      "[1, 2]",
      "\xEF\xBB\xBF{}",
      "{}\n",
      "{}{}",
      "",
      " ",
      "[1,]",
      "[,1]",
      "[1 2]",
      "[",
      "]",
      "//",
      "{}\0"s,
  };
  for (const auto& line : lines) {
    CAPTURE(line);
    CHECK(why(line) != "");
    const auto parsed = parse_canonical(line);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message == why(line));
  }
}

TEST_CASE("a refusal names the byte and the rule") {
  CHECK(why(R"({"a":1,"a":2})") == "not canonical at byte 7: a member name stands twice");
  CHECK(why(R"({"b":1,"a":2})") == "not canonical at byte 7: member names stand in byte order");
  CHECK(why(R"({"a":1.5})") == "not canonical at byte 5: numbers are integers without fraction or exponent");
  CHECK(why("9007199254740992") == "not canonical at byte 0: an integer's magnitude stays below 2^53");
  CHECK(why(R"({"a":null})") == "not canonical at byte 5: null is not allowed: optional members are left out");
}

TEST_CASE("depth and length are bounded") {
  CHECK(why(nested(8)) == "");
  CHECK(why(nested(9)) != "");
  CHECK(why(std::string(60'000, '[')) != "");
  CHECK(why("\"" + std::string(65'533, 'a') + "\"") == "");
  CHECK(why("\"" + std::string(65'534, 'a') + "\"") != "");
  CHECK_FALSE(parse_canonical("\"" + std::string(20, 'a') + "\"", 21));
}

TEST_CASE("a forbidden byte is found at every place of a long string") {
  for (std::size_t at = 0; at < 40; ++at) {
    for (const char bad : {'\x1f', '\x7f', '\x00', '\x80', '\xff'}) {
      std::string line = "\"" + std::string(40, '~') + "\"";
      line[1 + at] = bad;
      CHECK(why(line) != "");
    }
  }
}

TEST_CASE("what is written is read back equal") {
  for (unsigned seed = 1; seed <= 500; ++seed) {
    CAPTURE(seed);
    Maker maker(seed);
    const auto value = maker.value(1);
    const auto line = written(value);
    CAPTURE(line);
    CHECK(why(line) == "");
    const auto back = parse_canonical(line);
    REQUIRE(back);
    CHECK(*back == value);
  }
}

TEST_CASE("every mutation of a canonical line is canonical again or refused") {
  for (unsigned seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    Maker maker(seed);
    std::string line = written(maker.value(1));
    for (int round = 0; round < 20; ++round) {
      std::string mutant = line;
      const std::size_t at = maker.below(mutant.size());
      switch (maker.below(4)) {
        case 0:
          mutant[at] = static_cast<char>(maker.below(256));
          break;
        case 1:
          mutant.erase(at, 1 + maker.below(3));
          break;
        case 2:
          mutant.insert(at, 1, "{}[]\",:\\0-1ae. \n"[maker.below(16)]);
          break;
        default:
          mutant.insert(at, mutant.substr(maker.below(mutant.size()), maker.below(8)));
      }
      CAPTURE(mutant);
      const auto value = parse_canonical(mutant);
      CHECK(static_cast<bool>(check_canonical(mutant)) == static_cast<bool>(value));
      if (value) CHECK(written(*value) == mutant);
    }
  }
}

TEST_CASE("members are found by name") {
  const auto value = *parse_canonical(R"({"a":{"b":"c"},"n":7})");
  REQUIRE(value.find("a") != nullptr);
  CHECK(*value.find("a")->find("b")->string() == "c");
  CHECK(*value.find("n")->integer() == 7);
  CHECK(value.find("x") == nullptr);
  CHECK(value.find("n")->find("x") == nullptr);
}
