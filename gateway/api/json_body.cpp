// From bytes to checked values; the sentences that say what would be right.
#include "gateway/api/json_body.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "gateway/provider/json_cursor.h"

namespace talon::gateway {
namespace {

using core::Code;
using Kind = JsonValue::Kind;

std::string_view article_of(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "true or false";
    case Kind::number:
      return "a number";
    case Kind::string:
      return "a text";
    case Kind::array:
      return "an array";
    case Kind::object:
      return "an object";
  }
  return "a value";
}

Refusal problem_with(const std::string& path, std::string_view sentence, Code code = Code::invalid_request) {
  const auto shown = core::record_text(path);
  return {{code, '"' + shown + "\" " + std::string(sentence), {}}, {{"param", json_quote(shown)}}, {}};
}

/// RFC 8259 §6.
bool is_number(std::string_view text) noexcept {
  const auto digits = [&text] {
    const auto count = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(count);
    return count;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.starts_with('0')) {
    text.remove_prefix(1);
  } else if (digits() == 0) {
    return false;
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty();
}

/// Builds the tree of values. One thread's token index is in use while it works.
class TreeBuilder {
 public:
  TreeBuilder(std::string_view text, std::span<const std::uint32_t> starts) : cursor_(text, starts) {}

  std::expected<JsonValue, Refusal> build() {
    JsonValue root;
    if (value(root, 0) && !cursor_.at_end()) fail(JsonFault::malformed);
    if (refusal_) return std::unexpected(*std::move(refusal_));
    return root;
  }

 private:
  bool fail(JsonFault fault) { return fail(std::string("The body is not JSON: ").append(describe(fault)) + '.'); }
  bool fail(std::string sentence) {
    if (!refusal_) refusal_ = Refusal{{Code::invalid_json, std::move(sentence), {}}};
    return false;
  }
  bool refuse(Refusal refusal) {
    if (!refusal_) refusal_ = std::move(refusal);
    return false;
  }

  /// Of what is being read now, as it is written in a sentence: "a.b[0]". Made only then: a long name above thousands of
  /// values would be copied for each of them.
  [[nodiscard]] std::string path() const {
    std::string out;
    for (const JsonValue* outer : open_) {
      if (outer->kind == Kind::object) {
        if (!out.empty()) out += '.';
        out += outer->names.back();
      } else {
        out += '[' + std::to_string(outer->values.size() - 1) + ']';
      }
    }
    return out;
  }

  bool value(JsonValue& into, int depth) {
    if (++count_ > k_max_body_values)
      return refuse({{Code::invalid_request, "The body holds more than 4,000 values.", {}}});
    if (depth > k_max_body_depth) return refuse({{Code::invalid_request, "The body is nested more than 16 deep.", {}}});
    switch (cursor_.peek()) {
      case '\0':
        return fail(JsonFault::malformed);
      case '{':
        return object(into, depth);
      case '[':
        return array(into, depth);
      case '"':
        return string(into);
      default:
        return scalar(into);
    }
  }

  bool string(JsonValue& into) {
    std::string_view raw;
    if (!cursor_.string(raw)) return fail(cursor_.fault());
    auto text = unescape_json(raw);
    if (!text) return fail("The body is not JSON: an escape in a string is broken, or half a surrogate pair.");
    into.kind = Kind::string;
    into.text = *std::move(text);
    return true;
  }

  bool scalar(JsonValue& into) {
    into.text = cursor_.scalar_text();
    std::size_t end = 0;
    if (!cursor_.skip(end)) return fail(cursor_.fault());
    if (into.text == "null") {
      into.kind = Kind::null;
    } else if (into.text == "true" || into.text == "false") {
      into.kind = Kind::boolean;
    } else if (is_number(into.text)) {
      into.kind = Kind::number;
    } else {
      const auto place = path();
      const auto where = place.empty() ? std::string("the body") : '"' + core::record_text(place) + '"';
      return fail("The body is not JSON: " + where + " is " + core::record_text(into.text.substr(0, 40)) +
                  ", which is no value; texts stand in quotes, and there is no NaN or Infinity.");
    }
    return true;
  }

  bool array(JsonValue& into, int depth) {
    into.kind = Kind::array;
    cursor_.take('[');
    if (cursor_.peek() == ']') return cursor_.take(']');
    open_.push_back(&into);
    for (;;) {
      if (!value(into.values.emplace_back(), depth + 1)) return false;
      if (cursor_.peek() == ']') break;
      if (!cursor_.take(',')) return fail(cursor_.fault());
    }
    open_.pop_back();
    return cursor_.take(']');
  }

  bool object(JsonValue& into, int depth) {
    into.kind = Kind::object;
    open_.push_back(&into);
    std::set<std::string> seen;
    const bool whole = cursor_.object([&](std::string_view raw, std::size_t) {
      auto name = unescape_json(raw);
      if (!name) return fail("The body is not JSON: an escape in a member's name is broken.");
      if (into.names.size() == k_max_body_members)
        return refuse({{Code::invalid_request, "The body holds an object of more than 256 members.", {}}});
      const bool fresh = seen.insert(*name).second;
      into.names.push_back(*std::move(name));
      if (!fresh) return refuse(problem_with(path(), "is given twice; write it once."));
      return value(into.values.emplace_back(), depth + 1);
    });
    open_.pop_back();
    return whole || fail(cursor_.fault() == JsonFault::none ? JsonFault::malformed : cursor_.fault());
  }

  JsonCursor cursor_;
  std::size_t count_ = 0;
  std::vector<const JsonValue*> open_;  ///< the objects and arrays around what is being read, outermost first
  std::optional<Refusal> refusal_;
};

/// A copy of a body may hold a provider's key.
class Wiper {
 public:
  explicit Wiper(std::string& text) : text_(text) {}
  ~Wiper() { core::wipe(text_.data(), text_.size()); }
  Wiper(const Wiper&) = delete;
  Wiper& operator=(const Wiper&) = delete;

 private:
  std::string& text_;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view k_space = " \t\r\n";
  const auto begin = text.find_first_not_of(k_space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(k_space) - begin + 1);
}

/// White space of Unicode at both ends, as tenant ids and names may not have it.
std::string_view without_outer_space(std::string_view text) {
  for (auto point = core::decode_utf8(text); point.length != 0 && core::is_white_space(point.value);
       point = core::decode_utf8(text))
    text.remove_prefix(point.length);
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto point = core::decode_utf8(text.substr(at));
    at += std::max<std::size_t>(point.length, 1);
    if (!core::is_white_space(point.value)) end = at;
  }
  return text.substr(0, end);
}

bool has_forbidden(std::string_view text) {
  while (!text.empty()) {
    const auto point = core::decode_utf8(text);
    if (point.length == 0 || core::is_control(point.value) || core::is_bidi_mark(point.value) ||
        core::is_line_separator(point.value))
      return true;
    text.remove_prefix(point.length);
  }
  return false;
}

bool is_mail_domain(std::string_view domain) {
  if (domain.empty() || domain.size() > 253 || domain.find('.') == std::string_view::npos) return false;
  while (true) {
    const auto label = domain.substr(0, domain.find('.'));
    const auto plain = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
             static_cast<unsigned char>(c) >= 0x80;
    };
    if (label.empty() || label.size() > 63 || label.starts_with('-') || label.ends_with('-') ||
        !std::ranges::all_of(label, plain))
      return false;
    if (label.size() == domain.size()) return true;
    domain.remove_prefix(label.size() + 1);
  }
}

