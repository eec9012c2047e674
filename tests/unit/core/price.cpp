#include "core/price.h"

#include <doctest/doctest.h>

#include <string>

#include "core/canonical_json.h"
#include "core/config.h"

using namespace talon::core;  // NOLINT: a test of this namespace

namespace {

Usage tokens(std::int64_t input, std::int64_t output, std::optional<std::int64_t> cached = std::nullopt) {
  Usage usage;
  usage.input = input;
  usage.output = output;
  usage.cached_read = cached;
  return usage;
}

std::string first_problem(std::string_view yaml) {
  PriceTable table;
  const auto problems = table.overlay(yaml, "pricing.yaml");
  if (problems.empty()) return "";
  CHECK(table.rows().empty());
  const auto& [place, code, message, suggestion, warning] = problems.front();
  return place.file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) + ": " + message;
}

}  // namespace

TEST_CASE("the built-in table is dated, and every row has its source") {
  const auto table = PriceTable::built_in();
  CHECK(table.date() == "2026-11-21");
  CHECK(table.rows().size() > 80);
  for (const auto& row : table.rows()) {
    CAPTURE(row.model);
    CHECK(row.source.starts_with("https://"));
    CHECK(row.effective == table.date());
    CHECK(row.input.nano > 0);
    CHECK(row.context_window > 0);
    CHECK((!row.cached_input || row.cached_input->nano <= row.input.nano));
    CHECK(table.find(row.provider, row.model) == &row);
    CHECK(check_canonical(canonical_line(row)));
  }
}

TEST_CASE("the embedded table has no problem of its own") {
  PriceTable table;
  const auto problems = table.overlay("models: []", "x");
  CHECK(problems.empty());
  CHECK_FALSE(PriceTable::built_in().rows().empty());
}

TEST_CASE("every model that the guides name has a price") {
  const auto table = PriceTable::built_in();
  for (const std::string model :
       {"gpt-4", "gpt-3.5-turbo", "gpt-4o", "gpt-4o-mini", "claude-3-sonnet", "claude-3-opus",
        "claude-3-5-haiku-latest", "text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"}) {
    CAPTURE(model);
    CHECK(table.find(model) != nullptr);
  }
  CHECK(table.find("gpt-4o-mini")->provider == "openai");
  CHECK(table.find("gemini-2.5-pro")->provider == "google");
}

