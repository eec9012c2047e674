// The facade's reads of sessions: those with rows of their own, and calls without one, each a session of its own.
#include <algorithm>
#include <deque>

#include "vault/ledger/rollup.h"
#include "vault/store/log_view.h"
#include "vault/store/scan.h"
#include "vault/vault_impl.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

constexpr std::size_t k_chunk = 256;              ///< entries of one read transaction
constexpr std::size_t k_most_looked_at = 20'000;  ///< by one page; it is short then, and goes on from there
constexpr std::size_t k_most_sorted = 100'000;
constexpr std::size_t k_session_key = 20;

std::unexpected<core::Error> damaged() {
  return core::fail(Code::vault_corrupt, "a stored session is damaged; run talon audit verify");
}

std::vector<std::string> modality_names(std::uint8_t set) {
  std::vector<std::string> names;
  if ((set & Modality::llm) != 0) names.emplace_back("llm");
  if ((set & Modality::stt) != 0) names.emplace_back("stt");
  if ((set & Modality::tts) != 0) names.emplace_back("tts");
  return names;
}

std::string project_or_default(std::string_view project) {
  return std::string(project.empty() ? k_default_project : project);
}

Result<std::optional<core::TenantId>> tenant_of(const ReadTxn& txn, LogNumber log) {
  if (log == LogNumber{}) return std::optional<core::TenantId>();
  TALON_TRY(value, txn.get(Table::logs, key_of(log)));
  const auto row = value ? LogRow::decode(*value) : std::nullopt;
  if (!row) return damaged();
  if (!row->name.is_tenant()) return std::optional<core::TenantId>();
  TALON_TRY(tenant, core::TenantId::parse(row->name.bytes()));
  return std::optional(std::move(tenant));
}

/// Numbers of the logs that a read is about.
struct Scope {
  LogNumber unattributed{};
  LogNumber log = k_whole_vault;
  bool all = true, known = true;

  static Result<Scope> of(const ReadTxn& txn, const LogFilter& filter) {
    Scope scope;
    TALON_TRY(unattributed, find_log(txn, core::LogName::unattributed()));
    scope.unattributed = unattributed.value_or(LogNumber{0xffffffff});
    if (!filter) return scope;
    scope.all = false;
    TALON_TRY(number, find_log(txn, *filter));
    scope.known = number.has_value();
    scope.log = number.value_or(LogNumber{});
    return scope;
  }
  /// Whether a session of this space and tenant is in sight.
  [[nodiscard]] bool sees(LogNumber space, LogNumber tenant) const {
    if (all) return true;
    const auto counts_for = space == unattributed ? (tenant == LogNumber{} ? unattributed : tenant) : space;
    return counts_for == log;
  }
};

LogNumber space_of(std::string_view key) { return LogNumber{get_big_endian<std::uint32_t>(key.data())}; }

/// `row_tenant`: the tenant as the row has it.
Result<SessionInfo> info_of(const ReadTxn& txn, const Scope& scope, std::string_view key, SessionRow row) {
  SessionInfo info;
  const auto space = space_of(key);
  info.operator_space = space == scope.unattributed;
  TALON_TRY(tenant, tenant_of(txn, info.operator_space ? row.tenant : space));
  info.tenant = std::move(tenant);
  info.id = std::move(row.id);
  info.uid = uid_text(row.uid);
  info.project = project_or_default(row.project);
  info.modalities = modality_names(row.modalities == 0 && row.requests > 0 ? Modality::llm : row.modalities);
  info.started = row.first;
  info.last_seen = row.last;
  info.cost = row.cost;
  info.requests = row.requests;
  info.unpriced = row.unpriced;
  return info;
}

/// A call without a session, as the session it counts as.
Result<SessionInfo> info_of_call(const RowHeader& header, const core::RecordSummary& summary) {
  SessionInfo info;
  info.uid = info.id = uid_text(header.id);
  if (summary.tenant) {
    TALON_TRY(tenant, core::TenantId::parse(*summary.tenant));
    info.tenant = std::move(tenant);
  }
  info.project = project_or_default(summary.project.value_or(""));
  info.modalities = modality_names(Modality::llm);
  info.started = info.last_seen = header.time;
  info.cost = summary.has_cost ? summary.cost : core::NanoUsd();
  info.requests = 1;
  info.unpriced = (header.flags & k_flag_unpriced) != 0 ? 1 : 0;
  return info;
}

