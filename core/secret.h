// Secret: bytes that are wiped when they go and that cannot be printed, copied or compared by
// accident. Only reveal() shows them, so every use is easy to find.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace talon::core {

class Secret {
 public:
  Secret() = default;
  /// Takes the bytes and wipes the source.
  explicit Secret(std::string&& bytes) noexcept;
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  [[nodiscard]] std::string_view reveal() const noexcept { return bytes_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] Secret clone() const;

 private:
  void wipe() noexcept;
  std::string bytes_;
};

/// Overwrites memory in a way the compiler keeps.
void wipe(void* memory, std::size_t size) noexcept;

}  // namespace talon::core
