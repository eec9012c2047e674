// parse_config: text → tree → keys and shapes → values; then, if something is wrong, one look at
// whether an indentation lost when copying explains it.
#include "core/config.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "core/config_indent.h"
#include "core/config_schema.h"
#include "core/config_sections.h"
#include "core/config_values.h"
#include "core/text.h"

namespace talon::core {
namespace {

constexpr std::int64_t k_least_max_body = 1 << 10;
constexpr std::int64_t k_most_max_body = std::int64_t{512} << 20;
constexpr std::size_t k_short_key = 16;
constexpr std::size_t k_longest_key = 4096;

bool is_variable_name(std::string_view name) {
  const auto is_start = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && is_start(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_start(c) || (c >= '0' && c <= '9'); });
}

void read_text(const Section& section, std::string_view key, std::optional<std::string>& out, Report& report) {
  const auto* node = section.scalar(key);
  if (node == nullptr) return;
  if (node->text.empty() || node->text.find('\0') != std::string::npos) {
    report.error(*node, quote(key) + " must not be empty");
  } else {
    out = node->text;
  }
}

void read_server(const Section& server, Config& config, Report& report) {
  std::map<std::string, int> seen;
  read_listen(server.value("listen"), "listen", seen, config.listen, report);
  read_listen(server.value("admin_listen"), "admin_listen", seen, config.admin_listen, report);
  if (server.value("listen") == nullptr) config.listen.push_back(*parse_listen("127.0.0.1:8080"));
  if (const auto* node = server.scalar("max_body")) {
    const auto size = parse_size(node->text);
    if (!size) {
      report.error(*node, "\"max_body\" " + size.error().message);
    } else if (*size < k_least_max_body || *size > k_most_max_body) {
      report.error(*node, "\"max_body\" must lie between 1KiB and 512MiB");
    } else {
      config.max_body = *size;
    }
  }
}

void check_inline_keys(const Config& config, Report& report) {
  std::vector<NamedKey> keys;
  const auto add = [&keys](const SecretSource& source, std::string whose) {
    if (source.kind == SecretSource::Kind::inline_text)
      keys.push_back(NamedKey{source.text.reveal(), std::move(whose), source.place, false});
  };
  if (config.admin_key) add(*config.admin_key, "the admin key");
  for (const auto& key : config.admin_keys) add(key.key, "admin key " + quote(key.name));
  for (const auto& key : config.api_keys) add(key.key, "API key " + quote(key.name));
  for (const auto& caller : config.callers) add(caller.tenant_key, "caller " + quote(caller.name));
  report.add(check_client_keys(keys));
}

void read_projects(const Section& root, Config& config, Report& report) {
  constexpr std::int64_t k_most_days = 36'500;
  if (const auto days = read_count(root, "virtual_key_stale_days", 1, k_most_days, report))
    config.virtual_key_stale_days = *days;
  const Section projects = root.section("projects");
  if (projects.node() == nullptr) return;
  for (const auto& entry : projects.node()->members) {
    if (entry.key.empty() || record_text(entry.key) != entry.key) {
      report.error(entry, "a project's name must be 1 to 256 characters without controls");
      continue;
    }
    const auto days = read_count(Section(&entry.value), "virtual_key_stale_days", 1, k_most_days, report);
    config.projects.emplace(entry.key, ProjectConfig{days.value_or(config.virtual_key_stale_days)});
  }
}

/// Everything but the lost indentation.
ParsedConfig read_config(std::string_view yaml, std::string_view name, Structure& structure) {
  ParsedConfig parsed;
  Config& config = parsed.config;
  config.file = std::string(name);
  YamlDocument document = read_yaml(yaml, name);
  structure = document.problems.empty() ? Structure::sound : Structure::broken;
  Report report(name);
  report.add(std::move(document.problems));
  structure = std::max(structure, check_keys(document.root, config_schema(), report));

  const Section root(&document.root);
  read_text(root, "data_dir", config.data_dir, report);
  read_text(root, "pricing_file", config.pricing_file, report);
  read_server(root.section("server"), config, report);
  read_auth(root.section("auth"), config, report);
  read_gateway(root.section("gateway"), config, report);
  read_tiers(root.section("tiers"), config.tiers, report);
  read_projects(root, config, report);
  if (const auto* node = root.section("vault").scalar("durability")) {
    if (node->text == "batched")
      config.durability = Durability::batched;
    else if (node->text != "strict")
      report.error(*node, R"("durability" must be "strict" or "batched", not )" + quote(node->text));
  }
  if (const auto* node = root.section("vault").scalar("priority")) {
    if (node->text == "realtime")
      config.journal_priority = Priority::realtime;
    else if (node->text != "normal")
      report.error(*node, R"("priority" must be "normal" or "realtime", not )" + quote(node->text));
  }
  check_inline_keys(config, report);
  parsed.problems = report.take();
  return parsed;
}

}  // namespace