/// Whether a session's row has taken this call in: then it has the call's id as its uid.
Result<bool> is_adopted(const ReadTxn& txn, const RowHeader& header) {
  TALON_TRY(key, txn.get(Table::session_uids, view(header.id)));
  return key.has_value();
}

/// The call that is a session of its own and has this uid.
Result<std::optional<std::pair<RowHeader, SessionInfo>>> own_session(const ReadTxn& txn, const IdBytes& uid) {
  using Found = std::optional<std::pair<RowHeader, SessionInfo>>;
  TALON_TRY(record, find_record(txn, evidence_id(uid)));
  if (!record) return Found();
  TALON_TRY(records, LogView::of(txn, record->log));
  TALON_TRY(row, records.row(record->seq));
  if (!is_own_session(row.header)) return Found();
  TALON_TRY(summary, core::summarize(row.payload));
  TALON_TRY(info, info_of_call(row.header, summary));
  return Found(std::in_place, row.header, std::move(info));
}

/// Where a page in order of start goes on, in both streams. As bytes: rows, size, and the newest key that was passed, in which a tenant
/// is told no log's number (that would tell how many there are): only whether the session is of its own id space.
struct Place {
  std::string stored;      ///< newest key of session_times that was passed, without its log; empty: none yet
  std::uint64_t rows = 0;  ///< rows (or records of the log) passed
  std::uint64_t size = 0;  ///< downwards: of them there were at the first page

  static constexpr std::size_t k_time = 8;
  enum class Space : std::uint8_t { own, shared };

  [[nodiscard]] std::string bytes(const Scope& scope) const {
    std::string out;
    append_number(out, rows);
    append_number(out, size);
    if (stored.empty() || scope.all) return out + stored;
    const std::string_view key(stored);
    const bool shared = space_of(key.substr(k_time)) == scope.unattributed;
    out += key.substr(0, k_time);
    append_number(out, static_cast<std::uint8_t>(shared ? Space::shared : Space::own));
    out += key.substr(k_time + sizeof(LogNumber));
    return out;
  }
  static std::optional<Place> parse(std::string_view bytes, const Scope& scope) {
    ByteReader in(bytes);
    Place place;
    place.rows = in.number<std::uint64_t>();
    place.size = in.number<std::uint64_t>();
    if (in.ended()) return place;
    place.stored = in.bytes(k_time);
    if (!scope.all) {
      const auto space = static_cast<Space>(in.number<std::uint8_t>());
      if (space > Space::shared) return std::nullopt;
      place.stored += key_of(space == Space::shared ? scope.unattributed : scope.log).view();
    }
    place.stored += in.rest();
    if (!in.ok() || place.stored.size() != k_time + k_session_key) return std::nullopt;
    return place;
  }
};

/// Both streams in one order of start, with where each stands.
class Listing {
 public:
  Listing(const Environment& environment, Scope scope, const SessionQuery& query, Place place)
      : environment_(environment), scope_(scope), query_(query), place_(std::move(place)) {}

  enum class Step { found, end, looked_enough };
  /// The next session of the filter.
  Result<Step> next(SessionInfo& out, std::size_t& budget) {
    TALON_TRY(stored, fill_stored(budget));
    TALON_TRY(alone, fill_alone(budget));
    if (stored == Step::looked_enough || alone == Step::looked_enough) return Step::looked_enough;
    if (stored == Step::end && alone == Step::end) return Step::end;
    const bool take_stored =
        alone == Step::end ||
        (stored == Step::found && (down() ? stored_.front().info.started >= alone_.front().info.started
                                          : stored_.front().info.started <= alone_.front().info.started));
    auto& from = take_stored ? stored_ : alone_;
    out = std::move(from.front().info);
    if (take_stored) {
      place_.stored = std::move(from.front().key);
    } else {
      place_.rows = from.front().rows;
    }
    from.pop_front();
    return Step::found;
  }
  [[nodiscard]] const Place& place() const { return place_; }

 private:
  struct Found {
    SessionInfo info;
    std::string key;
    std::uint64_t rows = 0;
  };
  [[nodiscard]] bool down() const { return query_.order != SessionOrder::started_asc; }
  [[nodiscard]] bool wanted(std::string_view project) const {
    return !query_.project || *query_.project == (project.empty() ? k_default_project : project);
  }

