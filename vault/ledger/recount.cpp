#include "vault/ledger/recount.h"

namespace talon::vault {

core::Result<void> Recount::add(const RowHeader& header, const core::RecordSummary& summary) {
  const auto change = change_of(summary, header.flags);
  if (!moves_rollups(change)) return {};
  bool opens_session = change.counts_as_request;
  if (change.counts_as_request && !change.session.empty()) {
    auto& session = sessions_[std::string(session_key(header.log, change.session).view())].sums;
    opens_session = session.requests == 0;
    session.id = change.session;
    add_to(session, change, header.time);
  }
  add_to(lifetimes_[std::string(lifetime_key(header.log).view())].sums, change, header.time, opens_session);
  const auto day = core::day_of(header.time);
  const std::pair<Dimension, std::string_view> names[] = {{Dimension::all, {}},
                                                          {Dimension::caller, change.caller},
                                                          {Dimension::provider, change.provider},
                                                          {Dimension::model, change.model}};
  for (const auto& [dimension, name] : names) {
    scratch_.assign(day_prefix(header.log, day, dimension).view());
    scratch_ += name;
    auto& recent = recent_[static_cast<std::size_t>(dimension)];
    if (recent.cell == nullptr || recent.spelled != scratch_) {
      auto known = name_keys_.find(scratch_);
      if (known == name_keys_.end()) {
        known = name_keys_.emplace(scratch_, day_key(header.log, day, dimension, name).view()).first;
      }
      recent = {scratch_, &cells_[known->second]};
      recent.cell->sums.name = name;
    }
    add_to(recent.cell->sums, change);
  }
  return {};
}

namespace {

template <class Map>
std::optional<std::string> expected(Map& map, std::string_view key) {
  const auto found = map.find(std::string(key));
  if (found == map.end()) return std::nullopt;
  found->second.seen = true;
  const auto value = found->second.sums.encode();
  return std::string(std::string_view(value));
}

template <class Map>
void append_unseen(const Map& map, std::vector<std::string>& keys) {
  for (const auto& [key, counted] : map) {
    if (!counted.seen) keys.push_back(key);
  }
}

}  // namespace

std::optional<std::string> Recount::expected_rollup(std::string_view key) {
  const auto decoded = decode_rollup_key(key);
  if (!decoded) return std::nullopt;
  return decoded->lifetime ? expected(lifetimes_, key) : expected(cells_, key);
}

std::optional<std::string> Recount::expected_session(std::string_view key) { return expected(sessions_, key); }

std::vector<std::string> Recount::unseen_rollups() const {
  std::vector<std::string> keys;
  append_unseen(lifetimes_, keys);
  append_unseen(cells_, keys);
  return keys;
}

std::vector<std::string> Recount::unseen_sessions() const {
  std::vector<std::string> keys;
  append_unseen(sessions_, keys);
  return keys;
}

}  // namespace talon::vault
