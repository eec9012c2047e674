// The `server:` listeners and the `auth:` part of talon.yaml.
#include <algorithm>
#include <map>
#include <utility>

#include "core/config_sections.h"
#include "core/config_values.h"

namespace talon::core {
namespace {

/// The files of a TLS listener; both are needed.
std::optional<TlsFiles> read_tls(const Section& tls, Report& report) {
  TlsFiles files;
  bool complete = true;
  for (const auto& [key, out] : {std::pair{"certificate", &files.certificate}, {"private_key", &files.private_key}}) {
    const auto* node = tls.scalar(key);
    if (node == nullptr || node->text.empty() || node->text.find('\0') != std::string::npos) {
      complete = false;
      const YamlNode& where = node == nullptr ? *tls.node() : *node;
      report.error(where, "\"tls\" needs " + quote(key) + ", the name of a PEM file");
      continue;
    }
    *out = node->text;
  }
  if (!complete) return std::nullopt;
  return files;
}

bool key_is_written(const Section& section, std::string_view base) {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"", "_file", "_env", "_credential"},
      [&](std::string_view suffix) { return section.value(std::string(base) + std::string(suffix)) != nullptr; });
}

/// A row with a name and a key; nullopt after a problem.
struct NamedRow {
  std::string name;
  SecretSource key;
};
std::optional<NamedRow> read_named_row(const Section& section, std::string_view what, std::map<std::string, int>& names,
                                       Report& report) {
  NamedRow row;
  const bool named = read_name(section, what, row.name, report);
  const auto bare = what.substr(what.find(' ') + 1);  // "an API key" without its article
  const std::string who = named ? std::string(bare) + " " + quote(row.name) : "this " + std::string(bare);
  if (named) (void)take_name(section, row.name, names, report);
  auto source = read_secret(section, "key", report);
  if (!source) {
    if (!key_is_written(section, "key"))
      report.error(*section.node(), who + R"( has no "key" (nor "key_file", "key_env" or "key_credential"))");
    return std::nullopt;
  }
  row.key = *std::move(source);
  if (!named) return std::nullopt;
  return row;
}

}  // namespace

void read_listen(const YamlNode* node, std::string_view key, std::map<std::string, int>& seen,
                 std::vector<ListenAddress>& out, Report& report) {
  if (node == nullptr) return;
  std::vector<const YamlNode*> entries;
  if (node->kind == YamlNode::Kind::scalar) entries.push_back(node);
  for (const auto& item : node->items) entries.push_back(&item);
  if (node->kind == YamlNode::Kind::sequence && entries.empty() && key == "listen")
    report.error(*node, "\"listen\" needs at least one address");
  for (const auto* entry : entries) {
    const Section section(entry);
    const YamlNode* text = entry->kind == YamlNode::Kind::scalar ? entry : section.scalar("address");
    if (text == nullptr) {
      if (section.node() != nullptr && section.value("address") == nullptr)
        report.error(*entry, "an entry of " + quote(key) + " has no \"address\"");
      continue;
    }
    auto address = parse_listen(text->text);
    if (!address) {
      report.error(*text, quote(key) + " " + address.error().message);
      continue;
    }
    address->place = report.place(*text);
    if (const Section tls = section.section("tls"); tls.node() != nullptr) address->tls = read_tls(tls, report);
    if (const std::string identity = listen_identity(*address); !identity.empty()) {
      const auto [first, inserted] = seen.emplace(identity, text->line);
      if (!inserted) {
        report.error(*text, "the address " + quote(text->text) + " stands on line " + std::to_string(first->second) +
                                " already");
        continue;
      }
    }
    out.push_back(*std::move(address));
  }
}

void read_auth(const Section& auth, Config& config, Report& report) {
  config.admin_key = read_secret(auth, "admin_key", report);
  std::map<std::string, int> admins;
  if (config.admin_key) admins.emplace("admin", config.admin_key->place.line);  // the name of the single one
  for (const auto* node : auth.rows("admin_keys")) {
    const Section section(node);
    AdminKeyConfig key;
    if (const auto* scope = section.scalar("scope")) {
      if (scope->text == "read")
        key.scope = AdminKeyConfig::Scope::read;
      else if (scope->text != "full")
        report.error(*scope, R"("scope" must be "full" or "read", not )" + quote(scope->text));
    }
    auto row = read_named_row(section, "an admin key", admins, report);
    if (!row) continue;
    key.name = std::move(row->name);
    key.key = std::move(row->key);
    key.place = report.place(*node);
    config.admin_keys.push_back(std::move(key));
  }
  std::map<std::string, int> names;
  for (const auto* node : auth.rows("api_keys")) {
    auto row = read_named_row(Section(node), "an API key", names, report);
    if (!row) continue;
    config.api_keys.push_back(StaticKeyConfig{std::move(row->name), std::move(row->key), {}, report.place(*node)});
  }
}

}  // namespace talon::core