const YamlNode* Section::value(std::string_view key) const {
  const auto* member = node_ == nullptr ? nullptr : node_->find(key);
  return member == nullptr || member->value.kind == YamlNode::Kind::null ? nullptr : &member->value;
}

const YamlNode* Section::scalar(std::string_view key) const {
  const auto* node = value(key);
  return node != nullptr && node->kind == YamlNode::Kind::scalar ? node : nullptr;
}

std::vector<const YamlNode*> Section::rows(std::string_view key) const {
  std::vector<const YamlNode*> rows;
  if (const auto* node = value(key); node != nullptr && node->kind == YamlNode::Kind::sequence) {
    for (const auto& item : node->items) {
      if (item.kind == YamlNode::Kind::mapping) rows.push_back(&item);
    }
  }
  return rows;
}

std::optional<SecretSource> read_secret(const Section& section, std::string_view base, Report& report) {
  using Kind = SecretSource::Kind;
  std::optional<SecretSource> source;
  std::string first_key;
  for (const auto& [suffix, kind] : {std::pair<std::string_view, Kind>{"", Kind::inline_text},
                                     {"_file", Kind::file},
                                     {"_env", Kind::environment},
                                     {"_credential", Kind::credential}}) {
    const std::string key = std::string(base) + std::string(suffix);
    const auto* node = section.scalar(key);
    if (node == nullptr) continue;
    if (!first_key.empty()) {
      report.error(*node, quote(key) + " and " + quote(first_key) + " name one secret twice; keep one of them");
      continue;
    }
    first_key = key;
    if (node->text.empty()) {
      report.error(*node, quote(key) + " must not be empty");
    } else if (kind == Kind::environment && !is_variable_name(node->text)) {
      report.error(*node,
                   quote(key) + " must be the name of an environment variable (letters, digits, _), not its value");
    } else if (kind == Kind::credential && (node->text.find('/') != std::string::npos || node->text.starts_with('.'))) {
      report.error(*node, quote(key) + " must be the name of a systemd credential, without slashes");
    } else {
      source.emplace();
      source->kind = kind;
      source->place = report.place(*node);
      if (kind == Kind::inline_text)
        source->text = Secret(std::string(node->text));
      else
        source->name = node->text;
    }
  }
  return source;
}

std::optional<std::string> key_problem(std::string_view key) {
  if (key.empty()) return "is empty";
  if (key.size() > k_longest_key) return "is longer than 4096 bytes";
  const auto unsendable = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(key, unsendable)) return "holds control characters or line breaks, which no client can send";
  if (key.front() == ' ' || key.back() == ' ') return "begins or ends with a space, which no client can send";
  return std::nullopt;
}

bool read_name(const Section& section, std::string_view what, std::string& name, Report& report) {
  const auto* node = section.scalar("name");
  if (node == nullptr) {
    if (section.value("name") == nullptr) report.error(*section.node(), std::string(what) + " has no \"name\"");
    return false;
  }
  if (node->text.empty() || record_text(node->text) != node->text) {
    report.error(*node, "the name of " + std::string(what) + " must be 1 to 256 characters without controls");
    return false;
  }
  name = node->text;
  return true;
}

