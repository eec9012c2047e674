// Recount: the roll-ups as the records themselves give them, to compare with what is stored, or to make it anew.
//
// The same rules as journal/writer_attribution.cpp, from rows and lines alone; kept in maps instead of tables.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "vault/ledger/rollup.h"
#include "vault/store/environment.h"

namespace talon::vault {

class Recount {
 public:
  /// A store of an earlier version: it has no rows of the whole vault.
  void without_whole() { whole_ = false; }

  /// A record by its id, from the store that is counted; nullopt: there is none, or it cannot be read.
  struct Earlier {
    RowHeader header;
    Position position = 0;
    core::RecordSummary summary;
  };
  using LookUp = std::function<std::optional<Earlier>(const IdBytes& id)>;
  /// Where sessions may have adopted calls (k_flag_adopts_call), which no earlier version's do.
  void look_up_by(LookUp look_up) { look_up_ = std::move(look_up); }

  /// One record row, in global order. `log`: the name of its log.
  void add(const RowHeader& header, const core::RecordSummary& summary, const core::LogName& log, Position position);

  /// What a stored row ought to hold; nullopt: no such row ought to exist. Marks it as seen.
  [[nodiscard]] std::optional<std::string> expected_rollup(std::string_view key);
  /// Whether a stored session's sums, id and tenant are right; nullopt: no such row ought to exist. Marks it as seen.
  [[nodiscard]] std::optional<bool> session_fits(std::string_view key, std::string_view value);
  /// Keys that nobody has asked for: rows that ought to exist and were not met.
  [[nodiscard]] std::vector<std::string> unseen_rollups() const;
  [[nodiscard]] std::vector<std::string> unseen_sessions() const;
  /// What attribution records say and the sessions do not, or the other way round, and logs whose records' money
  /// (costs, plus attributed, minus released) is not what their roll-ups hold. Between commits there is none.
  [[nodiscard]] std::vector<std::string> problems() const;

  // For making the tables anew.
  void each_rollup(const std::function<void(std::string_view key, std::string_view value)>& visit);
  void each_session(const std::function<void(std::string_view key, SessionRow& row)>& visit);
  /// Calls that count in the unattributed log: position, and the key of their session or nothing.
  void each_loose(const std::function<void(Position position, std::string_view session)>& visit);

 private:
  template <class T>
  struct Counted {
    T sums;
    bool seen = false;
  };
  struct LooseCall {
    RollupChange change;
    core::Instant time;
    core::EvidenceId id;
    Position position = 0;
  };
  struct Session : Counted<SessionRow> {
    bool exists = false;
    std::vector<LooseCall> loose;  ///< in the operator's space, while it is nobody's
  };
  enum class Way { add, take };
  void count(LogNumber log, const RollupChange& change, core::Instant time, int sessions, Way way);
  void give(Session& session, LogNumber winner);
  /// The session begins with the call that it is named by; false: that is none to begin with.
  [[nodiscard]] bool adopt(Session& session, LogNumber space, Position before);
  void expect(LogNumber winner, const core::AttributedCall& call);
  void check_attribution(const RowHeader& header, const core::RecordSummary& summary);
  [[nodiscard]] std::string encode_lifetime(std::string_view key, const Lifetime& sums) const;

  bool whole_ = true;
  LogNumber unattributed_{};
  std::unordered_map<std::string, Counted<Lifetime>> lifetimes_;  ///< by stored key, as are the others
  std::unordered_map<std::string, Counted<DayCell>> cells_;
  std::unordered_map<std::string, Session> sessions_;
  std::set<std::string> nobodys_;                          ///< keys of the operator's sessions without a tenant
  std::vector<std::pair<Position, core::Instant>> alone_;  ///< unattributed calls without a session, in order
  std::set<Position> adopted_;                             ///< of these: they have one now
  LookUp look_up_;
  std::unordered_map<std::uint32_t, core::NanoUsd> money_;                   ///< of each log, from its records alone
  std::unordered_map<std::uint32_t, std::deque<core::AttributedCall>> due_;  ///< moved, and not yet recorded; by log
  std::vector<std::string> wrong_;
  std::unordered_map<std::string, std::string> name_keys_;  ///< hashed names, so that each is hashed once
  /// The cell of the record before, for each dimension: mostly the same one again.
  struct Recent {
    std::string spelled;
    Counted<DayCell>* cell = nullptr;
  };
  std::array<Recent, 2 * k_dimensions> recent_;
  RollupChange change_;  ///< of the record at hand
  std::string scratch_, names_;
};

}  // namespace talon::vault
