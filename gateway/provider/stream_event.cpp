// Chunks of chat and text completions, and the events of the Responses API as far as metering needs them.
#include "gateway/provider/stream_event.h"

#include <algorithm>

#include "gateway/provider/json_cursor.h"
#include "gateway/provider/usage_reader.h"

namespace talon::gateway {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view data) : data_(data) {}

  StreamEvent read() {
    const auto tokens = json_tokens(data_);
    if (tokens.fault != JsonFault::none) return event_;
    JsonCursor cursor(data_, tokens.starts);
    const bool whole =
        cursor.object([&](std::string_view key, std::size_t key_at) { return member(cursor, key, key_at); });
    if (!whole || !cursor.at_end()) return {};
    // A null usage in last place takes the comma before it, any other one the comma behind it.
    if (null_at_ && null_is_last_) {
      event_.null_usage_at = before_null_;
      event_.null_usage_size = null_end_ - before_null_;
    }
    event_.whole_json = true;
    return event_;
  }

 private:
  bool member(JsonCursor& cursor, std::string_view key, std::size_t key_at) {
    if (null_at_ && null_is_last_) {
      event_.null_usage_at = *null_at_;
      event_.null_usage_size = key_at - *null_at_;
      null_is_last_ = false;
    }
    if (key == "choices" && cursor.peek() == '[') return choices(cursor);
    if (key == "usage") {
      if (cursor.at_end()) return false;
      const bool is_null = cursor.peek() == 'n' && cursor.scalar_text() == "null";
      if (is_null && !null_at_) {
        null_at_ = key_at;
        null_is_last_ = true;
        before_null_ = value_end_ == 0 ? key_at : value_end_;
        return cursor.skip(null_end_);
      }
      return read_usage(cursor, event_.usage) && passed(cursor);
    }
    if (key == "error") event_.error = says_something(cursor);
    if (key == "type") type(cursor);
    if (key == "delta" && cursor.peek() == '"') content(cursor);
    if (key == "response" && cursor.peek() == '{') return response(cursor) && passed(cursor);
    return cursor.skip(value_end_);
  }

  /// After a value that was taken by a reader of its own: only the comma or the brace can follow.
  bool passed(const JsonCursor& cursor) {
    value_end_ = cursor.offset();
    while (value_end_ > 0 && is_space(data_[value_end_ - 1])) --value_end_;
    return true;
  }
  static bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

  static bool says_something(const JsonCursor& cursor) {
    if (cursor.at_end()) return false;
    const auto raw = cursor.scalar_text();
    return raw != "null" && raw != "false" && raw != "\"\"" && raw != "0";
  }

  void type(const JsonCursor& cursor) {
    if (cursor.peek() != '"') return;
    const auto raw = cursor.scalar_text();
    if (raw == R"("response.completed")" || raw == R"("response.incomplete")") event_.terminal = true;
    if (raw == R"("response.failed")") event_.terminal = event_.error = true;
    if (raw == R"("error")") event_.error = true;
  }

  void content(const JsonCursor& cursor) {
    const auto raw = cursor.scalar_text();
    const auto bytes = unescaped_size(raw.substr(1, raw.size() - 2));
    if (bytes == 0) return;
    event_.content_bytes += static_cast<std::int64_t>(bytes);
    carries_content_ = true;
    if (!in_choice_) ++event_.deltas;
  }

  bool response(JsonCursor& cursor) {
    return cursor.object([&](std::string_view key, std::size_t) {
      return key == "usage" ? read_usage(cursor, event_.usage) : cursor.skip();
    });
  }

  bool choices(JsonCursor& cursor) {
    if (!cursor.take('[')) return false;
    if (cursor.peek() == ']') {
      event_.no_choices = true;
    } else {
      for (;;) {
        if (!choice(cursor)) return false;
        if (cursor.peek() != ',') break;
        if (!cursor.take(',')) return false;
      }
    }
    value_end_ = cursor.offset() + 1;
    return cursor.take(']');
  }

  bool choice(JsonCursor& cursor) {
    if (cursor.peek() != '{') return cursor.skip();
    in_choice_ = true;
    carries_content_ = false;
    const bool read = cursor.object([&](std::string_view key, std::size_t) {
      if (key == "text" && cursor.peek() == '"') content(cursor);
      if ((key == "delta" || key == "message") && cursor.peek() == '{') return delta(cursor);
      return cursor.skip();
    });
    in_choice_ = false;
    if (carries_content_) ++event_.deltas;
    return read;
  }

  /// Every text in a delta is output that was paid for, but for the names of things.
  bool delta(JsonCursor& cursor) {
    return cursor.object([&](std::string_view key, std::size_t) {
      if (cursor.peek() == '"' && key != "role" && key != "id" && key != "type") content(cursor);
      if (key == "tool_calls" && cursor.peek() == '[') return tool_calls(cursor);
      if (key == "function_call" && cursor.peek() == '{') return function(cursor);
      return cursor.skip();
    });
  }

  bool tool_calls(JsonCursor& cursor) {
    if (!cursor.take('[')) return false;
    if (cursor.peek() == ']') return cursor.take(']');
    for (;;) {
      const bool read = cursor.peek() != '{' ? cursor.skip() : cursor.object([&](std::string_view key, std::size_t) {
        return key == "function" && cursor.peek() == '{' ? function(cursor) : cursor.skip();
      });
      if (!read) return false;
      if (cursor.peek() != ',') return cursor.take(']');
      if (!cursor.take(',')) return false;
    }
  }

  bool function(JsonCursor& cursor) {
    return cursor.object([&](std::string_view key, std::size_t) {
      if ((key == "arguments" || key == "name") && cursor.peek() == '"') content(cursor);
      return cursor.skip();
    });
  }

  std::string_view data_;
  StreamEvent event_;
  std::optional<std::size_t> null_at_;
  std::size_t null_end_ = 0, before_null_ = 0;
  std::size_t value_end_ = 0;  ///< of the last member passed
  bool null_is_last_ = false;
  bool in_choice_ = false;
  bool carries_content_ = false;
};

}  // namespace

StreamEvent read_stream_event(std::string_view data) {
  const auto text = data.substr(std::min(data.size(), data.find_first_not_of(" \t")));
  if (text.starts_with("[DONE]")) {
    StreamEvent done;
    done.terminal = true;
    return done;
  }
  if (!text.starts_with('{')) return {};
  return Reader(data).read();
}

}  // namespace talon::gateway