bool take_name(const Section& section, const std::string& name, std::map<std::string, int>& names, Report& report) {
  const auto [first, inserted] = names.emplace(name, section.node()->line);
  if (!inserted)
    report.error(*section.scalar("name"),
                 "the name " + quote(name) + " is taken by the one on line " + std::to_string(first->second));
  return inserted;
}

std::optional<std::int64_t> read_count(const Section& section, std::string_view key, std::int64_t least,
                                       std::int64_t most, Report& report) {
  const auto* node = section.scalar(key);
  if (node == nullptr) return std::nullopt;
  const auto count = parse_count(node->text, least, most);
  if (count) return *count;
  report.error(*node, quote(key) + " " + count.error().message);
  return std::nullopt;
}

bool Config::knows_provider(std::string_view name) const noexcept {
  return std::ranges::find(k_built_in_providers, name) != std::end(k_built_in_providers) ||
         std::ranges::find(providers, name, &ProviderConfig::name) != providers.end();
}

std::int64_t Config::stale_days(std::string_view project) const noexcept {
  const auto found = projects.find(project);
  return found == projects.end() ? virtual_key_stale_days : found->second.virtual_key_stale_days;
}

bool is_virtual_key_shaped(std::string_view key) noexcept {
  return key.size() == 35 && key.starts_with("vk_") &&
         std::ranges::all_of(key.substr(3), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'); });
}

std::vector<Problem> check_client_keys(std::span<const NamedKey> keys) {
  std::vector<Problem> problems;
  const auto say = [&problems](const NamedKey& key, std::string message) -> Problem& {
    problems.push_back(Problem{key.place, Code::config_invalid, std::move(message), std::nullopt, false});
    return problems.back();
  };
  std::map<std::string_view, const NamedKey*> seen;
  for (const auto& key : keys) {
    if (!key.reported) {
      if (const auto reason = key_problem(key.key)) {
        say(key, "the key of " + key.whose + " " + *reason);
        continue;
      }
      if (is_virtual_key_shaped(key.key))
        say(key, "the key of " + key.whose + " has the form of a virtual key (vk_ and 32 characters); choose another");
      if (key.key.size() < k_short_key) {
        say(key, "the key of " + key.whose +
                     " is shorter than 16 characters and can be guessed; make one: openssl rand -hex 24")
            .warning = true;
      }
    }
    const auto [first, inserted] = seen.emplace(key.key, &key);
    if (!inserted && !(key.reported && first->second->reported)) {
      const Place& other = first->second->place;
      say(key, "the key of " + key.whose + " is also that of " + first->second->whose +
                   (other.line > 0 ? " on line " + std::to_string(other.line) : ""));
    }
  }
  return problems;
}

std::string to_text(const Problem& problem) {
  std::string text = problem.place.file;
  if (problem.place.line > 0)
    text += ':' + std::to_string(problem.place.line) + ':' + std::to_string(problem.place.column);
  if (!text.empty()) text += ": ";
  return text + (problem.warning ? "warning: " : "") + problem.message;
}

bool ParsedConfig::valid() const { return std::ranges::all_of(problems, &Problem::warning); }

ParsedConfig parse_config(std::string_view yaml, std::string_view name) {
  Structure structure;
  ParsedConfig parsed = read_config(yaml, name, structure);
  if (structure == Structure::sound) return parsed;
  const auto restored = restore_indentation(yaml, config_schema());
  if (!restored || !restored->changed()) return parsed;
  // Unknown keys alone are typing errors, unless a no-break space is what makes them unknown.
  if (structure == Structure::unfamiliar && !restored->odd_space) return parsed;
  ParsedConfig as_meant = read_config(restored->text, name, structure);
  if (structure == Structure::broken) return parsed;

  // The loss explains what was wrong with the structure; what is wrong besides is said at its place
  // in the file as it is.
  Report report(name);
  report.add(diagnose(*restored, name));
  for (auto& problem : as_meant.problems) problem.place = restored->original(std::move(problem.place));
  report.add(std::move(as_meant.problems));
  parsed.problems = report.take();
  return parsed;
}

}  // namespace talon::core