  Result<Step> fill_stored(std::size_t& budget) {
    if (!scope_.known) return Step::end;
    while (stored_.empty()) {
      if (stored_ended_) return Step::end;
      if (budget == 0) return Step::looked_enough;
      TALON_TRY(txn, environment_.read());
      TALON_TRY(cursor, txn.cursor(Table::session_times));
      const std::string prefix(key_of(scope_.log).view());
      const auto& from = stored_read_.empty() ? place_.stored : stored_read_;
      auto at = down() ? before(cursor, prefix, from) : after(cursor, prefix, from);
      for (std::size_t i = 0; i < k_chunk; ++i) {
        if (!at) return core::fail(at.error());
        if (!*at || !(*at)->key.starts_with(prefix)) {
          stored_ended_ = true;
          break;
        }
        if (budget == 0) break;
        --budget;
        const std::string key((*at)->key.substr(prefix.size()));
        const auto name = std::string_view(key).substr(8);
        TALON_TRY(value, txn.get(Table::sessions, name));
        auto row = value ? SessionRow::decode(*value) : std::nullopt;
        if (!row) return damaged();
        stored_read_ = key;
        if (wanted(row->project)) {
          TALON_TRY(info, info_of(txn, scope_, name, std::move(*row)));
          stored_.push_back({std::move(info), key, 0});
        } else if (stored_.empty()) {
          place_.stored = key;
        }
        at = down() ? cursor.previous() : cursor.next();
      }
    }
    return Step::found;
  }
  static Result<std::optional<Entry>> after(Cursor& cursor, const std::string& prefix, const std::string& from) {
    auto at = cursor.at_or_after(prefix + from);
    if (at && *at && !from.empty() && (*at)->key == prefix + from) return cursor.next();
    return at;
  }
  static Result<std::optional<Entry>> before(Cursor& cursor, const std::string& prefix, const std::string& from) {
    const auto bound = from.empty() ? prefix + std::string(8 + k_session_key, '\xff') : prefix + from;
    auto at = cursor.at_or_after(bound);
    if (!at) return at;
    return *at ? cursor.previous() : cursor.last();
  }

  /// Calls without a session: rows of the vault, or records of the log.
  Result<Step> fill_alone(std::size_t& budget) {
    if (!scope_.known) return Step::end;
    if (!alone_begun_) {
      alone_begun_ = true;
      alone_read_ = place_.rows;
    }
    while (alone_.empty()) {
      if (alone_ended_) return Step::end;
      if (budget == 0) return Step::looked_enough;
      TALON_TRY_VOID(scope_.all ? read_rows(budget) : read_log(budget));
    }
    return Step::found;
  }
  Result<void> take_row(const ReadTxn& txn, const RowHeader& header, std::string_view line) {
    ++alone_read_;
    bool kept = false;
    bool own = is_own_session(header);
    if (own) {
      TALON_TRY(adopted, is_adopted(txn, header));
      own = !adopted;
    }
    if (own) {
      TALON_TRY(summary, core::summarize(line));
      if (wanted(summary.project.value_or(""))) {
        TALON_TRY(info, info_of_call(header, summary));
        alone_.push_back({std::move(info), {}, alone_read_});
        kept = true;
      }
    }
    if (!kept && alone_.empty()) place_.rows = alone_read_;
    return {};
  }
  /// Rows passed are counted from the end the listing began at; `end_` keeps that end where it was.
  Result<void> read_rows(std::size_t& budget) {
    TALON_TRY(txn, environment_.read());
    TALON_TRY(view, VaultView::of(txn));
    const auto size = end_of(view.state.rows);
    for (std::size_t i = 0; i < k_chunk && budget > 0; ++i, --budget) {
      if (alone_read_ >= size) {
        alone_ended_ = true;
        return {};
      }
      const Position position = down() ? size - 1 - alone_read_ : alone_read_;
      TALON_TRY(value, txn.get(Table::rows, row_key(position)));
      const auto row = value ? decode_row(*value) : std::nullopt;
      if (!row) return damaged();
      TALON_TRY_VOID(take_row(txn, row->header, row->payload));
    }
    return {};
  }
  Result<void> read_log(std::size_t& budget) {
    TALON_TRY(source, StoreLogSource::open(environment_, *query_.log));
    const auto size = end_of(source.size());
    if (alone_read_ >= size) {
      alone_ended_ = true;
      return {};
    }
    const auto most = std::min<std::uint64_t>({k_chunk, budget, size - alone_read_});
    LineSlice slice;
    const TreeSize seq = down() ? size - 1 - alone_read_ : alone_read_;
    TALON_TRY_VOID(
        source.slice(seq, down() ? seq + 1 - most : seq + most - 1, down() ? Direction::down : Direction::up, slice));
    TALON_TRY(txn, environment_.read());
    for (std::size_t i = 0; i < slice.lines.size(); ++i) {
      if (budget > 0) --budget;
      TALON_TRY_VOID(take_row(txn, slice.lines[i].header, slice.line(i)));
    }
    return {};
  }
  /// Downwards the count is from the size at the first page.
  std::uint64_t end_of(std::uint64_t now) {
    if (!down()) return now;
    if (place_.size == 0) place_.size = now;
    return std::min(place_.size, now);
  }

