// summarize(): one strict pass over a stored line that keeps only what readers and roll-ups need.
#include <utility>

#include "core/canonical_json.h"
#include "core/canonical_scan.h"
#include "core/evidence_record.h"

namespace talon::core {
namespace {

bool read_text(CanonicalScanner& scanner, std::string& value) {
  std::string_view raw;
  bool escaped = false;
  if (!scanner.string(raw, escaped)) return false;
  if (escaped) {
    value = unescape(raw, escaped);
  } else {
    value.assign(raw);
  }
  return true;
}

bool read_text(CanonicalScanner& scanner, std::optional<std::string>& value) {
  return read_text(scanner, value.emplace());
}

bool read_count(CanonicalScanner& scanner, std::int64_t& value) {
  return scanner.integer(value) && (value >= 0 || scanner.fail_with("this integer is not negative"));
}

/// Walks the members of an object: `take(name)` reads the value and answers false on failure.
template <class Take>
bool read_object(CanonicalScanner& scanner, Take take) {
  if (!scanner.enter('{')) return false;
  bool first = true;
  for (std::string_view name; scanner.next('}', first);) {
    if (!scanner.name(name) || !take(name)) return false;
  }
  return !scanner.failed();
}

bool read_ask(CanonicalScanner& scanner, RecordSummary& summary) {
  return read_object(scanner, [&](std::string_view name) {
    return name == "model" ? read_text(scanner, summary.model) : scanner.skip();
  });
}

bool read_cost(CanonicalScanner& scanner, RecordSummary& summary) {
  summary.has_cost = true;
  return read_object(scanner, [&](std::string_view name) {
    if (name == "priced") return scanner.boolean(summary.priced);
    if (name != "nano_usd") return scanner.skip();
    std::int64_t nano = 0;
    if (!read_count(scanner, nano)) return false;
    summary.cost = NanoUsd(nano);
    return true;
  });
}

bool read_decision(CanonicalScanner& scanner, RecordSummary& summary) {
  return read_object(scanner, [&](std::string_view name) {
    if (name == "outcome") return read_text(scanner, summary.outcome);
    if (name == "code") return read_text(scanner, summary.code);
    return scanner.skip();
  });
}

/// The provider of the last attempt is the one that answered, or was asked last.
bool read_route(CanonicalScanner& scanner, RecordSummary& summary) {
  return read_object(scanner, [&](std::string_view name) {
    if (name != "attempts") return scanner.skip();
    if (!scanner.enter('[')) return false;
    bool first = true;
    while (scanner.next(']', first)) {
      const bool read = read_object(scanner, [&](std::string_view member) {
        return member == "provider" ? read_text(scanner, summary.provider) : scanner.skip();
      });
      if (!read) return false;
    }
    return !scanner.failed();
  });
}

/// The calls of an attribution record.
bool read_calls(CanonicalScanner& scanner, std::vector<AttributedCall>& calls) {
  if (!scanner.enter('[')) return false;
  bool first = true;
  while (scanner.next(']', first)) {
    AttributedCall call;
    const bool read = read_object(scanner, [&](std::string_view name) {
      if (name == "nano_usd") {
        std::int64_t nano = 0;
        if (!read_count(scanner, nano)) return false;
        call.cost = NanoUsd(nano);
        return true;
      }
      if (name != "id") return scanner.skip();
      std::string_view raw;
      bool escaped = false;
      if (!scanner.string(raw, escaped)) return false;
      const auto id = EvidenceId::parse(raw);
      if (!id) return scanner.fail_with("\"id\" of a call is no evidence id");
      call.id = *id;
      return true;
    });
    if (!read) return false;
    calls.push_back(call);
  }
  return !scanner.failed();
}

struct Seen {
  bool v = false;
  bool seq = false;
  bool id = false;
  bool time = false;
  std::optional<CanonicalScanner> calls;  ///< comes before the kind that says what it is
};

bool read_version(CanonicalScanner& scanner, Seen& seen) {
  std::int64_t version = 0;
  seen.v = true;
  return scanner.integer(version) && (version == 1 || scanner.fail_with("\"v\" is 1"));
}

bool read_id(CanonicalScanner& scanner, RecordSummary& summary, Seen& seen) {
  std::string_view raw;
  bool escaped = false;
  if (!scanner.string(raw, escaped)) return false;
  const auto id = EvidenceId::parse(raw);
  if (!id) return scanner.fail_with("\"id\" is no evidence id");
  summary.id = *id;
  return seen.id = true;
}

bool read_calls_cost(CanonicalScanner& scanner, RecordSummary& summary) {
  std::int64_t nano = 0;
  if (!read_count(scanner, nano)) return false;
  summary.calls_cost = NanoUsd(nano);
  return true;
}

/// Names are told apart by their length first: a million records are read when a vault is verified.
bool read_member(CanonicalScanner& scanner, std::string_view name, RecordSummary& summary, Seen& seen) {
  // Members of requests: another kind may use these names for something else.
  const bool request = summary.kind.empty() || summary.kind == "request";
  const bool attribution = summary.kind == "attribution";
  const char next = scanner.peek();
  switch (name.size()) {
    case 1:
      if (name == "v") return read_version(scanner, seen);
      break;
    case 2:
      if (name == "id") return read_id(scanner, summary, seen);
      break;
    case 3:
      if (name == "seq") return (seen.seq = true) && read_count(scanner, summary.seq);
      if (name == "ask" && request && next == '{') return read_ask(scanner, summary);
      break;
    case 4:
      if (name == "time") return (seen.time = true) && read_count(scanner, summary.time.micros);
      if (name == "kind") return read_text(scanner, summary.kind);
      if (name == "cost" && request && next == '{') return read_cost(scanner, summary);
      break;
    case 5:
      if (name == "calls") seen.calls = scanner;
      if (name == "event" && next == '"') return read_text(scanner, summary.event);
      if (name == "route" && request && next == '{') return read_route(scanner, summary);
      if (name == "count") return read_count(scanner, summary.count);
      break;
    case 6:
      if (name == "tenant") return read_text(scanner, summary.tenant);
      if (name == "action" && next == '"') return read_text(scanner, summary.action);
      if (name == "target" && next == '"') return read_text(scanner, summary.target);
      if (name == "caller" && request && next == '"') return read_text(scanner, summary.caller);
      break;
    case 7:
      if (name == "session" && (attribution || (request && next == '"'))) return read_text(scanner, summary.session);
      if (name == "project" && request && next == '"') return read_text(scanner, summary.project);
      break;
    case 8:
      if (name == "decision" && request && next == '{') return read_decision(scanner, summary);
      if (name == "nano_usd" && attribution) return read_calls_cost(scanner, summary);
      break;
    default:
      break;
  }
  return scanner.skip();
}

std::unexpected<Error> corrupt(std::string reason) {
  return fail(Code::vault_corrupt, "a stored record is damaged: " + std::move(reason));
}

}  // namespace

Result<RecordSummary> summarize(std::string_view line) {
  if (line.size() > k_max_line) return corrupt("it is longer than " + std::to_string(k_max_line) + " bytes");
  CanonicalScanner scanner(line);
  RecordSummary summary;
  Seen seen;
  const bool read =
      read_object(scanner, [&](std::string_view name) { return read_member(scanner, name, summary, seen); });
  if (!read || !scanner.finish()) return corrupt(scanner.error().message);
  if (!seen.v || !seen.seq || !seen.id || !seen.time || summary.kind.empty()) {
    return corrupt("one of the members v, seq, id, time, kind is missing");
  }
  if (seen.calls && summary.kind == "attribution" && !read_calls(*seen.calls, summary.calls)) {
    return corrupt(seen.calls->failed() ? seen.calls->error().message : "\"calls\" is no list of calls");
  }
  return summary;
}

}  // namespace talon::core