TEST_CASE("a dated name takes the price of its family, unless it has its own") {
  const auto table = PriceTable::built_in();
  CHECK(table.find("gpt-4o-2024-08-06") == table.find("gpt-4o"));
  CHECK(table.find("gpt-4o-2024-05-13")->input.nano == 5'000'000'000);
  CHECK(table.find("claude-3-sonnet-20240229") == table.find("claude-3-sonnet"));
  CHECK(table.find("anthropic", "claude-3-5-haiku-20241022") == table.find("claude-3-5-haiku"));
  for (const std::string model : {"", "gpt-4o-2024-13-06", "gpt-4o-2024-8-6", "gpt-4o-20240806x", "no-such-model",
                                  "no-such-2024-08-06", "-latest", "gpt-4o-99999999", "-2024-08-06"}) {
    CAPTURE(model);
    CHECK(table.find(model) == nullptr);
  }
  CHECK(table.find("anthropic", "gpt-4o") == nullptr);
}

TEST_CASE("a cost is exact and rounded up once") {
  const auto table = PriceTable::built_in();
  const auto& mini = *table.find("gpt-4o-mini");  // 0.15 and 0.60 USD a million, cached 0.075
  CHECK(*cost_of(mini, tokens(1000, 2000)) == NanoUsd(1'350'000));
  CHECK(*cost_of(mini, tokens(1, 0)) == NanoUsd(150));
  CHECK(*cost_of(mini, tokens(1, 0, 1)) == NanoUsd(75));
  CHECK(*cost_of(mini, tokens(1000, 0, 400)) == NanoUsd(120'000));
  CHECK(*cost_of(mini, tokens(10, 0, 50)) == NanoUsd(750));
  CHECK(*cost_of(mini, tokens(-5, -5, -5)) == NanoUsd(0));
  CHECK(*cost_of(mini, Usage{}) == NanoUsd(0));
  PriceRow tiny;
  tiny.input.nano = 1;
  CHECK(*cost_of(tiny, tokens(1, 0)) == NanoUsd(1));
  CHECK(*cost_of(tiny, tokens(1'000'001, 0)) == NanoUsd(2));
}

TEST_CASE("a long prompt pays the long-context prices for the whole call") {
  const auto table = PriceTable::built_in();
  const auto& row = *table.find("gpt-5.5");
  CHECK(*cost_of(row, tokens(272'000, 100)) == NanoUsd(272'000 * 5'000LL + 100 * 30'000LL));
  CHECK(*cost_of(row, tokens(272'001, 100)) == NanoUsd(272'001 * 10'000LL + 100 * 45'000LL));
  CHECK(*cost_of(row, tokens(272'001, 0, 1)) == NanoUsd(272'000 * 10'000LL + 1'000));
}

TEST_CASE("a cost beyond the range of money is an error, not a small number") {
  PriceRow row;
  row.input.nano = k_max_integer;
  row.output.nano = k_max_integer;
  CHECK_FALSE(cost_of(row, tokens(INT64_MAX, INT64_MAX)));
  CHECK(*cost_of(row, tokens(1'000'000, 0)) == NanoUsd(k_max_integer));
  CHECK_FALSE(cost_of(row, tokens(1'000'001, 0)));
}

TEST_CASE("a pricing file overrides and adds rows") {
  auto table = PriceTable::built_in();
  const auto before = table.rows().size();
  const auto problems = table.overlay(
      "models:\n"
      "  - {provider: openai, model: gpt-4o, input: 1.00, output: 2.00}\n"
      "  - provider: local\n"
      "    model: llama\n"
      "    input: 0\n"
      "    output: 0.000000001\n"
      "    context_window: 8192\n"
      "    effective: 2026-01-01\n",
      "pricing.yaml");
  CHECK(problems.empty());
  CHECK(table.rows().size() == before + 1);
  CHECK(table.find("gpt-4o")->input.nano == 1'000'000'000);
  CHECK_FALSE(table.find("gpt-4o")->cached_input);
  CHECK(table.find("gpt-4o")->source == "pricing.yaml");
  CHECK(table.find("local", "llama")->output.nano == 1);
  CHECK(table.find("local", "llama")->effective == "2026-01-01");
  CHECK(table.date() == "2026-11-21");
  CHECK(
      canonical_line(*table.find("llama")) ==
      R"({"context_window":8192,"effective":"2026-01-01","input":0,"model":"llama","output":1,"provider":"local","source":"pricing.yaml"})");
}

TEST_CASE("problems of a pricing file are named with their place, all at once, and change nothing") {
  CHECK(first_problem("models:\n  - {provider: openai, model: m, input: 1e3, output: 1}\n") ==
        "pricing.yaml:2:41: \"input\" is USD per one million tokens: an amount of money is a plain decimal such as "
        "50.00, without exponent, sign or currency");
  CHECK(first_problem("models:\n  - {provider: openai, model: m, output: 1}\n") ==
        "pricing.yaml:2:5: this entry has no \"input\"");
  CHECK(first_problem("models:\n  - {provider: openai, model: m, input: 1, output: 1, inptu: 2}\n") ==
        "pricing.yaml:2:55: unknown key \"inptu\" under \"models:\"; did you mean \"input\"?");
  CHECK(first_problem("models:\n  - {provider: a, model: m, input: -1, output: 1}\n") != "");
  CHECK(first_problem("models:\n  - {provider: a, model: m, input: .nan, output: 1}\n") != "");
  CHECK(first_problem("models:\n  - {provider: a, model: m, input: 1, output: 1, context_window: 1.5}\n") != "");
  CHECK(first_problem("models:\n  - {provider: a, model: m, input: 1, output: 1, effective: soon}\n") != "");
  CHECK(first_problem("models:\n  - {provider: a, model: m, input: 1, output: 1}\n  - {provider: a, model: m, input: "
                      "1, output: 1}\n") == "pricing.yaml:3:5: the model \"m\" of \"a\" stands twice in this file");
  CHECK(first_problem("- a\n") == "pricing.yaml:1:1: the file must be a mapping (key: value) at its top level");
  PriceTable table;
  CHECK(table.overlay("models:\n  - {provider: a}\n  - {model: b}\n", "p").size() == 6);
}
