// The pricing file: core/prices.yaml and the user's `pricing_file` have one form and one reader.
#include <charconv>
#include <set>
#include <utility>

#include "core/canonical_json.h"
#include "core/config_schema.h"
#include "core/price.h"
#include "core/text.h"
#include "core/time.h"

namespace talon::core {
namespace {

constexpr std::int64_t k_max_tokens = 1'000'000'000;

class RowReader {
 public:
  RowReader(const YamlNode& node, Report& report) : node_(node), report_(report) {}

  /// A required text; empty after a problem.
  std::string text(std::string_view key, bool required) {
    const YamlNode* value = scalar(key, required);
    if (value == nullptr) return {};
    if (record_text(value->text) != value->text || value->text.empty()) {
      report_.error(*value, quote(key) + " must be a text of 1 to 256 printable characters");
      return {};
    }
    return value->text;
  }

  std::optional<PricePerMillion> price(std::string_view key, bool required) {
    const YamlNode* value = scalar(key, required);
    if (value == nullptr) return std::nullopt;
    const auto money = NanoUsd::parse(value->text);
    if (!money) {
      report_.error(*value, quote(key) + " is USD per one million tokens: " + money.error().message);
      return std::nullopt;
    }
    if (money->nano() < 0 || money->nano() > k_max_integer) {
      report_.error(*value, quote(key) + " must lie between 0 and " + NanoUsd(k_max_integer).to_decimal());
      return std::nullopt;
    }
    return PricePerMillion{money->nano()};
  }

  std::int64_t tokens(std::string_view key, bool required) {
    const YamlNode* value = scalar(key, required);
    if (value == nullptr) return 0;
    std::int64_t count = 0;
    const char* const end = value->text.data() + value->text.size();
    const auto read = std::from_chars(value->text.data(), end, count);
    if (read.ec != std::errc{} || read.ptr != end || count < 0 || count > k_max_tokens) {
      report_.error(*value,
                    quote(key) + " must be a whole number of tokens between 0 and " + std::to_string(k_max_tokens));
      return 0;
    }
    return count;
  }

  std::string date(std::string_view key) {
    const YamlNode* value = scalar(key, false);
    if (value == nullptr) return {};
    if (value->text.size() != 10 || !parse_period_edge(value->text, PeriodEdge::from)) {
      report_.error(*value, quote(key) + " must be a date YYYY-MM-DD");
      return {};
    }
    return value->text;
  }

  [[nodiscard]] const YamlNode* child(std::string_view key) const {
    const auto* member = node_.find(key);
    return member == nullptr || member->value.kind == YamlNode::Kind::null ? nullptr : &member->value;
  }

 private:
  const YamlNode* scalar(std::string_view key, bool required) {
    const YamlNode* value = child(key);
    if (value == nullptr && required) report_.error(node_, "this entry has no " + quote(key));
    // Another shape has been reported already.
    return value != nullptr && value->kind == YamlNode::Kind::scalar ? value : nullptr;
  }

  const YamlNode& node_;
  Report& report_;
};

PriceRow read_row(const YamlNode& node, Report& report) {
  RowReader reader(node, report);
  PriceRow row;
  row.provider = reader.text("provider", true);
  row.model = reader.text("model", true);
  row.input = reader.price("input", true).value_or(PricePerMillion{});
  row.output = reader.price("output", true).value_or(PricePerMillion{});
  row.cached_input = reader.price("cached_input", false);
  row.context_window = reader.tokens("context_window", false);
  row.max_output = reader.tokens("max_output", false);
  row.source = reader.text("source", false);
  row.effective = reader.date("effective");
  if (const auto* longer = reader.child("long_context"); longer != nullptr && longer->kind == YamlNode::Kind::mapping) {
    RowReader inner(*longer, report);
    LongContext context;
    context.above = inner.tokens("above", true);
    context.input = inner.price("input", true).value_or(PricePerMillion{});
    context.output = inner.price("output", true).value_or(PricePerMillion{});
    context.cached_input = inner.price("cached_input", false);
    row.long_context = context;
  }
  return row;
}

}  // namespace

std::vector<Problem> PriceTable::overlay(std::string_view yaml, std::string_view file_name) {
  YamlDocument document = read_yaml(yaml, file_name);
  Report report(file_name);
  report.add(std::move(document.problems));
  (void)check_keys(document.root, pricing_schema(), report);

  RowReader top(document.root, report);
  const std::string date = top.date("date");
  std::vector<PriceRow> rows;
  std::set<std::pair<std::string, std::string>> seen;
  if (const auto* models = top.child("models"); models != nullptr && models->kind == YamlNode::Kind::sequence) {
    for (const auto& node : models->items) {
      if (node.kind != YamlNode::Kind::mapping) continue;
      PriceRow row = read_row(node, report);
      if (row.source.empty()) row.source = record_text(file_name);
      if (row.effective.empty()) row.effective = date;
      if (!row.model.empty() && !seen.emplace(row.provider, row.model).second) {
        report.error(node,
                     "the model " + quote(row.model) + " of " + quote(row.provider) + " stands twice in this file");
      }
      rows.push_back(std::move(row));
    }
  }

  std::vector<Problem> problems = report.take();
  if (problems.empty()) {
    if (!date.empty()) date_ = date;
    for (auto& row : rows) put(std::move(row));
  }
  return problems;
}

}  // namespace talon::core
