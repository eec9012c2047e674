// A body with the readable bytes behind it that readers may touch; they are hostile on purpose.
#pragma once

#include <string>
#include <string_view>

#include "gateway/provider/call.h"

namespace talon::gateway::test {

class Padded {
 public:
  explicit Padded(std::string_view body)
      : bytes_(std::string(body) + std::string(k_body_padding, '}')), size_(body.size()) {}
  [[nodiscard]] std::string_view view() const { return std::string_view(bytes_).substr(0, size_); }

 private:
  std::string bytes_;
  std::size_t size_;
};

}  // namespace talon::gateway::test
