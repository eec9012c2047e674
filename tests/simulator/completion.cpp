// Bodies of the model calls; shapes follow OpenAI's API reference (chat completion object, chunk object).
#include "tests/simulator/completion.h"

#include <array>
#include <bit>

#include <fmt/format.h>

#include "tests/simulator/base64.h"

namespace talon::simulator {
namespace {

constexpr std::size_t k_default_content = 120;  // makes a chat body of about 600 bytes
constexpr std::size_t k_default_events = 16;
constexpr std::size_t k_default_input_tokens = 21;
constexpr std::string_view k_sentence =
    "The quick brown fox jumps over the lazy dog, and the simulator writes the same words each time. ";

std::string content_of(std::size_t bytes) {
  std::string text;
  text.reserve(bytes + k_sentence.size());
  while (text.size() < bytes) text += k_sentence;
  text.resize(bytes);
  return text;
}

std::string usage_object(Form form, std::size_t in, std::size_t out, std::string_view bad) {
  if (bad == "negative") return R"({"prompt_tokens":-5,"completion_tokens":-7,"total_tokens":-12})";
  if (bad == "text") return R"({"prompt_tokens":"many","completion_tokens":"some","total_tokens":"?"})";
  if (bad == "float") return R"({"prompt_tokens":1.5,"completion_tokens":2.5,"total_tokens":4.0})";
  if (bad == "huge")
    return R"({"prompt_tokens":99999999999999999999,"completion_tokens":99999999999999999999,"total_tokens":1})";
  if (bad == "null") return "null";
  if (bad == "array") return "[1,2,3]";
  if (bad == "partial") return fmt::format(R"({{"prompt_tokens":{}}})", in);
  std::string usage =
      fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{})", in, out, in + out);
  if (form == Form::chat) {
    usage +=
        R"(,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}})";
  } else {
    usage += "}";
  }
  return usage;
}

std::string usage_for(Form form, const Behaviour& how, std::size_t content) {
  const std::size_t in = how.has_usage ? how.usage_in : k_default_input_tokens;
  const std::size_t out = how.has_usage ? how.usage_out : (content + 3) / 4;
  return usage_object(form, in, out, how.bad_usage);
}

std::string opening(Form form, const Ask& ask, bool chunk) {
  const std::string_view object = form == Form::text ? "text_completion"
                                  : chunk            ? "chat.completion.chunk"
                                                     : "chat.completion";
  std::string out =
      fmt::format(R"({{"id":"{}","object":"{}","created":1700000000,"model":)",
                  form == Form::chat ? "chatcmpl-sim0000000000000000000001" : "cmpl-sim0000000000000000000001", object);
  append_json_string(out, ask.model);
  return out;
}

std::string tool_call(const Ask& ask, bool in_stream, std::string_view arguments) {
  std::string out = in_stream ? R"({"index":0,"id":"call_sim1","type":"function","function":{"name":)"
                              : R"({"id":"call_sim1","type":"function","function":{"name":)";
  append_json_string(out, ask.first_tool.empty() ? "tool" : ask.first_tool);
  out += R"(,"arguments":)";
  append_json_string(out, arguments);
  return out + "}}";
}

constexpr std::string_view k_arguments = R"({"city":"Vienna","unit":"celsius"})";

Answer whole(Form form, const Ask& ask, const Behaviour& how, bool tools, const std::string& text) {
  std::string body = opening(form, ask, false);
  body += R"(,"choices":[)";
  for (std::size_t i = 0; i < ask.choices; ++i) {
    if (i > 0) body += ',';
    if (form == Form::text) {
      body += fmt::format(R"({{"text":"{}","index":{},"logprobs":null,"finish_reason":"stop"}})", text, i);
    } else if (tools) {
      body += fmt::format(
          R"({{"index":{},"message":{{"role":"assistant","content":null,"tool_calls":[{}],"refusal":null}},"logprobs":null,"finish_reason":"tool_calls"}})",
          i, tool_call(ask, false, k_arguments));
    } else {
      body += fmt::format(
          R"({{"index":{},"message":{{"role":"assistant","content":"{}","refusal":null}},"logprobs":null,"finish_reason":"stop"}})",
          i, text);
    }
  }
  body += ']';
  if (!how.no_usage) body += R"(,"usage":)" + usage_for(form, how, text.size() * ask.choices);
  body += form == Form::chat ? R"(,"service_tier":"default","system_fingerprint":"fp_sim"})" : "}";
  Answer answer;
  answer.pieces.push_back(std::move(body));
  return answer;
}

/// Builds the events of one stream; every chunk carries `usage:null` when usage was asked for, as OpenAI's do.
class Stream {
 public:
  Stream(Form form, const Ask& ask, const Behaviour& how) : form_(form), how_(how), opening_(opening(form, ask, true)) {
    if (form == Form::chat) opening_ += R"(,"service_tier":"default","system_fingerprint":"fp_sim")";
    with_usage_ = (ask.include_usage || how.force_usage) && !how.no_usage;
    answer_.is_stream = true;
    answer_.content_type = "text/event-stream; charset=utf-8";
  }
  void chunk(std::size_t index, std::string_view delta, std::string_view finish) {
    std::string line = opening_;
    if (form_ == Form::chat)
      line += fmt::format(R"(,"choices":[{{"index":{},"delta":{},"logprobs":null,"finish_reason":{}}}])", index, delta,
                          finish);
    else
      line += fmt::format(R"(,"choices":[{{"text":{},"index":{},"logprobs":null,"finish_reason":{}}}])", delta, index,
                          finish);
    event(line + (with_usage_ ? R"(,"usage":null})" : "}"));
  }
  void event(std::string_view data) {
    if (how_.error_event == answer_.pieces.size() + 1) {
      data =
          R"({"error":{"message":"simulated error in the stream","type":"server_error","param":null,"code":"simulated"}})";
    }
    answer_.pieces.push_back(fmt::format("data: {}{}{}", data, how_.line_end, how_.line_end));
  }
  [[nodiscard]] Answer finish(std::size_t content) {
    if (with_usage_) event(fmt::format(R"({},"choices":[],"usage":{}}})", opening_, usage_for(form_, how_, content)));
    if (!how_.no_done) event("[DONE]");
    return std::move(answer_);
  }

