// Cuts answers into steps; see plan.h. The wrong heads of `malformed=` are in malformed.cpp.
#include "tests/simulator/plan.h"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "tests/simulator/malformed.h"

namespace talon::simulator {
namespace {

std::string_view reason(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

/// Collects steps; neighbouring bytes melt into one write.
class Steps {
 public:
  void bytes(std::string_view text) {
    if (text.empty()) return;
    if (steps_.empty() || steps_.back().kind != Step::Kind::bytes) steps_.push_back({Step::Kind::bytes, {}, 0});
    steps_.back().bytes.append(text);
  }
  void wait(std::uint32_t ms) { steps_.push_back({Step::Kind::wait, {}, ms}); }
  void add(Step::Kind kind) { steps_.push_back({kind, {}, 0}); }

  /// The interruptions of this place, in the order named.
  void breaks(const Behaviour& how, Place place, std::size_t unit = 0) {
    for (const Break& stop : how.breaks) {
      if (stop.place != place || (place == Place::unit && stop.unit != unit)) continue;
      switch (stop.deed) {
        case Deed::hold:
          add(Step::Kind::hold);
          break;
        case Deed::never:
          add(Step::Kind::silence);
          break;
        case Deed::cut:
          add(place == Place::next ? Step::Kind::close_next : Step::Kind::close);
          break;
        case Deed::reset:
          add(place == Place::next ? Step::Kind::reset_next : Step::Kind::reset);
          break;
      }
    }
  }
  [[nodiscard]] std::vector<Step> take() { return std::move(steps_); }

 private:
  std::vector<Step> steps_;
};

/// A part of the body between two places where something may happen; `at` counts bytes, or events of a stream.
struct Unit {
  std::size_t at;
  std::string bytes;
};

std::vector<Unit> cut_into_units(const Answer& answer, const Behaviour& how, std::size_t& middle) {
  std::vector<Unit> units;
  if (answer.is_stream && !how.has_trickle && !how.has_body) {
    for (const std::string& event : answer.pieces) units.push_back({units.size(), event});
    middle = units.size() / 2;
    return units;
  }
  std::string body;
  for (const std::string& piece : answer.pieces) body += piece;
  middle = body.size() / 2;
  std::set<std::size_t> cuts{0};
  for (const Break& stop : how.breaks) {
    if (stop.place == Place::unit) cuts.insert(stop.unit);
    if (stop.place == Place::mid) cuts.insert(middle);
    if (stop.place == Place::end && !body.empty()) cuts.insert(body.size() - 1);
  }
  for (std::size_t at = 0; how.has_trickle && at < body.size(); at += how.step) cuts.insert(at);
  for (auto cut = cuts.begin(); cut != cuts.end() && *cut < body.size(); ++cut) {
    const auto next = std::next(cut);
    units.push_back({*cut, body.substr(*cut, next == cuts.end() ? std::string::npos : *next - *cut)});
  }
  return units;
}

void framed(Steps& steps, std::string_view text, Framing framing, std::size_t largest) {
  if (framing != Framing::chunked) return steps.bytes(text);
  while (!text.empty()) {
    const std::string_view part = text.substr(0, largest == 0 ? text.size() : largest);
    text.remove_prefix(part.size());
    steps.bytes(fmt::format("{:x}\r\n", part.size()));
    steps.bytes(part);
    steps.bytes("\r\n");
  }
}

std::string head_of(const Answer& answer, const Behaviour& how, Framing framing, std::size_t length, bool close) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nX-Request-Id: req_sim\r\n", answer.status,
                                 reason(answer.status), answer.content_type);
  for (const auto& [name, value] : how.headers) head += fmt::format("{}: {}\r\n", name, value);
  if (!how.retry_after.empty()) head += fmt::format("Retry-After: {}\r\n", how.retry_after);
  for (std::size_t sent = 0; sent < how.huge_head; sent += 1024)
    head += fmt::format("X-Huge-{}: {}\r\n", sent / 1024, std::string(1010, 'h'));
  if (framing == Framing::chunked) head += "Transfer-Encoding: chunked\r\n";
  if (framing == Framing::length) head += fmt::format("Content-Length: {}\r\n", length);
  if (close) head += "Connection: close\r\n";
  return head + "\r\n";
}

}  // namespace

std::vector<Step> make_plan(const Answer& answer, const Behaviour& how, bool keep_alive) {
  Steps steps;
  if (how.delay_ms > 0) steps.wait(how.delay_ms);
  steps.breaks(how, Place::before);
  if (how.informational != 0)
    steps.bytes(fmt::format("HTTP/1.1 {} Informational\r\n{}\r\n", how.informational,
                            how.informational == 103 ? "Link: </x>\r\n" : ""));

  const bool bodyless = answer.status == 204 || answer.status == 304 || answer.no_body;
  const Framing framing = how.framing != Framing::automatic   ? how.framing
                          : answer.is_stream || how.chunk > 0 ? Framing::chunked
                                                              : Framing::length;
  const bool close = !keep_alive || how.close_said || how.early || framing == Framing::close;

  if (!how.raw.empty()) {
    steps.bytes(how.raw);
    steps.breaks(how, Place::end);
  } else if (!how.malformed.empty()) {
    std::string body;
    for (const std::string& piece : answer.pieces) body += piece;
    steps.bytes(malformed_response(how.malformed, body, answer.content_type));
    steps.breaks(how, Place::end);
    if (malformed_needs_close(how.malformed)) steps.add(Step::Kind::close);
  } else {
    std::size_t length = 0;
    for (const std::string& piece : answer.pieces) length += piece.size();
    const std::string head =
        head_of(answer, how, answer.status == 204 || answer.status == 304 ? Framing::close : framing, length, close);
    if (how.has_trickle_head) {
      for (const char c : head) {
        steps.bytes(std::string_view(&c, 1));
        steps.wait(how.trickle_head_ms);
      }
    } else {
      steps.bytes(std::string_view(head).substr(0, head.size() / 2));
      steps.breaks(how, Place::head);
      steps.bytes(std::string_view(head).substr(head.size() / 2));
    }
    steps.breaks(how, Place::body);
    if (!bodyless) {
      std::size_t middle = 0;
      const std::vector<Unit> units = cut_into_units(answer, how, middle);
      const bool apart = how.has_trickle || (answer.is_stream && how.has_interval);
      const std::uint32_t pause = how.has_trickle ? how.trickle_ms : how.interval_ms;
      const bool unframed_end = framing == Framing::length && !answer.is_stream;
      for (std::size_t i = 0; i < units.size(); ++i) {
        if (units[i].at == middle) steps.breaks(how, Place::mid);
        steps.breaks(how, Place::unit, units[i].at);
        // What tells the reader "over" in a length-framed body is its last byte.
        if (unframed_end && i + 1 == units.size()) steps.breaks(how, Place::end);
        framed(steps, units[i].bytes, framing, how.chunk);
        if (apart && i + 1 < units.size()) steps.wait(pause);
      }
      if (!unframed_end) steps.breaks(how, Place::end);
      if (framing == Framing::chunked) steps.bytes("0\r\n\r\n");
    }
  }
  steps.breaks(how, Place::after);
  if (close) steps.add(Step::Kind::close);
  steps.breaks(how, Place::next);
  return steps.take();
}

}  // namespace talon::simulator
