// The numbers of logs by their names, for a journal that has all logs in a vector: an open-addressing array of 8 bytes a
// slot (32 bits of the name's hash, the number), so that a start with 100,000 of them allocates once.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/tenant_id.h"
#include "vault/store/tables.h"

namespace talon::vault {

class LogNumbers {
 public:
  void reserve(std::size_t logs) {
    if (const auto size = std::bit_ceil(2 * logs + 16); size > slots_.size()) grow(size);
  }
  /// `name_of(number)`: the name of a log that was added.
  template <class NameOf>
  [[nodiscard]] std::optional<LogNumber> find(const core::LogName& name, NameOf name_of) const {
    if (slots_.empty()) return std::nullopt;
    const auto tag = tag_of(name);
    for (auto at = tag & mask(); slots_[at] != 0; at = (at + 1) & mask()) {
      const auto number = static_cast<LogNumber>(slots_[at] & 0xffffffff);
      if (slots_[at] >> 32 == tag && name_of(number) == name) return number;
    }
    return std::nullopt;
  }
  /// False: the name was added before, and its number stays.
  template <class NameOf>
  [[nodiscard]] bool add(const core::LogName& name, LogNumber number, NameOf name_of) {
    reserve(count_ + 1);
    const auto tag = tag_of(name);
    auto at = tag & mask();
    for (; slots_[at] != 0; at = (at + 1) & mask()) {
      const auto other = static_cast<LogNumber>(slots_[at] & 0xffffffff);
      if (slots_[at] >> 32 == tag && name_of(other) == name) return false;
    }
    slots_[at] = tag << 32 | static_cast<std::uint32_t>(number);
    ++count_;
    return true;
  }

 private:
  static_assert(sizeof(std::size_t) == 8);
  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
  static std::uint64_t tag_of(const core::LogName& name) noexcept { return std::hash<core::LogName>{}(name) >> 32; }
  void put(std::uint64_t value) {
    auto at = (value >> 32) & mask();
    while (slots_[at] != 0) at = (at + 1) & mask();
    slots_[at] = value;
  }
  void grow(std::size_t size) {
    const auto old = std::exchange(slots_, std::vector<std::uint64_t>(size));
    for (const auto value : old) {
      if (value != 0) put(value);
    }
  }

  std::vector<std::uint64_t> slots_;  ///< tag above number; 0: empty, numbers begin at 1
  std::size_t count_ = 0;
};

}  // namespace talon::vault