 private:
  Form form_;
  const Behaviour& how_;
  std::string opening_;
  bool with_usage_ = false;
  Answer answer_;
};

Answer streamed(Form form, const Ask& ask, const Behaviour& how, bool tools, const std::string& text) {
  Stream stream(form, ask, how);
  for (std::size_t i = 0; i < ask.choices && form == Form::chat; ++i) {
    stream.chunk(
        i, tools ? R"({"role":"assistant","content":null})" : R"({"role":"assistant","content":"","refusal":null})",
        "null");
  }
  if (tools) {
    stream.chunk(0, R"({"tool_calls":[)" + tool_call(ask, true, "") + "]}", "null");
    for (std::size_t at = 0; at < k_arguments.size(); at += 8) {
      std::string delta = R"({"tool_calls":[{"index":0,"function":{"arguments":)";
      append_json_string(delta, k_arguments.substr(at, 8));
      stream.chunk(0, delta + "}}]}", "null");
    }
  } else {
    const std::size_t events = how.events == 0 ? k_default_events : how.events;
    for (std::size_t k = 0; k < events; ++k) {
      const std::size_t from = text.size() * k / events;
      const std::string part = text.substr(from, text.size() * (k + 1) / events - from);
      const std::string delta =
          form == Form::chat ? fmt::format(R"({{"content":"{}"}})", part) : fmt::format("\"{}\"", part);
      for (std::size_t i = 0; i < ask.choices; ++i) stream.chunk(i, delta, "null");
    }
  }
  for (std::size_t i = 0; i < ask.choices; ++i) {
    stream.chunk(i, form == Form::chat ? "{}" : "\"\"", tools ? "\"tool_calls\"" : "\"stop\"");
  }
  return stream.finish(text.size() * ask.choices);
}

}  // namespace

Answer completion(Form form, const Ask& ask, const Behaviour& how) {
  const bool tools = form == Form::chat && (how.tools || !ask.first_tool.empty()) && !ask.has_tool_result;
  const std::string text = content_of(how.content == 0 ? k_default_content : how.content);
  return ask.stream ? streamed(form, ask, how, tools, text) : whole(form, ask, how, tools, text);
}

std::string embeddings_body(const Ask& ask, const Behaviour& how) {
  // As base64 of little-endian floats when asked for so, which SDKs do by default.
  constexpr std::array<float, 4> k_vector{0.0023064255F, -0.009327292F, 0.0125F, -0.0028842222F};
  std::string vector = "[0.0023064255,-0.009327292,0.0125,-0.0028842222]";
  if (ask.base64_vectors) {
    const auto bytes = std::bit_cast<std::array<char, sizeof k_vector>>(k_vector);
    vector = fmt::format("\"{}\"", encode_base64(std::string_view(bytes.data(), bytes.size())));
  }
  std::string body = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < ask.inputs; ++i) {
    body += fmt::format(R"({}{{"object":"embedding","index":{},"embedding":{}}})", i == 0 ? "" : ",", i, vector);
  }
  body += R"(],"model":)";
  append_json_string(body, ask.model);
  if (!how.no_usage) {
    const std::size_t in = how.has_usage ? how.usage_in : k_default_input_tokens;
    body += how.bad_usage.empty() ? fmt::format(R"(,"usage":{{"prompt_tokens":{},"total_tokens":{}}})", in, in)
                                  : R"(,"usage":)" + usage_object(Form::text, in, 0, how.bad_usage);
  }
  return body + "}";
}

}  // namespace talon::simulator
