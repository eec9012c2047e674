// The facade's reads of calls: admitted ones, from their records, in the order of their time. What counts for a tenant
// is its own log and, of the unattributed log, the calls whose session was attributed to it later (evidence never
// moves, so they stay where they were written).
#include <charconv>
#include <deque>
#include <map>

#include "core/canonical_json.h"
#include "vault/ledger/rollup.h"
#include "vault/store/log_view.h"
#include "vault/vault_impl.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

constexpr std::size_t k_chunk = 256;              ///< rows of one read transaction
constexpr std::size_t k_most_looked_at = 20'000;  ///< by one page; it is short then, and goes on from there

std::unexpected<core::Error> damaged() {
  return core::fail(Code::vault_corrupt, "a stored record is damaged; run talon audit verify");
}

/// A record on its way into a page, and where its stream stands once it was taken.
struct Found {
  RowHeader header;
  std::string line;
  std::uint64_t place = 0;
};

/// Records of one source in one direction. `place`: downwards all below it is left, upwards all from it on.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Fills `found`; leaves it empty at the end.
  virtual Result<void> fill(std::size_t& budget) = 0;
  std::deque<Found> found;
  std::uint64_t place = 0;
  bool ended = false;
};

class LogStream final : public Stream {
 public:
  static Result<std::unique_ptr<Stream>> open(const Environment& environment, const core::LogName& name,
                                              const CallQuery& query, std::optional<std::uint64_t> place) {
    auto stream = std::make_unique<LogStream>();
    auto source = StoreLogSource::open(environment, name);
    if (!source && source.error().code == Code::tenant_unknown) {
      stream->ended = true;
      stream->place = place.value_or(0);
      return std::unique_ptr<Stream>(std::move(stream));
    }
    if (!source) return core::fail(source.error());
    stream->end_ = source->size();
    if (query.period.from) {
      TALON_TRY(first, source->first_at_or_after(*query.period.from));
      stream->first_ = first;
    }
    if (query.period.to) {
      TALON_TRY(end, source->first_at_or_after(*query.period.to));
      stream->end_ = end;
    }
    stream->down_ = query.order == Order::newest_first;
    if (place && stream->down_) stream->end_ = std::min(stream->end_, *place);
    if (place && !stream->down_) stream->first_ = std::max(stream->first_, *place);
    stream->place = stream->down_ ? stream->end_ : stream->first_;
    stream->source_.emplace(std::move(*source));
    return std::unique_ptr<Stream>(std::move(stream));
  }

  Result<void> fill(std::size_t& budget) override {
    if (first_ >= end_) {
      ended = true;
      return {};
    }
    const auto most = std::min<std::uint64_t>({k_chunk, budget, end_ - first_});
    LineSlice slice;
    TALON_TRY_VOID(source_->slice(down_ ? end_ - 1 : first_, down_ ? end_ - most : first_ + most - 1,
                                  down_ ? Direction::down : Direction::up, slice));
    for (std::size_t i = 0; i < slice.lines.size(); ++i) {
      const auto& header = slice.lines[i].header;
      found.push_back({header, std::string(slice.line(i)), down_ ? header.seq : header.seq + 1});
    }
    down_ ? end_ -= slice.lines.size() : first_ += slice.lines.size();
    budget -= std::min<std::size_t>(budget, slice.lines.size());
    return {};
  }

 private:
  std::optional<StoreLogSource> source_;
  std::uint64_t first_ = 0, end_ = 0;
  bool down_ = true;
};

/// All logs together: the rows of the vault.
class RowStream final : public Stream {
 public:
  explicit RowStream(const Environment& environment) : environment_(environment) {}
  static Result<std::unique_ptr<Stream>> open(const Environment& environment, const CallQuery& query,
                                              std::optional<std::uint64_t> place) {
    auto stream = std::make_unique<RowStream>(environment);
    TALON_TRY(txn, environment.read());
    TALON_TRY(view, VaultView::of(txn));
    stream->end_ = view.state.rows;
    if (query.period.from) {
      TALON_TRY(first, first_at(txn, view.state.rows, *query.period.from));
      stream->first_ = first;
    }
    if (query.period.to) {
      TALON_TRY(end, first_at(txn, view.state.rows, *query.period.to));
      stream->end_ = end;
    }
    stream->down_ = query.order == Order::newest_first;
    if (place && stream->down_) stream->end_ = std::min(stream->end_, *place);
    if (place && !stream->down_) stream->first_ = std::max(stream->first_, *place);
    stream->place = stream->down_ ? stream->end_ : stream->first_;
    return std::unique_ptr<Stream>(std::move(stream));
  }

