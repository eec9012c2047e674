// LogSource over the store: one log, as long as it was when this was made, read in slices of at most 4,096 rows or
// 20 ms; no transaction is open while a caller's function runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vault/bundle/source.h"
#include "vault/store/log_view.h"

namespace talon::vault {

/// Lines copied out of one read transaction, with what their rows say.
struct LineSlice {
  struct Line {
    std::size_t begin = 0, size = 0;
    RowHeader header;
    Hash leaf{};  ///< as the log's tree has it: what the line must hash to
  };
  std::string text;
  std::vector<Line> lines;
  [[nodiscard]] std::string_view line(std::size_t i) const {
    return std::string_view(text).substr(lines[i].begin, lines[i].size);
  }
};

enum class Direction { up, down };

class StoreLogSource final : public LogSource {
 public:
  /// Error: tenant_unknown when there is no such log.
  [[nodiscard]] static core::Result<StoreLogSource> open(const Environment& environment, const core::LogName& name);

  [[nodiscard]] TreeSize size() const override { return size_; }
  [[nodiscard]] core::Result<void> lines(
      TreeSize first, TreeSize last, const std::function<core::Result<void>(std::string_view)>& line) const override;
  /// From the index; no line is read.
  [[nodiscard]] core::Result<void> leaves(TreeSize first, TreeSize last,
                                          const std::function<core::Result<void>(const Hash&)>& leaf) const override;
  [[nodiscard]] core::Result<core::Instant> time_of(TreeSize seq) const override;
  [[nodiscard]] core::Result<Hash> subtree_root(TreeSize start, unsigned height) const override;

  [[nodiscard]] LogNumber number() const noexcept { return number_; }
  [[nodiscard]] core::Result<TreeSize> first_at_or_after(core::Instant time) const;
  /// The next records from `seq` on, in this direction and not beyond `end` (inclusive): as many as one slice holds.
  [[nodiscard]] core::Result<void> slice(TreeSize seq, TreeSize end, Direction direction, LineSlice& out) const;

 private:
  StoreLogSource(const Environment& environment, LogNumber number, TreeSize size)
      : environment_(&environment), number_(number), size_(size) {}
  const Environment* environment_;
  LogNumber number_;
  TreeSize size_;
};

/// `where`: tenant_unknown, naming the tenant (or the bucket).
[[nodiscard]] core::Error unknown_log(const core::LogName& name);

}  // namespace talon::vault
