// What a page of a list ends with, for the page after it: which list, and a place in it. Opaque to clients, and nothing
// in it tells a tenant more than the page did: a place is named by what stands there, never by the number of a log that
// others share. Pure; HTTP and the command line write the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace talon::gateway {

/// The letter that its cursors begin with; one of another list is none here.
enum class ListOf : char {
  accounts = 'a',
  api_keys = 'k',
  calls = 'c',
  evidence = 'e',
  sessions = 's',
  tenants = 't',
  virtual_keys = 'v',
};

/// `place`: any bytes, as the list's own reader takes them back.
[[nodiscard]] std::string encode_cursor(ListOf list, std::string_view place);
/// nullopt: not a cursor of this list.
[[nodiscard]] std::optional<std::string> decode_cursor(ListOf list, std::string_view cursor);

}  // namespace talon::gateway