/// RFC 5321 without quoted local parts, address literals and what would break a mail's head.
bool is_email(std::string_view text) {
  const auto at = text.find('@');
  if (text.size() > 254 || at == std::string_view::npos || at == 0 || at > 64 || has_forbidden(text)) return false;
  const auto local = text.substr(0, at);
  if (local.find_first_of(" \"(),:;<>[\\]") != std::string_view::npos) return false;
  if (local.starts_with('.') || local.ends_with('.') || local.find("..") != std::string_view::npos) return false;
  return is_mail_domain(text.substr(at + 1));
}

std::string listed(const std::vector<std::string_view>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return &values[i];
  }
  return nullptr;
}

std::expected<JsonValue, Refusal> parse_json_body(std::string_view text, BodyNeed need) {
  if (trimmed(text).empty()) {
    if (need == BodyNeed::optional) {
      return JsonValue(Kind::object);
    }
    return refuse(Code::invalid_json, "The body is empty; this route takes a JSON object.");
  }
  if (text.starts_with("\xef\xbb\xbf"))
    return refuse(Code::invalid_json, "The body is not JSON: it begins with a byte order mark.");
  constexpr std::size_t k_readable_behind = 64;  // simdjson reads whole blocks
  std::string padded(text);
  padded.append(k_readable_behind, ' ');
  const std::string_view body(padded.data(), text.size());
  const Wiper wiper(padded);
  const auto tokens = json_tokens(body);
  if (tokens.fault != JsonFault::none) {
    return refuse(Code::invalid_json, std::string("The body is not JSON: ").append(describe(tokens.fault)) + '.');
  }
  auto root = TreeBuilder(body, tokens.starts).build();
  if (root && root->kind != Kind::object) {
    return refuse(Code::invalid_request,
                  std::string("The body is ").append(article_of(root->kind)) + "; this route takes a JSON object.");
  }
  return root;
}

