// Reads the simulator's small language; see behaviour.h.
#include "tests/simulator/behaviour.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "tests/simulator/base64.h"

namespace talon::simulator {
namespace {

template <class Number>
bool number(std::string_view text, Number& out) {
  const auto [last, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc{} && last == text.data() + text.size();
}

bool size_value(std::string_view text, std::size_t& out) { return number(text, out) && out > 0; }

std::optional<Break> read_break(Deed deed, std::string_view place) {
  struct Name {
    std::string_view text;
    Place place;
  };
  static constexpr std::array<Name, 7> k_names{{{"before", Place::before},
                                                {"head", Place::head},
                                                {"body", Place::body},
                                                {"mid", Place::mid},
                                                {"end", Place::end},
                                                {"after", Place::after},
                                                {"next", Place::next}}};
  if (place.empty()) return Break{deed, deed == Deed::cut ? Place::mid : Place::before, 0};
  for (const Name& name : k_names) {
    if (name.text == place) return Break{deed, name.place, 0};
  }
  std::size_t unit = 0;
  if (!number(place, unit)) return std::nullopt;
  return Break{deed, Place::unit, unit};
}

bool read_two(std::string_view value, std::size_t& a, std::size_t& b) {
  const std::size_t split = value.find_first_of(",-");
  return split != std::string_view::npos && number(value.substr(0, split), a) && number(value.substr(split + 1), b);
}

bool flag(bool& out, std::string_view value) {
  out = true;
  return value.empty();
}

bool decoded(std::string_view value, std::string& out) {
  const auto bytes = decode_base64(value);
  if (bytes) out = *bytes;
  return bytes.has_value();
}

bool apply(std::string_view key, std::string_view value, Behaviour& out) {
  if (key == "cut" || key == "reset" || key == "never" || key == "hold") {
    const Deed deed = key == "cut"     ? Deed::cut
                      : key == "reset" ? Deed::reset
                      : key == "never" ? Deed::never
                                       : Deed::hold;
    const auto found = read_break(deed, value);
    if (found) out.breaks.push_back(*found);
    return found.has_value();
  }
  if (key == "delay") return number(value, out.delay_ms);
  if (key == "trickle") return (out.has_trickle = true) && number(value, out.trickle_ms);
  if (key == "trickle-head") return (out.has_trickle_head = true) && number(value, out.trickle_head_ms);
  if (key == "step") return size_value(value, out.step);
  if (key == "interval") return (out.has_interval = true) && number(value, out.interval_ms);
  if (key == "status") return number(value, out.status) && out.status >= 200 && out.status <= 999;
  if (key == "retry-after") return !(out.retry_after = value).empty();
  if (key == "error-code") return !(out.error_code = value).empty();
  if (key == "malformed") return !(out.malformed = value).empty();
  if (key == "info") return number(value, out.informational) && out.informational >= 100 && out.informational < 200;
  if (key == "framing") {
    if (value == "length")
      out.framing = Framing::length;
    else if (value == "chunked")
      out.framing = Framing::chunked;
    else if (value == "close")
      out.framing = Framing::close;
    else
      return false;
    return true;
  }
  if (key == "chunk") return size_value(value, out.chunk);
  if (key == "huge") {
    const bool read = size_value(value, out.content);
    out.content <<= 20U;
    return read;
  }
  if (key == "huge-head") {
    const bool read = size_value(value, out.huge_head);
    out.huge_head <<= 10U;
    return read;
  }
  if (key == "close") return flag(out.close_said, value);
  if (key == "early") return flag(out.early, value);
  if (key == "type") return !(out.type = value).empty();
  if (key == "body64") return (out.has_body = true) && decoded(value, out.body);
  if (key == "raw64") return decoded(value, out.raw) && !out.raw.empty();
  if (key == "events") return size_value(value, out.events);
  if (key == "content") return size_value(value, out.content);
  if (key == "line-end") {
    if (value != "lf" && value != "cr" && value != "crlf") return false;
    out.line_end = value == "lf" ? "\n" : value == "cr" ? "\r" : "\r\n";
    return true;
  }
  if (key == "no-done") return flag(out.no_done, value);
  if (key == "no-usage") return flag(out.no_usage, value);
  if (key == "force-usage") return flag(out.force_usage, value);
  if (key == "bad-usage") return !(out.bad_usage = value).empty();
  if (key == "usage") return (out.has_usage = true) && read_two(value, out.usage_in, out.usage_out);
  if (key == "tools") return flag(out.tools, value);
  if (key == "error-event") return size_value(value, out.error_event);
  if (key == "header") {
    const std::size_t colon = value.find(':');
    if (colon == std::string_view::npos) return false;
    out.headers.emplace_back(value.substr(0, colon), value.substr(colon + 1));
    return true;
  }
  return false;
}

/// Keys hold hyphens themselves: the longest key that fits wins.
bool apply_hyphenated(std::string_view item, Behaviour& out) {
  for (std::size_t cut = item.size();;) {
    Behaviour trial = out;
    const std::string_view value = cut == item.size() ? std::string_view{} : item.substr(cut + 1);
    if (apply(item.substr(0, cut), value, trial)) {
      out = std::move(trial);
      return true;
    }
    if (cut == 0) return false;
    cut = item.rfind('-', cut - 1);
    if (cut == std::string_view::npos) return false;
  }
}

}  // namespace

std::string read_behaviour(std::string_view text, Behaviour& out) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    if (item.empty()) continue;
    const std::size_t equals = std::min(item.find('='), item.size());
    const std::string_view value = item.substr(std::min(equals + 1, item.size()));
    if (!apply(item.substr(0, equals), value, out)) return std::string(item);
  }
  return {};
}

