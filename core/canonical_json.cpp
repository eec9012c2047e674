#include "core/canonical_json.h"

#include <charconv>
#include <utility>

#include "core/canonical_scan.h"

namespace talon::core {
namespace {

std::unexpected<Error> too_long(std::size_t max_bytes) {
  return fail(Code::invalid_json, "not canonical: a line has at most " + std::to_string(max_bytes) + " bytes");
}

/// Recursion is bounded by the scanner's depth. False: scanner.failed().
bool read_value(CanonicalScanner& scanner, CanonicalValue& value) {
  bool first = true;
  switch (scanner.peek()) {
    case '"': {
      std::string_view raw;
      bool escaped = false;
      if (!scanner.string(raw, escaped)) return false;
      value = CanonicalValue(unescape(raw, escaped));
      return true;
    }
    case '{': {
      if (!scanner.enter('{')) return false;
      CanonicalObject object;
      for (std::string_view name; scanner.next('}', first);) {
        CanonicalValue member;
        if (!scanner.name(name) || !read_value(scanner, member)) return false;
        object.emplace_hint(object.end(), std::string(name), std::move(member));
      }
      value = CanonicalValue(std::move(object));
      return !scanner.failed();
    }
    case '[': {
      if (!scanner.enter('[')) return false;
      CanonicalArray array;
      while (scanner.next(']', first)) {
        CanonicalValue element;
        if (!read_value(scanner, element)) return false;
        array.push_back(std::move(element));
      }
      value = CanonicalValue(std::move(array));
      return !scanner.failed();
    }
    case 't':
    case 'f': {
      bool flag = false;
      if (!scanner.boolean(flag)) return false;
      value = CanonicalValue(flag);
      return true;
    }
    default: {
      if (scanner.peek() != '-' && (scanner.peek() < '0' || scanner.peek() > '9'))
        return scanner.skip();  // names the rule
      std::int64_t number = 0;
      if (!scanner.integer(number)) return false;
      value = CanonicalValue(number);
      return true;
    }
  }
}

}  // namespace

const CanonicalValue* CanonicalValue::find(std::string_view name) const noexcept {
  const auto* members = object();
  if (members == nullptr) return nullptr;
  const auto found = members->find(name);
  return found == members->end() ? nullptr : &found->second;
}

Result<CanonicalValue> parse_canonical(std::string_view line, std::size_t max_bytes) {
  if (line.size() > max_bytes) return too_long(max_bytes);
  CanonicalScanner scanner(line);
  CanonicalValue value;
  if (!read_value(scanner, value) || !scanner.finish()) return fail(scanner.error());
  return value;
}

Result<void> check_canonical(std::string_view line, std::size_t max_bytes) {
  if (line.size() > max_bytes) return too_long(max_bytes);
  CanonicalScanner scanner(line);
  if (!scanner.skip() || !scanner.finish()) return fail(scanner.error());
  return {};
}

void write_canonical(const CanonicalValue& value, std::string& out) {
  if (const auto* flag = value.boolean()) {
    out += *flag ? "true" : "false";
  } else if (const auto* number = value.integer()) {
    append_integer(out, *number);
  } else if (const auto* text = value.string()) {
    append_string(out, *text);
  } else if (const auto* array = value.array()) {
    out += '[';
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (i != 0) out += ',';
      write_canonical((*array)[i], out);
    }
    out += ']';
  } else if (const auto* object = value.object()) {
    out += '{';
    bool first = true;
    for (const auto& [name, member] : *object) {
      if (!std::exchange(first, false)) out += ',';
      append_string(out, name);
      out += ':';
      write_canonical(member, out);
    }
    out += '}';
  }
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t done = 0;
  for (std::size_t at = text.find_first_of("\"\\"); at != std::string_view::npos;
       at = text.find_first_of("\"\\", at + 1)) {
    out.append(text, done, at - done);
    out += '\\';
    done = at;
  }
  out.append(text, done);
  out += '"';
}

void append_integer(std::string& out, std::int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

}  // namespace talon::core
