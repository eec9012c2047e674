// SHA-256 of a stream on a thread of its own, a large piece at a time, while its owner makes the next piece. Where no
// thread is to be had the owner hashes itself.
#pragma once

#include <future>
#include <string>
#include <utility>

#include "vault/log/sha256.h"

namespace talon::vault {

class HashBehind {
 public:
  /// Takes the bytes and leaves an empty string of the same capacity or so.
  void give(std::string& bytes) {
    wait();
    piece_.swap(bytes);
    bytes.clear();
    if (piece_.size() < k_worth_it) return hash_.update(piece_);
    running_ = std::async(std::launch::async | std::launch::deferred, [this] { hash_.update(piece_); });
  }
  /// Of all pieces; once.
  [[nodiscard]] Hash finish() {
    wait();
    return hash_.finish();
  }

  HashBehind() = default;
  HashBehind(const HashBehind&) = delete;
  HashBehind& operator=(const HashBehind&) = delete;

 private:
  static constexpr std::size_t k_worth_it = 64 * 1024;
  void wait() {
    if (running_.valid()) running_.get();
  }
  Sha256 hash_;
  std::string piece_;
  std::future<void> running_;  ///< declared last: it ends before what it reads goes
};

}  // namespace talon::vault
