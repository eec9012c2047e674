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
#include <string_view>
#include <utility>
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
  /// `record`: a request record, complete but for its id; the id is set to the answer's. A merged record
  /// is the second denial's with a count of all that followed the first, and without bodies: they would
  /// be those of one call only.
  [[nodiscard]] Answer denied(core::EvidenceRecord& record, core::Micros now, core::Instant clock,
                              core::Random& random);
  /// A stranger at the door, or an admin key (`who`: its name), which has no log of its own. Returns a record to write
  /// when one is due; its count is the number of refusals with its actor and code it stands for. They take turns: at
  /// most one record a second in all, and each keeps its own count until its turn.
  [[nodiscard]] std::optional<core::EvidenceRecord> refused_unknown(core::Code code, core::Micros now,
                                                                    core::Instant clock, core::Random& random,
                                                                    std::string_view who = "unknown");
  /// The merged records that are due (call once a second, and at the end with `all`).
  enum class Which { due, all };
  [[nodiscard]] std::vector<core::EvidenceRecord> flush(core::Micros now, Which which);

 private:
  [[nodiscard]] core::EvidenceRecord take_unknown();

  struct Burst {
    core::Micros opened;
    std::optional<core::EvidenceRecord> merged;
  };
  /// Log and caller, then code: one caller's calls may go to several tenants.
  std::map<std::pair<std::string, core::Code>, Burst> bursts_;
  std::vector<core::EvidenceRecord> due_;  ///< merged, and a new burst has begun since; bounded by flush()
  std::optional<core::Micros> last_unknown_;
  /// Strangers and admins not yet written, one record for each actor and code, the longest waiting first.
  std::vector<core::EvidenceRecord> unknown_;
};

}  // namespace talon::gateway