  const Environment& environment_;
  Scope scope_;
  const SessionQuery& query_;
  Place place_;
  std::deque<Found> stored_, alone_;
  std::string stored_read_;
  std::uint64_t alone_read_ = 0;
  bool alone_begun_ = false, stored_ended_ = false, alone_ended_ = false;
};

bool in_period(const Period& period, core::Instant started) {
  return (!period.from || *period.from <= started) && (!period.to || started < *period.to);
}

Result<SessionPage> by_start(const Environment& environment, const Scope& scope, const SessionQuery& query,
                             Place place) {
  Listing listing(environment, scope, query, std::move(place));
  SessionPage page;
  std::size_t budget = k_most_looked_at;
  while (page.sessions.size() < query.limit) {
    SessionInfo info;
    TALON_TRY(step, listing.next(info, budget));
    if (step == Listing::Step::end) return page;
    if (step == Listing::Step::looked_enough) break;
    if (in_period(query.period, info.started)) page.sessions.push_back(std::move(info));
  }
  page.next = listing.place().bytes(scope);
  return page;
}

/// Where a page in order of cost goes on: behind the session it ended with, as bytes its cost, start and uid.
std::string cost_place(const SessionInfo& last) {
  std::string out;
  append_number(out, last.cost.nano());
  append_number(out, last.started.micros);
  return out + last.uid;
}
std::optional<SessionInfo> parse_cost_place(std::string_view bytes) {
  ByteReader in(bytes);
  SessionInfo last;
  last.cost = core::NanoUsd(in.number<std::int64_t>());
  last.started = core::Instant{in.number<std::int64_t>()};
  last.uid = in.rest();
  if (!in.ok() || !parse_uid(last.uid)) return std::nullopt;
  return last;
}

/// `after`: what the page before ended with.
Result<SessionPage> by_cost(const Environment& environment, const Scope& scope, const SessionQuery& query,
                            const std::optional<SessionInfo>& after) {
  std::vector<SessionInfo> all;
  Listing listing(environment, scope, query, {});
  std::size_t budget = 10 * k_most_sorted;
  while (all.size() < k_most_sorted) {
    SessionInfo info;
    TALON_TRY(step, listing.next(info, budget));
    if (step != Listing::Step::found) break;
    if (in_period(query.period, info.started)) all.push_back(std::move(info));
  }
  const bool down = query.order == SessionOrder::cost_desc;
  const auto comes_before = [down](const SessionInfo& a, const SessionInfo& b) {
    if (a.cost != b.cost) return down ? b.cost < a.cost : a.cost < b.cost;
    return a.started != b.started ? b.started < a.started : a.uid < b.uid;
  };
  std::ranges::sort(all, comes_before);
  SessionPage page;
  const auto begin = after ? std::ranges::upper_bound(all, *after, comes_before) : all.begin();
  const auto end = begin + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(query.limit), all.end() - begin);
  const bool more = end != all.end();
  std::move(begin, end, std::back_inserter(page.sessions));
  if (more && !page.sessions.empty()) page.next = cost_place(page.sessions.back());
  return page;
}

/// Adds the session under this key, if there is one and it is in sight.
Result<void> add_at(const ReadTxn& txn, const Scope& scope, std::string_view key, std::string_view id,
                    std::vector<SessionInfo>& out) {
  TALON_TRY(value, txn.get(Table::sessions, key));
  if (!value) return {};
  auto row = SessionRow::decode(*value);
  if (!row) return damaged();
  if (!id.empty() && row->id != id) return {};
  if (!scope.sees(space_of(key), row->tenant)) return {};
  TALON_TRY(info, info_of(txn, scope, key, std::move(*row)));
  out.push_back(std::move(info));
  return {};
}

}  // namespace

