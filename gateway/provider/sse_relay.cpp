// The relay of event streams: find where events end, read each, copy runs of unchanged ones in one piece.
#include <cstring>

#include "gateway/provider/stream_event.h"
#include "gateway/provider/usage.h"

namespace talon::gateway {
namespace {

constexpr std::size_t k_longest_event = std::size_t{8} << 20;
constexpr std::size_t k_most_held = std::size_t{1} << 20;
constexpr auto npos = std::string_view::npos;

bool is_line_end(char c) noexcept { return c == '\n' || c == '\r'; }

/// Takes the first line off `rest`, without its end.
std::string_view take_line(std::string_view& rest) noexcept {
  const auto end = std::min(rest.find_first_of("\r\n"), rest.size());
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end);
  if (rest.starts_with("\r\n")) {
    rest.remove_prefix(2);
  } else if (!rest.empty()) {
    rest.remove_prefix(1);
  }
  return line;
}

/// The value of a `data` line; nullopt for any other line.
std::optional<std::string_view> data_value(std::string_view line) noexcept {
  constexpr std::string_view k_data = "data";
  if (!line.starts_with(k_data)) return std::nullopt;
  line.remove_prefix(k_data.size());
  if (line.empty()) return line;
  if (line.front() != ':') return std::nullopt;
  line.remove_prefix(1);
  if (line.starts_with(' ')) line.remove_prefix(1);
  return line;
}

}  // namespace

std::size_t SseRelay::find_end(std::string_view bytes) {
  std::size_t at = scanned_;
  while (at < bytes.size()) {
    if (line_start_) {
      if (bytes[at] == '\n' || bytes[at] == '\r') {  // a blank line
        const bool is_cr = bytes[at++] == '\r';
        if (is_cr && at < bytes.size() && bytes[at] == '\n') {
          ++at;
        } else if (is_cr && at == bytes.size()) {
          lf_may_follow_ = true;
        }
        scanned_ = 0;  // of the bytes behind this event
        return at;
      }
      line_start_ = false;
    }
    // Streams without CR, which is nearly all of them, are searched at memchr's speed: a CR is looked for
    // only in the line itself.
    const auto* begin = bytes.data() + at;
    const auto* lf = static_cast<const char*>(std::memchr(begin, '\n', bytes.size() - at));
    const auto line_size = lf != nullptr ? static_cast<std::size_t>(lf - begin) : bytes.size() - at;
    if (const auto* cr = static_cast<const char*>(std::memchr(begin, '\r', line_size))) {
      const auto cr_at = at + static_cast<std::size_t>(cr - begin);
      if (cr_at + 1 == bytes.size()) {  // whether an LF belongs to it is not known yet
        scanned_ = cr_at;
        return npos;
      }
      at = cr_at + (bytes[cr_at + 1] == '\n' ? 2 : 1);
      line_start_ = true;
    } else if (lf != nullptr) {
      at += line_size + 1;
      line_start_ = true;
    } else {
      at = bytes.size();
    }
  }
  scanned_ = at;
  return npos;
}

std::string_view SseRelay::data_of(std::string_view raw, bool& in_one_piece) {
  std::optional<std::string_view> first;
  in_one_piece = true;
  while (!raw.empty()) {
    const auto line = take_line(raw);
    const auto value = data_value(line);
    if (line == "event: error" || line == "event:error") error_event_ = true;
    if (!value) continue;
    if (!first) {
      first = value;
      continue;
    }
    if (in_one_piece) scratch_.assign(*first);
    in_one_piece = false;
    scratch_ += '\n';
    scratch_ += *value;
  }
  return in_one_piece ? first.value_or(std::string_view()) : std::string_view(scratch_);
}

SseRelay::Verdict SseRelay::event(std::string_view raw) {
  bool in_one_piece = true;
  const auto data = data_of(raw, in_one_piece);
  return data.empty() ? Verdict::pass : judge(raw, data, in_one_piece);
}