BodyReader::BodyReader(const JsonValue& object) : BodyReader(object, {}, std::make_shared<Problems>()) {}

BodyReader::BodyReader(const JsonValue& object, std::string path, std::shared_ptr<Problems> problems)
    : object_(&object), path_(std::move(path)), problems_(std::move(problems)) {}

std::string BodyReader::path_of(std::string_view member) const {
  return path_.empty() ? std::string(member) : path_ + '.' + std::string(member);
}

void BodyReader::refuse(std::string_view member, std::string_view sentence) {
  if (!problems_->first) problems_->first = problem_with(path_of(member), sentence);
}

void BodyReader::missing(std::string_view member, std::string_view wanted) {
  refuse(member, "is missing; it is " + std::string(wanted) + '.');
}

bool BodyReader::has(std::string_view member) { return object_->find(member) != nullptr; }

const JsonValue* BodyReader::take(std::string_view member, Kind kind, Null null) {
  asked_.push_back(member);
  const auto* value = object_->find(member);
  if (value == nullptr) return nullptr;
  if (value->kind == Kind::null && null == Null::as_absent) return nullptr;
  if (value->kind == kind) return value;
  const auto wanted = std::string("must be ").append(article_of(kind));
  refuse(member, value->kind == Kind::null ? wanted + ", not null; leave it out if there is none."
                                           : wanted + ", not " + std::string(article_of(value->kind)) + '.');
  return nullptr;
}

