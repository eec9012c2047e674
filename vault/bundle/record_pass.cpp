#include "vault/bundle/record_pass.h"

#include <algorithm>
#include <array>

#include "core/canonical_json.h"
#include "vault/bundle/line_reader.h"
#include "vault/bundle/record_fields.h"
#include "vault/log/crew.h"

namespace talon::vault {
namespace {

/// leaves.bin, hash by hash.
class LeafReader {
 public:
  explicit LeafReader(ByteReader reader) : reader_(std::move(reader)) {}
  /// nullopt at the end; `torn()` when bytes are left over there.
  core::Result<std::optional<Hash>> next() {
    if (at_ + sizeof(Hash) > end_) {
      TALON_TRY(got, reader_.read(buffer_));
      at_ = 0;
      end_ = got;
      // The buffer is a multiple of a hash, so only the file's end can leave less than one.
      if (got < sizeof(Hash)) {
        torn_ = torn_ || got != 0;
        return std::nullopt;
      }
    }
    const Hash hash = hash_from_bytes(std::string_view(buffer_).substr(at_, sizeof(Hash)));
    at_ += sizeof(Hash);
    torn_ = end_ - at_ != 0 && end_ - at_ < sizeof(Hash);
    return hash;
  }
  [[nodiscard]] bool torn() const noexcept { return torn_; }

 private:
  ByteReader reader_;
  std::string buffer_ = std::string(256 * sizeof(Hash), '\0');
  std::size_t at_ = 0, end_ = 0;
  bool torn_ = false;
};

bool equals(const std::optional<RawText>& text, const std::optional<std::string>& expected) {
  return !expected || (text && text->is(*expected));
}

/// A line, and what it shows alone: found out by several threads.
struct ReadLine {
  std::size_t begin = 0, size = 0;  ///< in Batch::text
  std::string_view text;
  RecordFields fields;
  Hash leaf{};
  std::string why_not;  ///< empty: it is canonical
};

void examine(ReadLine& line) {
  core::CanonicalScanner scanner(line.text);
  if (line.text.empty()) {
    line.why_not = "the line is empty";
  } else if (!read_record_fields(scanner, line.fields)) {
    line.why_not = scanner.error().message;
  } else {
    line.leaf = leaf_hash(line.text);
  }
}

/// Lines in the order of the file. Two take turns: one is read and examined while the other is checked.
struct Batch {
  std::string text;
  std::vector<ReadLine> lines;
  LineReader::State end = LineReader::State::line;  ///< why it ends; `line`: there is more
};

core::Result<void> read_batch(LineReader& reader, Batch& batch) {
  constexpr std::size_t k_bytes = 512 * 1024;
  batch.text.clear();
  batch.lines.clear();
  while (batch.text.size() < k_bytes) {
    TALON_TRY(next, reader.next());
    batch.end = next.state;
    if (next.state != LineReader::State::line) break;
    auto& line = batch.lines.emplace_back();
    line.begin = batch.text.size();
    line.size = next.line.size();
    batch.text += next.line;
  }
  for (auto& line : batch.lines) line.text = std::string_view(batch.text).substr(line.begin, line.size);
  return {};
}

class Pass {
 public:
  Pass(const ReadManifest& manifest, const std::optional<RangeProof>& range, std::optional<LeafReader> leaves)
      : manifest_(manifest), leaves_(std::move(leaves)) {
    if (range && manifest.first) result_.tree.emplace(*manifest.first, range->left);
  }

  /// False when the line is not canonical: the pass ends there.
  core::Result<bool> line(const ReadLine& read) {
    if (!read.why_not.empty()) {
      not_canonical(read.why_not);
      return false;
    }
    if (result_.typed) look_at(read.fields);
    if (result_.tree) result_.tree->append(read.leaf);
    TALON_TRY_VOID(compare_leaf(read.leaf, read.fields));
    ++result_.lines;
    return true;
  }

  void not_canonical(std::string_view why) { result_.canonical = Finding{here(), std::string(why)}; }

  core::Result<void> end() {
    if (!leaves_ || result_.leaf) return {};
    TALON_TRY(more, leaves_->next());
    if (more || leaves_->torn()) result_.leaf = LeafDifference{result_.lines, {}};
    return {};
  }

