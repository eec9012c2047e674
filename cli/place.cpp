#include "cli/place.h"

#include <charconv>

#include "core/config.h"

namespace talon::cli {

const core::Clock& system_clock() {
  static const core::SystemClock clock;
  return clock;
}

core::Result<vault::DataDir> data_dir_of(const Arguments& arguments) {
  const auto environment = vault::process_environment();
  const auto flag = arguments.value("--data-dir");
  const auto named_file = arguments.value("--config");
  if (flag || environment("TALON_DATA_DIR")) {
    // Not read for this, but a file that is named and missing is a mistake that must be heard of.
    if (named_file || environment("TALON_CONFIG")) TALON_TRY_VOID(vault::find_config_file(named_file, environment));
    return vault::find_data_dir(flag, environment, nullptr);
  }
  TALON_TRY(file, vault::find_config_file(named_file, environment));
  core::Config config;
  if (file) {
    TALON_TRY(configured, vault::data_dir_of(*file));
    config.file = file->path.string();
    if (configured) config.data_dir = std::filesystem::absolute(*configured).string();
  }
  return vault::find_data_dir(std::nullopt, environment, &config);
}

core::Result<std::unique_ptr<vault::Vault>> open_vault(const Arguments& arguments) {
  TALON_TRY(data_dir, data_dir_of(arguments));
  TALON_TRY_VOID(vault::become_owner(data_dir.path));
  auto opened = vault::Vault::open_for_reading(data_dir.path, system_clock());
  if (!opened && opened.error().code == core::Code::vault_missing) {
    return core::fail(core::Code::vault_missing, "no vault in " + data_dir.described() + "; create one: talon init");
  }
  return opened;
}

core::Result<std::optional<core::LogName>> log_of(const Arguments& arguments) {
  const int given =
      int{arguments.has("--tenant")} + int{arguments.has("--unattributed")} + int{arguments.has("--operator")};
  if (given > 1) {
    return core::fail(core::Code::usage, "--tenant, --unattributed and --operator exclude one another");
  }
  if (const auto tenant = arguments.value("--tenant")) {
    TALON_TRY(id, core::TenantId::parse(*tenant));
    return std::optional(core::LogName::of(id));
  }
  if (arguments.has("--unattributed")) {
    return std::optional(core::LogName::unattributed());
  }
  if (arguments.has("--operator")) {
    return std::optional(core::LogName::operator_log());
  }
  return std::optional<core::LogName>{};
}

core::Result<vault::Period> period_of(const Arguments& arguments) {
  vault::Period period;
  if (const auto from = arguments.value("--from")) {
    TALON_TRY(instant, core::parse_period_edge(*from, core::PeriodEdge::from));
    period.from = instant;
  }
  if (const auto to = arguments.value("--to")) {
    TALON_TRY(instant, core::parse_period_edge(*to, core::PeriodEdge::to));
    period.to = instant;
  }
  if (period.from && period.to && *period.from >= *period.to) {
    return core::fail(core::Code::usage, "--from must lie before --to");
  }
  return period;
}

core::Result<std::optional<std::size_t>> limit_of(const Arguments& arguments) {
  const auto text = arguments.value("--limit");
  if (!text) {
    return std::optional<std::size_t>{};
  }
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc{} || end != text->data() + text->size() || limit == 0 || limit > 1'000'000) {
    return core::fail(core::Code::usage, "--limit takes a whole number from 1 to 1000000");
  }
  return std::optional(limit);
}

}  // namespace talon::cli