  Result<void> fill(std::size_t& budget) override {
    TALON_TRY(txn, environment_.read());
    for (std::size_t i = 0; i < k_chunk && budget > 0; ++i) {
      if (first_ >= end_) break;
      const Position position = down_ ? --end_ : first_++;
      TALON_TRY(value, txn.get(Table::rows, row_key(position)));
      const auto row = value ? decode_row(*value) : std::nullopt;
      if (!row) return damaged();
      --budget;
      if (row->header.kind != RowKind::record) {
        if (found.empty()) place = down_ ? position : position + 1;
        continue;
      }
      found.push_back({row->header, std::string(row->payload), down_ ? position : position + 1});
    }
    ended = first_ >= end_ && found.empty();
    return {};
  }

 private:
  /// First position at or after `time`: the journal's clock never goes back.
  static Result<Position> first_at(const ReadTxn& txn, std::uint64_t rows, core::Instant time) {
    Position low = 0, high = rows;
    while (low < high) {
      const auto middle = low + (high - low) / 2;
      TALON_TRY(value, txn.get(Table::rows, row_key(middle)));
      const auto row = value ? decode_row(*value) : std::nullopt;
      if (!row) return damaged();
      row->header.time < time ? low = middle + 1 : high = middle;
    }
    return low;
  }

  const Environment& environment_;
  std::uint64_t first_ = 0, end_ = 0;
  bool down_ = true;
};

/// Whom logs and sessions belong to; each log's name is read once.
class Owners {
 public:
  Owners(const Environment& environment, LogNumber unattributed)
      : environment_(environment), unattributed_(unattributed) {}

  Result<std::optional<core::TenantId>> of(const RowHeader& header, std::string_view session) {
    auto log = header.log;
    if (log == unattributed_) {
      TALON_TRY(txn, environment_.read());
      auto key = std::string(session_key(unattributed_, session).view());
      if ((header.flags & k_flag_session) == 0) {
        // A session of its own, unless one has taken it in.
        TALON_TRY(adopter, txn.get(Table::session_uids, view(header.id)));
        key = adopter.value_or(std::string_view());
      }
      std::optional<std::string_view> value;
      if (!key.empty()) {
        TALON_TRY(stored, txn.get(Table::sessions, key));
        value = stored;
      }
      const auto row = value ? SessionRow::decode(*value) : std::nullopt;
      if (row && row->tenant != LogNumber{}) log = row->tenant;
    }
    if (log == unattributed_) return std::optional<core::TenantId>();
    if (const auto known = names_.find(log); known != names_.end()) return known->second;
    TALON_TRY(txn, environment_.read());
    TALON_TRY(value, txn.get(Table::logs, key_of(log)));
    const auto row = value ? LogRow::decode(*value) : std::nullopt;
    if (!row) return damaged();
    std::optional<core::TenantId> tenant;
    if (row->name.is_tenant()) {
      TALON_TRY(id, core::TenantId::parse(row->name.bytes()));
      tenant = std::move(id);
    }
    return names_.emplace(log, std::move(tenant)).first->second;
  }

 private:
  const Environment& environment_;
  LogNumber unattributed_;
  std::map<LogNumber, std::optional<core::TenantId>> names_;
};

std::string text_at(const core::CanonicalValue* value) {
  const auto* text = value == nullptr ? nullptr : value->string();
  return text == nullptr ? std::string() : *text;
}
std::optional<std::int64_t> integer_at(const core::CanonicalValue* value) {
  const auto* number = value == nullptr ? nullptr : value->integer();
  return number == nullptr ? std::nullopt : std::optional(*number);
}
std::optional<core::Micros> micros_at(const core::CanonicalValue* value) {
  const auto number = integer_at(value);
  return number ? std::optional(core::Micros{*number}) : std::nullopt;
}
const core::CanonicalValue* member(const core::CanonicalValue* of, std::string_view name) {
  return of == nullptr ? nullptr : of->find(name);
}

Result<CallInfo> info_of(const RowHeader& header, std::string_view line) {
  const auto record = core::parse_canonical(line);
  if (!record) return damaged();
  CallInfo call;
  call.id = evidence_id(header.id);
  call.time = header.time;
  call.project = text_at(record->find("project"));
  if (call.project.empty()) call.project = k_default_project;
  call.session = text_at(record->find("session"));
  call.request_id = text_at(record->find("request_id"));
  call.caller = text_at(record->find("caller"));
  call.status = integer_at(record->find("status"));
  const auto* ask = record->find("ask");
  call.model = text_at(member(ask, "model"));
  const auto* stream = member(ask, "stream");
  call.stream = stream != nullptr && stream->boolean() != nullptr && *stream->boolean();
  const auto* decision = record->find("decision");
  call.outcome = text_at(member(decision, "outcome"));
  call.price_row = text_at(member(decision, "prices"));
  if (auto code = text_at(member(decision, "code")); !code.empty()) call.code = std::move(code);
  const auto* usage = record->find("usage");
  call.input = integer_at(member(usage, "input"));
  call.output = integer_at(member(usage, "output"));
  const auto* cost = record->find("cost");
  call.cost = core::NanoUsd(integer_at(member(cost, "nano_usd")).value_or(0));
  const auto* priced = member(cost, "priced");
  call.priced = priced != nullptr && priced->boolean() != nullptr && *priced->boolean();
  const auto* timing = record->find("timing");
  call.ttfb = micros_at(member(timing, "ttft_us"));
  call.total = micros_at(member(timing, "total_us"));
  const auto* attempts = member(record->find("route"), "attempts");
  if (attempts != nullptr && attempts->array() != nullptr) {
    for (const auto& attempt : *attempts->array()) call.attempts.push_back(text_at(attempt.find("provider")));
  }
  if (!call.attempts.empty()) call.provider = call.attempts.back();
  return call;
}

