#include "core/secret.h"

#include <cstring>
#include <utility>

namespace talon::core {
namespace {

/// Also what lies between size and capacity: a short string that was moved from still holds its bytes.
void wipe_string(std::string& text) noexcept {
  text.resize(text.capacity());
  wipe(text.data(), text.size());
  text.clear();
}

}  // namespace

void wipe(void* memory, std::size_t size) noexcept {
  if (size != 0) ::explicit_bzero(memory, size);
}

Secret::Secret(std::string&& bytes) noexcept : bytes_(std::move(bytes)) { wipe_string(bytes); }

Secret::Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.wipe(); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::move(other.bytes_);
    other.wipe();
  }
  return *this;
}

Secret::~Secret() { wipe(); }

Secret Secret::clone() const { return Secret(std::string(bytes_)); }

void Secret::wipe() noexcept { wipe_string(bytes_); }

}  // namespace talon::core
