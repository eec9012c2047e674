// HTTP messages as values: what `http` parses and writes, what every other room of the gateway reads.
// Views point into the buffer of the connection and live as long as the request is being served.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace talon::gateway {

struct Field {
  std::string_view name;
  std::string_view value;
};

/// equal_names for names of one size.
[[nodiscard]] bool equal_letters(const char* a, const char* b, std::size_t size) noexcept;
/// ASCII case-insensitive, as field names are compared. Most differ in their size.
[[nodiscard]] inline bool equal_names(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && equal_letters(a.data(), b.data(), a.size());
}

/// Header fields in the order they came.
class Fields {
 public:
  void add(std::string_view name, std::string_view value) { fields_.push_back({name, value}); }
  void clear() noexcept { fields_.clear(); }
  /// The first field of that name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
  [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
  [[nodiscard]] auto end() const noexcept { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct RequestHead {
  std::string_view method;
  std::string_view target;  ///< as sent
  std::string_view path;    ///< target without query
  std::string_view query;   ///< without '?'; empty if none
  int minor_version = 1;    ///< HTTP/1.<n>
  Fields fields;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expects_continue = false;
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;
  int minor_version = 1;
  Fields fields;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
};

/// A whole response of our own: errors and the api room's answers.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> fields;  ///< besides framing, type, X-Request-Id
  std::string body;
};

}  // namespace talon::gateway