std::optional<std::string> BodyReader::checked_name(std::string_view member, const JsonValue& value, std::size_t most) {
  const auto text = without_outer_space(value.text);
  if (has_forbidden(text)) {
    refuse(member, "must not hold control characters, line separators or marks of direction.");
  } else if (core::count_code_points(text).value_or(most + 1) > most) {
    refuse(member, "is too long; it is at most " + std::to_string(most) + " characters.");
  }
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

std::string BodyReader::name(std::string_view member) {
  constexpr std::string_view k_wanted = "a text of 1 to 128 characters";
  if (!has(member)) missing(member, k_wanted);
  const auto* value = take(member, Kind::string, Null::refused);
  if (value == nullptr) return {};
  auto text = checked_name(member, *value, 128);
  if (!text) refuse(member, "must not be blank; it is " + std::string(k_wanted) + '.');
  return std::move(text).value_or(std::string());
}

std::optional<std::string> BodyReader::optional_name(std::string_view member, std::size_t most) {
  const auto* value = take(member, Kind::string, Null::as_absent);
  return value == nullptr ? std::nullopt : checked_name(member, *value, most);
}

std::optional<std::string> BodyReader::optional_email(std::string_view member) {
  const auto* value = take(member, Kind::string, Null::refused);
  if (value == nullptr) return std::nullopt;
  if (!is_email(value->text)) refuse(member, "is not an e-mail address such as admin@example.com.");
  return value->text;
}

std::optional<core::TenantId> BodyReader::optional_tenant(std::string_view member) {
  return optional_id(member, Code::invalid_tenant_id);
}

std::optional<std::string> BodyReader::optional_session(std::string_view member) {
  const auto id = optional_id(member, Code::invalid_session_id);
  return id ? std::optional(id->bytes()) : std::nullopt;
}

std::optional<core::TenantId> BodyReader::optional_id(std::string_view member, Code code) {
  const auto* value = take(member, Kind::string, Null::as_absent);
  if (value == nullptr) return std::nullopt;
  const auto text = without_outer_space(value->text);
  if (text.empty()) return std::nullopt;
  auto tenant = core::TenantId::parse(text);
  if (tenant) return *std::move(tenant);
  if (!problems_->first) {
    constexpr std::string_view k_subject = "a tenant id ";
    std::string_view why = tenant.error().message;
    if (why.starts_with(k_subject)) why.remove_prefix(k_subject.size());
    problems_->first = problem_with(path_of(member), std::string(why) + '.', code);
  }
  return std::nullopt;
}

core::Secret BodyReader::provider_key(std::string_view member) {
  constexpr std::string_view k_wanted = "a provider's key: 6 to 512 visible ASCII characters without spaces";
  if (!has(member)) missing(member, k_wanted);
  const auto* value = take(member, Kind::string, Null::refused);
  if (value == nullptr) return {};
  const auto visible = [](char c) { return c >= '!' && c <= '~'; };
  if (value->text.size() < 6 || value->text.size() > 512 || !std::ranges::all_of(value->text, visible))
    refuse(member, "is not " + std::string(k_wanted) + '.');
  return core::Secret(std::string(value->text));
}

std::string BodyReader::word(std::string_view member, const std::vector<std::string_view>& words) {
  if (!has(member)) missing(member, listed(words));
  const auto* value = take(member, Kind::string, Null::refused);
  if (value == nullptr) return {};
  if (std::ranges::find(words, value->text) != words.end()) return value->text;
  std::string sentence = "is " + listed(words) + ", not \"" + core::record_text(value->text) + '"';
  if (const auto near = core::nearest(value->text, words); !near.empty())
    sentence += "; did you mean \"" + std::string(near) + "\"?";
  if (sentence.back() != '?') sentence += '.';
  refuse(member, sentence);
  return {};
}

std::optional<std::string> BodyReader::optional_word(std::string_view member,
                                                     const std::vector<std::string_view>& words) {
  if (has(member)) return word(member, words);
  asked_.push_back(member);
  return std::nullopt;
}

std::optional<core::NanoUsd> BodyReader::optional_money(std::string_view member) {
  const auto* value = take(member, Kind::number, Null::refused);
  if (value == nullptr) return std::nullopt;
  const auto amount = core::NanoUsd::parse(value->text);
  if (!amount) {
    refuse(member, "is not an amount of dollars: " + amount.error().message + '.');
  } else if (value->text.starts_with('-')) {
    refuse(member, "must not be negative; it is an amount of dollars such as 5000.00.");
  } else if (*amount > k_most_money) {
    refuse(member, "is too large; it is at most " + k_most_money.to_decimal() + '.');
  } else {
    return *amount;
  }
  return std::nullopt;
}

std::optional<std::int64_t> BodyReader::optional_integer(std::string_view member, std::int64_t least,
                                                         std::int64_t most) {
  const auto* value = take(member, Kind::number, Null::refused);
  if (value == nullptr) return std::nullopt;
  const auto number = parse_json_integer(value->text);
  if (number && *number >= least && *number <= most && value->text != "-0") return number;
  refuse(member, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) + '.');
  return std::nullopt;
}

std::optional<bool> BodyReader::optional_boolean(std::string_view member) {
  const auto* value = take(member, Kind::boolean, Null::refused);
  return value == nullptr ? std::nullopt : std::optional(value->text == "true");
}

std::optional<BodyReader> BodyReader::optional_object(std::string_view member) {
  const auto* value = take(member, Kind::object, Null::refused);
  if (value == nullptr) return std::nullopt;
  return BodyReader(*value, path_of(member), problems_);
}

BodyReader BodyReader::object(std::string_view member) {
  static const JsonValue k_none(Kind::object);
  if (!has(member)) missing(member, "an object");
  if (auto inner = optional_object(member)) return *std::move(inner);
  return BodyReader(k_none, path_of(member), problems_);
}

const std::vector<std::string>& BodyReader::any_members() {
  all_known_ = true;
  return object_->names;
}

void BodyReader::check_unknown() {
  if (all_known_ || problems_->unknown) return;
  for (const auto& name : object_->names) {
    if (std::ranges::find(asked_, name) != asked_.end()) continue;
    std::string sentence = "is not known here";
    if (const auto near = core::nearest(name, asked_); !near.empty()) {
      sentence += "; did you mean \"" + std::string(near) + "\"?";
    } else {
      sentence += asked_.empty() ? "; no members are." : "; known are " + listed(asked_) + '.';
    }
    problems_->unknown = problem_with(path_of(name), sentence);
    return;
  }
}

std::optional<Refusal> BodyReader::problem() {
  check_unknown();
  return problems_->unknown ? problems_->unknown : problems_->first;
}

}  // namespace talon::gateway
