// ULIDs and the ids made of them: `ev_` + 26 characters of Crockford base32 (upper case), the first
// of them 0–7 (github.com/ulid/spec: 48 bits of milliseconds, 80 bits of randomness).
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/random.h"
#include "core/time.h"

namespace talon::core {

/// 26 characters, always well formed.
class Ulid {
 public:
  [[nodiscard]] static Ulid make(Instant at, Random& random) noexcept;
  [[nodiscard]] static Result<Ulid> parse(std::string_view text);
  [[nodiscard]] std::string_view text() const noexcept { return {chars_.data(), chars_.size()}; }
  friend auto operator<=>(const Ulid&, const Ulid&) = default;

 private:
  std::array<char, 26> chars_{};
};

/// Id of one evidence record: `ev_` + ULID, minted on arrival, never reused.
class EvidenceId {
 public:
  EvidenceId() = default;
  explicit EvidenceId(Ulid ulid) : ulid_(ulid) {}
  [[nodiscard]] static EvidenceId make(Instant at, Random& random) noexcept {
    return EvidenceId(Ulid::make(at, random));
  }
  /// Error: Code::not_found is for the caller to say; a malformed id is Code::invalid_request.
  [[nodiscard]] static Result<EvidenceId> parse(std::string_view text);
  [[nodiscard]] std::string text() const {
    std::string out;
    append_to(out);
    return out;
  }
  void append_to(std::string& out) const { out.append("ev_").append(ulid_.text()); }
  [[nodiscard]] const Ulid& ulid() const noexcept { return ulid_; }
  friend auto operator<=>(const EvidenceId&, const EvidenceId&) = default;

 private:
  Ulid ulid_;
};

}  // namespace talon::core
