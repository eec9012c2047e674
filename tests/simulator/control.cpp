// The control endpoints under /__sim/, listed in README.md.
#include <charconv>
#include <cstdint>

#include <fmt/format.h>

#include "tests/simulator/ask.h"
#include "tests/simulator/base64.h"
#include "tests/simulator/malformed.h"
#include "tests/simulator/state.h"

namespace talon::simulator {
namespace {

constexpr std::size_t k_keep_at_most = std::size_t{1} << 30U;

Answer json(std::string body) {
  Answer answer;
  answer.pieces.push_back(std::move(body));
  return answer;
}

/// The unsigned query member of that name, or `otherwise`.
std::size_t query_number(const Request& request, std::string_view name, std::size_t otherwise) {
  const std::string_view target = request.target;
  const std::size_t at = target.find(fmt::format("{}=", name));
  if (at == std::string_view::npos) return otherwise;
  std::size_t value = otherwise;
  std::from_chars(target.data() + at + name.size() + 1, target.data() + target.size(), value);
  return value;
}

std::string kept_json(const Kept& kept) {
  std::string out = fmt::format(R"({{"number":{},"connection":{},"time_us":{},"method":)", kept.number, kept.connection,
                                kept.time_us);
  append_json_string(out, kept.request.method);
  out += R"(,"target":)";
  append_json_string(out, kept.request.target);
  out += R"(,"headers":[)";
  for (const auto& [name, value] : kept.request.headers) {
    out += out.back() == '[' ? "[" : ",[";
    append_json_string(out, name);
    out += ',';
    append_json_string(out, value);
    out += ']';
  }
  return out + R"(],"body_base64":")" + encode_base64(kept.request.body) + "\"}";
}

Answer requests(const Request& request, State& state) {
  if (request.method == "DELETE") {
    state.kept.clear();
    state.kept_bytes = 0;
    return json(R"({"deleted":true})");
  }
  if (!state.keep) return make_error(409, "not_kept", "start the simulator with --keep to see what it received");
  const std::size_t after = query_number(request, "after", 0);
  std::string body = fmt::format(R"({{"not_kept":{},"requests":[)", state.not_kept);
  for (const Kept& kept : state.kept) {
    if (kept.number <= after) continue;
    if (body.back() != '[') body += ',';
    body += kept_json(kept);
  }
  return json(body + "]}");
}

Answer add_script(const Request& request, State& state) {
  std::deque<Behaviour> lines;
  std::string_view rest = request.body;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    Behaviour how;
    const std::string wrong = read_behaviour(rest.substr(0, end), how);
    if (!wrong.empty()) return make_error(400, "bad_script", fmt::format("not understood: {}", wrong));
    lines.push_back(std::move(how));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  for (Behaviour& how : lines) state.script.push_back(std::move(how));
  return json(fmt::format(R"({{"waiting":{}}})", state.script.size()));
}

}  // namespace

void State::remember(const Request& request, std::uint64_t connection) {
  if (!keep) return;
  const std::size_t size = request.body.size() + 1024;
  if (kept_bytes + size > k_keep_at_most) {
    ++not_kept;
    return;
  }
  kept_bytes += size;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  kept.push_back(
      {request, connection, counters.requests, std::chrono::duration_cast<std::chrono::microseconds>(now).count()});
}

bool is_control(const Request& request) { return request.target.starts_with("/__sim/"); }

Answer control(const Request& request, State& state, std::size_t& release) {
  const std::string_view path = request.path();
  const Counters& now = state.counters;
  if (path == "/__sim/requests") return requests(request, state);
  if (path == "/__sim/count") return json(fmt::format(R"({{"count":{}}})", now.requests));
  if (path == "/__sim/inflight") return json(fmt::format(R"({{"inflight":{},"held":{}}})", now.inflight, now.held));
  if (path == "/__sim/stats") {
    return json(fmt::format(
        R"({{"requests":{},"connections":{},"open":{},"inflight":{},"held":{},"answered":{},"aborted":{},"script":{}}})",
        now.requests, now.connections, now.open, now.inflight, now.held, now.answered, now.aborted,
        state.script.size()));
  }
  if (path == "/__sim/release" && request.method == "POST") {
    state.holds_off = state.holds_off || query_number(request, "forever", 0) == 1;
    release = query_number(request, "count", SIZE_MAX);
    return json(fmt::format(R"({{"released":{}}})", std::min<std::size_t>(release, now.held)));
  }
  if (path == "/__sim/script" && request.method == "POST") return add_script(request, state);
  if (path == "/__sim/script" && request.method == "DELETE") {
    state.script.clear();
    return json(R"({"waiting":0})");
  }
  if (path == "/__sim/malformed") {
    std::string body = R"({"kinds":[)";
    for (const std::string_view kind : malformed_kinds())
      body += fmt::format("{}\"{}\"", body.back() == '[' ? "" : ",", kind);
    return json(body + "]}");
  }
  return make_error(404, "not_found", fmt::format("no control endpoint {} {}", request.method, request.target));
}

}  // namespace talon::simulator
