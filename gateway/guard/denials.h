// Bursts of refusals become few records (evidence.md §1): the first of a (caller, code) is written at
// once; later ones within a second become one record with a count, and share its evidence id.
// Refusals before a tenant is known are counted and sampled, at most one a second, into the
// operator's log. One instance per worker, owned by it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/evidence_record.h"
#include "core/random.h"
#include "core/time.h"

namespace talon::gateway {

class Denials {
 public:
  struct Answer {
    core::EvidenceId id;  ///< for X-Talon-Evidence-Id
    bool write_now;       ///< the caller writes `record` itself and waits for it
  };
  /// `record`: complete but for its id; the id is set to the answer's.
  [[nodiscard]] Answer denied(core::EvidenceRecord& record, core::Micros now, core::Instant clock, core::Random& random);
  /// A stranger at the door. Returns a record to write when one is due.
  [[nodiscard]] std::optional<core::EvidenceRecord> refused_unknown(core::Code code, core::Micros now, core::Instant clock, core::Random& random);
  /// The merged records that are due (call once a second, and at the end with `all`).
  enum class Which { due, all };
  [[nodiscard]] std::vector<core::EvidenceRecord> flush(core::Micros now, Which which);

 private:
  struct Burst {
    core::Micros opened;
    std::optional<core::EvidenceRecord> merged;
  };
  std::map<std::pair<std::string, core::Code>, Burst> bursts_;
  core::Micros last_unknown_{-1'000'000};
  std::int64_t unknown_since_ = 0;
};

}  // namespace talon::gateway