std::string read_model(std::string_view model, Behaviour& out) {
  constexpr std::string_view k_prefix = "sim-";
  if (!model.starts_with(k_prefix)) return {};
  model.remove_prefix(k_prefix.size());
  while (!model.empty()) {
    const std::size_t end = std::min(model.find('+'), model.size());
    const std::string_view item = model.substr(0, end);
    model.remove_prefix(std::min(end + 1, model.size()));
    if (!apply_hyphenated(item, out)) return std::string(item);
  }
  return {};
}

const char* const k_grammar =
    R"(An answer behaves as told by, in this order: the next line of the script (POST /__sim/script),
the request header "X-Sim: key=value;key;...", or the model name "sim-key-value+key-value+...".

  delay=MS                 wait before the first byte
  hold[=PLACE]             wait until POST /__sim/release
  never[=PLACE]            say nothing more, keep the connection open
  cut[=PLACE]              close the connection (default: mid)
  reset[=PLACE]            the same with a TCP reset (default: before)
      PLACE: before | head (inside it) | body (after the head) | N (bytes of a body, events of a stream)
             | mid | end (payload sent, its end not) | after (the complete answer, not announced)
             | next (when the next request on this connection has arrived)
  trickle=MS  step=N       body in pieces of N bytes (1), MS apart
  trickle-head=MS          head byte by byte
  interval=MS              stream events one by one, MS apart
  status=CODE              that status with an error body; error-code=WORD, retry-after=VALUE
  malformed=KIND           see README.md
  info=1xx                 an informational response first
  framing=length|chunked|close   chunk=N (largest chunk)
  close                    Connection: close, and closed
  early                    answer before the body was read, then close
  header=Name:Value        one more response header (may repeat)
  huge=MIB  huge-head=KIB  content=BYTES  events=N
  type=CONTENT-TYPE  body64=BASE64  raw64=BASE64 (whole response, head included)
  usage=IN,OUT  no-usage  force-usage  bad-usage=negative|text|float|huge|null|array|partial
  no-done  line-end=lf|cr|crlf  error-event=N  tools

Examples: "X-Sim: delay=500;usage=10,20", model "sim-delay-500+usage-10-20", model "sim-status-429".
)";

}  // namespace talon::simulator