  [[nodiscard]] std::vector<UlidBits>& ids() noexcept { return ids_; }
  [[nodiscard]] RecordPass take() { return std::move(result_); }

  /// How a report names the record at hand.
  [[nodiscard]] std::string name_of(const RecordFields& fields) const {
    std::string name = here();
    if (fields.id_bits) name.append(" (").append(fields.id->raw).append(")");
    return name;
  }

 private:
  [[nodiscard]] std::string here() const {
    if (manifest_.first) return "record " + std::to_string(*manifest_.first + result_.lines);
    return "line " + std::to_string(result_.lines + 1) + " of records.jsonl";
  }

  void look_at(const RecordFields& fields) {
    if (const char* const types = fields.type_problem()) {
      result_.typed = false;
      if (!result_.record) result_.record = Finding{name_of(fields), types};
      return;
    }
    check_record(fields);
    check_order(fields);
    count(fields);
    ids_.push_back(*fields.id_bits);
  }

  // From here on the common members have their types.

  void check_record(const RecordFields& fields) {
    if (result_.record) return;
    if (const char* const wrong = fields.value_problem()) {
      result_.record = Finding{name_of(fields), wrong};
      return;
    }
    const bool is_genesis = fields.kind->is("genesis");
    if (is_genesis != (*fields.seq == 0)) {
      result_.record =
          Finding{name_of(fields), is_genesis ? "a genesis stands at a seq other than 0" : "seq 0 is not the genesis"};
    } else if (is_genesis) {
      check_genesis(fields);
    }
  }

  void check_genesis(const RecordFields& fields) {
    const char* wrong = nullptr;
    if (!fields.origin || !equals(fields.origin, manifest_.origin)) wrong = "its origin is not the bundle's";
    if (!fields.export_key || !equals(fields.export_key, manifest_.export_key_text)) {
      wrong = "its export_key is not the bundle's";
    }
    if (!fields.key || !equals(fields.key, manifest_.key_text)) wrong = "its key is not the bundle's";
    if (wrong != nullptr) result_.record = Finding{name_of(fields), wrong};
  }

  void check_order(const RecordFields& fields) {
    const auto wrong = order_problem(fields);
    last_time_ = fields.time;
    if (wrong && !result_.order) result_.order = Finding{name_of(fields), *wrong};
  }

  std::optional<std::string> order_problem(const RecordFields& fields) const {
    if (manifest_.first && static_cast<TreeSize>(*fields.seq) != *manifest_.first + result_.lines) {
      return "its seq is " + std::to_string(*fields.seq);
    }
    if (last_time_ && *fields.time < *last_time_) return "its time lies before that of the record before";
    if (!manifest_.knows_tenant()) return std::nullopt;
    if (fields.has_tenant != manifest_.has_tenant) {
      return fields.has_tenant ? "it has a tenant, and the bundle is of none"
                               : "it has no tenant, and the bundle is of one";
    }
    if (fields.tenant && !equals(fields.tenant, manifest_.tenant)) return "its tenant is not the bundle's";
    return std::nullopt;
  }

  void count(const RecordFields& fields) {
    count_kind(*fields.kind);
    const core::Instant time{*fields.time};
    if (!result_.first_time) result_.first_time = time;
    result_.last_time = time;
    if (manifest_.from && time < *manifest_.from) {
      ++result_.before_from;
    } else if (manifest_.to && time >= *manifest_.to) {
      ++result_.at_or_after_to;
    } else {
      ++result_.in_period;
    }
  }

  void count_kind(const RawText& kind) {
    if (kind.is("genesis")) result_.has_genesis = true;
    // Most records are of the kind of the one before: the last place looked up is kept.
    if (last_kind_ != result_.kinds.end() && kind.is(last_kind_->first)) {
      ++last_kind_->second;
      return;
    }
    std::string name = kind.text();
    if (!result_.kinds.contains(name) && result_.kinds.size() >= k_max_kinds) name = "(others)";
    last_kind_ = result_.kinds.try_emplace(std::move(name), 0).first;
    ++last_kind_->second;
  }

  core::Result<void> compare_leaf(const Hash& leaf, const RecordFields& fields) {
    if (!leaves_ || result_.leaf) return {};
    TALON_TRY(listed, leaves_->next());
    if (listed == leaf) return {};
    result_.leaf = LeafDifference{result_.lines, listed ? name_of(fields) : std::string()};
    return {};
  }