SseRelay::Verdict SseRelay::judge(std::string_view raw, std::string_view data, bool may_edit) {
  const auto read = read_stream_event(data);
  if (read.error) error_event_ = true;
  delta_events_ += read.deltas;
  content_bytes_ += read.content_bytes;
  if (read.usage) usage_ = read.usage;
  if (read.terminal) return Verdict::terminal;
  if (usage_chunk_ == UsageChunk::keep) return Verdict::pass;
  if (read.no_choices && read.usage) return Verdict::strip;
  if (read.null_usage_size == 0 || !may_edit) return Verdict::pass;
  const auto cut = static_cast<std::size_t>(data.data() - raw.data()) + read.null_usage_at;
  scratch_.assign(raw.substr(0, cut));
  scratch_ += raw.substr(cut + read.null_usage_size);
  return Verdict::edited;
}

void SseRelay::hold(std::string_view bytes) {
  held_ += bytes.substr(0, k_most_held - std::min(k_most_held, held_.size()));
}

std::size_t SseRelay::relay(std::string_view bytes, std::string& out) {
  std::size_t run = 0;    // begin of what passes unchanged and was not copied yet
  std::size_t begin = 0;  // of the event at hand
  for (;;) {
    const auto size = find_end(bytes.substr(begin));
    if (size == npos) break;
    const auto raw = bytes.substr(begin, size);
    const auto verdict = oversize_ ? Verdict::pass : event(raw);
    oversize_ = false;
    line_start_ = true;
    lf_is_dropped_ = verdict == Verdict::strip;
    if (verdict != Verdict::pass) {
      out += bytes.substr(run, begin - run);
      run = begin + size;
      if (verdict == Verdict::edited) out += scratch_;
    }
    if (verdict == Verdict::terminal) {
      terminal_ = true;
      hold(bytes.substr(begin));
      return bytes.size();
    }
    begin += size;
  }
  out += bytes.substr(run, begin - run);
  return begin;
}

void SseRelay::feed(std::string_view bytes, std::string& out) {
  if (bytes.empty()) return;
  if (terminal_) {
    hold(bytes);
    return;
  }
  if (std::exchange(lf_may_follow_, false) && bytes.front() == '\n') {
    if (!lf_is_dropped_) out += '\n';
    bytes.remove_prefix(1);
  }
  if (pending_.empty()) {
    const auto used = relay(bytes, out);
    if (!terminal_) pending_.assign(bytes.substr(used));
  } else {
    pending_ += bytes;
    const auto used = relay(pending_, out);
    pending_.erase(0, terminal_ ? npos : used);
  }
  if (pending_.size() > k_longest_event || (oversize_ && !pending_.empty())) {
    // Passed on unread; a CR whose LF may follow waits, so that the line's end is still seen.
    const bool keep_cr = pending_.back() == '\r' && scanned_ + 1 == pending_.size();
    const auto passed = pending_.size() - (keep_cr ? 1 : 0);
    out.append(pending_, 0, passed);
    pending_.erase(0, passed);
    scanned_ = 0;
    oversize_ = true;
  }
}

void SseRelay::finish(std::string& out) {
  if (terminal_) return;
  if (oversize_) out += pending_ + "\n\n";
  if (oversize_ || pending_.empty()) return;
  const std::string last = std::exchange(pending_, {});
  bool in_one_piece = true;
  const auto data = std::string(data_of(last, in_one_piece));
  const bool is_json = data.starts_with('{');
  if (is_json && !read_stream_event(data).whole_json) return;
  const auto verdict = event(last);
  if (verdict == Verdict::terminal) {
    terminal_ = true;
    hold(last);
    return;
  }
  if (verdict == Verdict::strip) return;
  out += verdict == Verdict::edited ? scratch_ : last;
  out += is_line_end(last.back()) ? "\n" : "\n\n";
}

}  // namespace talon::gateway
