#include "vault/store/log_source.h"

#include <chrono>

#include "core/text.h"

namespace talon::vault {

using core::Result;

namespace {
constexpr auto k_slice_time = std::chrono::milliseconds(20);
}

core::Error unknown_log(const core::LogName& name) {
  std::string who = "tenant " + core::terminal_text(name.bytes()) + " is not known here";
  if (name.is_unattributed()) who = "the unattributed bucket has no log yet";
  if (name.is_operator()) who = "the operator's log does not exist yet; it begins with the first talon serve";
  return {core::Code::tenant_unknown, std::move(who), std::nullopt};
}

Result<StoreLogSource> StoreLogSource::open(const Environment& environment, const core::LogName& name) {
  TALON_TRY(txn, environment.read());
  TALON_TRY(number, find_log(txn, name));
  if (!number) return core::fail(unknown_log(name));
  TALON_TRY(log, LogView::of(txn, *number));
  TALON_TRY(size, log.size());
  return StoreLogSource(environment, *number, size);
}

Result<void> StoreLogSource::slice(TreeSize seq, TreeSize end, Direction direction, LineSlice& out) const {
  out.text.clear();
  out.lines.clear();
  const auto until = std::chrono::steady_clock::now() + k_slice_time;
  TALON_TRY(txn, environment_->read());
  TALON_TRY(log, LogView::of(txn, number_));
  for (;;) {
    TALON_TRY(entry, log.entry(seq));
    TALON_TRY(row, log.row_of(entry, seq));
    out.lines.push_back({out.text.size(), row.payload.size(), row.header, entry.leaf});
    out.text += row.payload;
    if (seq == end || out.lines.size() >= k_slice_rows || out.text.size() >= k_slice_bytes) return {};
    if (out.lines.size() % 64 == 0 && std::chrono::steady_clock::now() >= until) return {};
    direction == Direction::up ? ++seq : --seq;
  }
}

Result<void> StoreLogSource::lines(TreeSize first, TreeSize last,
                                   const std::function<Result<void>(std::string_view)>& line) const {
  LineSlice read;
  while (first <= last) {
    TALON_TRY_VOID(slice(first, last, Direction::up, read));
    for (std::size_t i = 0; i < read.lines.size(); ++i) TALON_TRY_VOID(line(read.line(i)));
    first += read.lines.size();
  }
  return {};
}

Result<void> StoreLogSource::leaves(TreeSize first, TreeSize last,
                                    const std::function<Result<void>(const Hash&)>& leaf) const {
  std::vector<Hash> read;
  while (first <= last) {
    read.clear();
    {
      TALON_TRY(txn, environment_->read());
      TALON_TRY(log, LogView::of(txn, number_));
      for (auto seq = first; seq <= last && read.size() < k_slice_rows; ++seq) {
        TALON_TRY(entry, log.entry(seq));
        read.push_back(entry.leaf);
      }
    }
    for (const auto& hash : read) TALON_TRY_VOID(leaf(hash));
    first += read.size();
  }
  return {};
}

Result<core::Instant> StoreLogSource::time_of(TreeSize seq) const {
  TALON_TRY(txn, environment_->read());
  TALON_TRY(log, LogView::of(txn, number_));
  TALON_TRY(row, log.row(seq));
  return row.header.time;
}

Result<Hash> StoreLogSource::subtree_root(TreeSize start, unsigned height) const {
  TALON_TRY(txn, environment_->read());
  TALON_TRY(log, LogView::of(txn, number_));
  return log.subtree_root(start, height);
}

Result<TreeSize> StoreLogSource::first_at_or_after(core::Instant time) const {
  TALON_TRY(txn, environment_->read());
  TALON_TRY(log, LogView::of(txn, number_));
  TALON_TRY(seq, log.first_at_or_after(time));
  return std::min(seq, size_);
}

}  // namespace talon::vault