  const ReadManifest& manifest_;
  std::optional<LeafReader> leaves_;
  RecordPass result_;
  std::vector<UlidBits> ids_;
  std::optional<std::int64_t> last_time_;
  std::map<std::string, std::int64_t>::iterator last_kind_ = result_.kinds.end();
};

/// Goes through the lines again for the second record with an id that stands twice.
core::Result<std::string> name_second(const BundleFiles& files, const BundleEntry& records,
                                      const ReadManifest& manifest, const UlidBits& wanted) {
  TALON_TRY(bytes, files.reader(records));
  LineReader lines(std::move(bytes));
  bool seen = false;
  for (TreeSize position = 0;; ++position) {
    TALON_TRY(next, lines.next());
    if (next.state != LineReader::State::line) return std::string(records.path);
    core::CanonicalScanner scanner(next.line);
    RecordFields fields;
    if (!read_record_fields(scanner, fields) || fields.id_bits != wanted) continue;
    if (seen) {
      return "record " + std::to_string(manifest.first.value_or(0) + position) + " (" + std::string(fields.id->raw) +
             ")";
    }
    seen = true;
  }
}

}  // namespace

core::Result<RecordPass> pass_over_records(const BundleFiles& files, const BundleEntry& records,
                                           const BundleEntry* leaves, const ReadManifest& manifest,
                                           const std::optional<RangeProof>& range) {
  std::optional<LeafReader> leaf_reader;
  if (leaves != nullptr) {
    TALON_TRY(bytes, files.reader(*leaves));
    leaf_reader.emplace(std::move(bytes));
  }
  TALON_TRY(bytes, files.reader(records));
  LineReader lines(std::move(bytes));
  Pass pass(manifest, range, std::move(leaf_reader));
  const auto conclude = [&]() -> core::Result<RecordPass> {
    TALON_TRY_VOID(pass.end());
    auto& ids = pass.ids();
    std::sort(ids.begin(), ids.end());
    const auto repeated = std::adjacent_find(ids.begin(), ids.end());
    RecordPass result = pass.take();
    if (!result.canonical && records.size == 0)
      result.canonical = Finding{records.path, "it is empty: no line, no last LF"};
    if (!result.canonical && result.typed && !result.order && repeated != ids.end()) {
      TALON_TRY(name, name_second(files, records, manifest, *repeated));
      result.order = Finding{name, "its id stands at an earlier record too"};
    }
    return result;
  };
  std::array<Batch, 2> batches;
  Crew crew;  // declared after them: its threads end before what they work on goes
  auto* here = &batches[0];
  auto* ahead = &batches[1];
  const auto begin = [&crew](Batch& batch) {
    crew.start(batch.lines.size(), [&batch](std::size_t i) { examine(batch.lines[i]); });
  };
  TALON_TRY_VOID(read_batch(lines, *here));
  begin(*here);
  for (bool more = true; more;) {
    more = here->end == LineReader::State::line;
    if (more) TALON_TRY_VOID(read_batch(lines, *ahead));
    crew.finish();
    if (more) begin(*ahead);
    for (const auto& line : here->lines) {
      TALON_TRY(canonical, pass.line(line));
      if (!canonical) return conclude();
    }
    if (here->end == LineReader::State::too_long) {
      pass.not_canonical("the line is longer than 65,535 bytes");
      return pass.take();
    }
    if (here->end == LineReader::State::no_final_newline) {
      pass.not_canonical("the last line does not end with LF");
      return pass.take();
    }
    std::swap(here, ahead);
  }
  return conclude();
}

core::Result<std::optional<Hash>> root_of_leaves(const BundleFiles& files, const BundleEntry& leaves, TreeSize first,
                                                 TreeSize size, const RangeProof& range) {
  TALON_TRY(bytes, files.reader(leaves));
  LeafReader reader(std::move(bytes));
  RangeVerifier tree(first, range.left);
  for (;;) {
    TALON_TRY(leaf, reader.next());
    if (!leaf) break;
    tree.append(*leaf);
  }
  if (reader.torn()) return std::nullopt;
  return tree.root(size, range.right);
}

}  // namespace talon::vault
