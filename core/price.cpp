#include "core/price.h"

#include <algorithm>
#include <utility>

#include "core/canonical_json.h"
#include "core/config.h"

namespace talon::core {

extern const std::string_view k_prices_yaml;  // core/prices.yaml, embedded at configure time

namespace {

bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// `gpt-4o` of `gpt-4o-2024-08-06`, `claude-3-opus` of `claude-3-opus-20240229` and of
/// `claude-3-opus-latest`; empty when there is no such suffix.
std::string_view without_date(std::string_view model) {
  if (model.ends_with("-latest")) return model.substr(0, model.size() - 7);
  const auto is_date = [](std::string_view year, std::string_view month, std::string_view day) {
    return all_digits(year) && all_digits(month) && all_digits(day) && year.starts_with("20") && month >= "01" &&
           month <= "12" && day >= "01" && day <= "31";
  };
  if (model.size() > 11) {
    const auto end = model.substr(model.size() - 11);
    if (end[0] == '-' && end[5] == '-' && end[8] == '-' &&
        is_date(end.substr(1, 4), end.substr(6, 2), end.substr(9, 2))) {
      return model.substr(0, model.size() - 11);
    }
  }
  if (model.size() > 9) {
    const auto end = model.substr(model.size() - 9);
    if (end[0] == '-' && is_date(end.substr(1, 4), end.substr(5, 2), end.substr(7, 2)))
      return model.substr(0, model.size() - 9);
  }
  return {};
}

std::int64_t or_zero(const std::optional<std::int64_t>& count) { return std::max<std::int64_t>(count.value_or(0), 0); }

}  // namespace

std::string canonical_line(const PriceRow& row) {
  CanonicalObject object;
  const auto integer = [](std::int64_t value) { return CanonicalValue(CanonicalValue::Variant(value)); };
  const auto text = [](const std::string& value) { return CanonicalValue(CanonicalValue::Variant(value)); };
  object.emplace("provider", text(row.provider));
  object.emplace("model", text(row.model));
  object.emplace("input", integer(row.input.nano));
  object.emplace("output", integer(row.output.nano));
  if (row.cached_input) object.emplace("cached_input", integer(row.cached_input->nano));
  if (const auto& longer = row.long_context) {
    CanonicalObject inner;
    inner.emplace("above", integer(longer->above));
    inner.emplace("input", integer(longer->input.nano));
    inner.emplace("output", integer(longer->output.nano));
    if (longer->cached_input) inner.emplace("cached_input", integer(longer->cached_input->nano));
    object.emplace("long_context", CanonicalValue(CanonicalValue::Variant(std::move(inner))));
  }
  if (row.context_window != 0) object.emplace("context_window", integer(row.context_window));
  if (row.max_output != 0) object.emplace("max_output", integer(row.max_output));
  if (!row.source.empty()) object.emplace("source", text(row.source));
  if (!row.effective.empty()) object.emplace("effective", text(row.effective));
  std::string line;
  write_canonical(CanonicalValue(CanonicalValue::Variant(std::move(object))), line);
  return line;
}

Result<NanoUsd> cost_of(const PriceRow& row, const Usage& usage) {
  const std::int64_t input = or_zero(usage.input);
  const std::int64_t output = or_zero(usage.output);
  const std::int64_t cached = std::min(or_zero(usage.cached_read), input);
  const bool longer = row.long_context && input > row.long_context->above;
  const PricePerMillion input_price = longer ? row.long_context->input : row.input;
  const PricePerMillion output_price = longer ? row.long_context->output : row.output;
  const auto cached_price = (longer ? row.long_context->cached_input : row.cached_input).value_or(input_price);

  // 128 bits hold three products of 63-bit numbers, so nothing is rounded before the one division.
  using Wide = __int128;  // NOLINT(bugprone-reserved-identifier)
  constexpr std::int64_t k_million = 1'000'000;
  const Wide total =
      Wide{input - cached} * input_price.nano + Wide{cached} * cached_price.nano + Wide{output} * output_price.nano;
  const Wide nano = (total + (k_million - 1)) / k_million;
  if (nano > k_max_integer) return fail(Code::internal_error, "the cost of this call is beyond the range of money");
  return NanoUsd(static_cast<std::int64_t>(nano));
}

PriceTable PriceTable::built_in() {
  PriceTable table;
  // A row that does not parse fails the unit tests, so nothing is left to report here.
  (void)table.overlay(k_prices_yaml, "core/prices.yaml");
  return table;
}

const PriceRow* PriceTable::find_exact(std::string_view provider, std::string_view model) const {
  const auto found = by_model_.find(model);
  if (found == by_model_.end()) return nullptr;
  for (const std::size_t index : found->second) {
    if (provider.empty() || rows_[index].provider == provider) return &rows_[index];
  }
  return nullptr;
}

const PriceRow* PriceTable::find(std::string_view model) const { return find({}, model); }

const PriceRow* PriceTable::find(std::string_view provider, std::string_view model) const {
  if (const auto* row = find_exact(provider, model)) return row;
  const std::string_view plain = without_date(model);
  return plain.empty() ? nullptr : find_exact(provider, plain);
}

void PriceTable::put(PriceRow row) {
  auto& indices = by_model_[row.model];
  for (const std::size_t index : indices) {
    if (rows_[index].provider == row.provider) {
      rows_[index] = std::move(row);
      return;
    }
  }
  indices.push_back(rows_.size());
  rows_.push_back(std::move(row));
}

}  // namespace talon::core