Result<SessionPage> Vault::sessions(const SessionQuery& query) const {
  TALON_TRY_VOID(impl_->settle());
  Scope scope;
  {
    TALON_TRY(txn, impl_->environment->read());
    TALON_TRY(found, Scope::of(txn, query.log));
    scope = found;
  }
  // A place begins with the order it is a place in.
  const auto order = static_cast<char>(query.order);
  std::string_view after = query.after;
  const auto no_place = [] {
    return core::fail(Code::invalid_request, "this cursor is not one of a page of sessions in this order");
  };
  if (!after.empty() && after.front() != order) return no_place();
  if (!after.empty()) after.remove_prefix(1);
  Result<SessionPage> page;
  if (query.order == SessionOrder::cost_desc || query.order == SessionOrder::cost_asc) {
    const auto last = query.after.empty() ? std::optional<SessionInfo>() : parse_cost_place(after);
    if (!query.after.empty() && !last) return no_place();
    page = by_cost(*impl_->environment, scope, query, last);
  } else {
    const auto place = query.after.empty() ? Place() : Place::parse(after, scope);
    if (!place) return no_place();
    page = by_start(*impl_->environment, scope, query, *place);
  }
  if (page && page->next) page->next->insert(page->next->begin(), order);
  return page;
}

Result<std::vector<SessionInfo>> Vault::sessions_named(std::string_view id, const LogFilter& log) const {
  TALON_TRY_VOID(impl_->settle());
  TALON_TRY(txn, impl_->environment->read());
  TALON_TRY(scope, Scope::of(txn, log));
  std::vector<SessionInfo> found;
  if (!scope.known) return found;
  // A uid is one session's alone, whatever another one may be named.
  const auto uid = parse_uid(id);
  if (uid) {
    TALON_TRY(key, txn.get(Table::session_uids, view(*uid)));
    if (key) TALON_TRY_VOID(add_at(txn, scope, *key, {}, found));
    if (!key) {
      TALON_TRY(own, own_session(txn, *uid));
      if (own && (scope.all || own->first.log == scope.log)) found.push_back(std::move(own->second));
    }
    if (!found.empty()) return found;
  }
  if (scope.all) {
    const auto any_space = session_key(LogNumber{}, id);
    const std::string prefix(any_space.view().substr(4));
    TALON_TRY(cursor, txn.cursor(Table::session_uids));
    auto at = cursor.at_or_after(prefix);
    for (; at && *at && (*at)->key.starts_with(prefix); at = cursor.next()) {
      if ((*at)->key.size() == k_session_key) TALON_TRY_VOID(add_at(txn, scope, (*at)->value, id, found));
    }
    if (!at) return core::fail(at.error());
  } else {
    if (scope.log != scope.unattributed) TALON_TRY_VOID(add_at(txn, scope, session_key(scope.log, id), id, found));
    TALON_TRY_VOID(add_at(txn, scope, session_key(scope.unattributed, id), id, found));
  }
  return found;
}

Result<std::optional<SessionInfo>> Vault::stored_session(const core::LogName& space, std::string_view id) const {
  TALON_TRY(txn, impl_->environment->read());
  TALON_TRY(scope, Scope::of(txn, std::nullopt));
  TALON_TRY(number, find_log(txn, space));
  if (!number) return std::optional<SessionInfo>();
  std::vector<SessionInfo> found;
  TALON_TRY_VOID(add_at(txn, scope, session_key(*number, id), id, found));
  if (const auto uid = parse_uid(id); found.empty() && uid) {
    TALON_TRY(key, txn.get(Table::session_uids, view(*uid)));
    if (key && space_of(*key) == *number) TALON_TRY_VOID(add_at(txn, scope, *key, {}, found));
    if (!key) {
      TALON_TRY(own, own_session(txn, *uid));
      if (own && space_of_call(own->first, scope.unattributed) == *number) found.push_back(std::move(own->second));
    }
  }
  if (found.empty()) return std::optional<SessionInfo>();
  return std::optional(std::move(found.front()));
}

}  // namespace talon::vault