/// "<place>" or "<place>-<place of the unattributed log>".
struct Places {
  std::optional<std::uint64_t> first, second;
};
std::optional<Places> parse_places(std::string_view text) {
  const auto number = [](std::string_view digits) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const auto* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    return error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
  };
  const auto dash = text.find('-');
  Places places{number(text.substr(0, dash)), std::nullopt};
  if (dash != std::string_view::npos) places.second = number(text.substr(dash + 1));
  if (!places.first || (dash != std::string_view::npos && !places.second)) return std::nullopt;
  return places;
}

/// The streams of a query, merged by time.
struct Merged {
  std::vector<std::unique_ptr<Stream>> streams;
  bool down = true;

  enum class Step { found, end, looked_enough };
  Result<Step> next(Found& out, std::size_t& budget) {
    Stream* best = nullptr;
    for (auto& stream : streams) {
      while (stream->found.empty() && !stream->ended) {
        if (budget == 0) return Step::looked_enough;
        TALON_TRY_VOID(stream->fill(budget));
      }
      if (stream->found.empty()) continue;
      const auto time = stream->found.front().header.time;
      if (best == nullptr || (down ? time > best->found.front().header.time : time < best->found.front().header.time))
        best = stream.get();
    }
    if (best == nullptr) return Step::end;
    out = std::move(best->found.front());
    best->found.pop_front();
    return Step::found;
  }
  [[nodiscard]] std::string text() const {
    auto out = std::to_string(streams[0]->place);
    if (streams.size() > 1) out += "-" + std::to_string(streams[1]->place);
    return out;
  }
};

}  // namespace

Result<CallPage> Vault::calls(const CallQuery& query) const {
  Places places;
  if (!query.after.empty()) {
    const auto given = parse_places(query.after);
    const bool two = query.log && query.log->is_tenant();
    if (!given || given->second.has_value() != two)
      return core::fail(Code::invalid_request, "this cursor is not one of a page of calls");
    places = *given;
  }
  TALON_TRY_VOID(impl_->settle());
  const auto& environment = *impl_->environment;
  LogNumber unattributed{0xffffffff};
  {
    TALON_TRY(txn, environment.read());
    TALON_TRY(number, find_log(txn, core::LogName::unattributed()));
    unattributed = number.value_or(unattributed);
  }
  Merged merged;
  merged.down = query.order == Order::newest_first;
  if (!query.log) {
    TALON_TRY(rows, RowStream::open(environment, query, places.first));
    merged.streams.push_back(std::move(rows));
  } else {
    TALON_TRY(own, LogStream::open(environment, *query.log, query, places.first));
    merged.streams.push_back(std::move(own));
    if (query.log->is_tenant()) {
      TALON_TRY(moved, LogStream::open(environment, core::LogName::unattributed(), query, places.second));
      merged.streams.push_back(std::move(moved));
    }
  }
  Owners owners(environment, unattributed);
  CallPage page;
  std::size_t budget = k_most_looked_at;
  for (;;) {
    Found found;
    TALON_TRY(step, merged.next(found, budget));
    if (step == Merged::Step::end) return page;
    if (step == Merged::Step::looked_enough) break;
    Stream& from =
        merged.streams.size() > 1 && found.header.log == unattributed ? *merged.streams[1] : *merged.streams[0];
    if ((found.header.flags & k_flag_request) != 0) {
      // There is more: the place before this one.
      if (page.calls.size() == query.limit) break;
      TALON_TRY(call, info_of(found.header, found.line));
      TALON_TRY(tenant, owners.of(found.header, call.session));
      call.tenant = std::move(tenant);
      const bool counts =
          !query.log ||
          (query.log->is_tenant() ? call.tenant && core::LogName::of(*call.tenant) == *query.log : !call.tenant);
      if (counts && (!query.project || *query.project == call.project)) page.calls.push_back(std::move(call));
    }
    from.place = found.place;
  }
  page.next = merged.text();
  return page;
}

}  // namespace talon::vault
