// The relay of event streams: exact bytes, metering, the usage chunk, the terminal event.
#include <doctest/doctest.h>

#include <random>

#include "gateway/provider/usage.h"
#include "tests/unit/gateway/padded.h"

namespace tg = talon::gateway;
using namespace std::string_literals;
using Strip = tg::SseRelay::UsageChunk;

namespace {

struct Relayed {
  std::string out, held;
  bool terminal = false, error = false;
  std::optional<talon::core::Usage> usage;
  std::int64_t deltas = 0, content = 0;
  bool operator==(const Relayed& other) const {
    return out == other.out && held == other.held && terminal == other.terminal && error == other.error &&
           deltas == other.deltas && content == other.content && usage.has_value() == other.usage.has_value() &&
           (!usage || (usage->input == other.usage->input && usage->output == other.usage->output));
  }
};

/// Feeds the stream in the pieces that `next_size` gives.
template <class NextSize>
Relayed relay(std::string_view stream, Strip strip, NextSize&& next_size) {
  tg::SseRelay relay(strip);
  Relayed result;
  while (!stream.empty()) {
    const auto size = std::min<std::size_t>(stream.size(), std::max<std::size_t>(next_size(), 1));
    const std::string piece(stream.substr(0, size));  // its own memory: reading past it is seen
    relay.feed(piece, result.out);
    stream.remove_prefix(size);
  }
  relay.finish(result.out);
  result.held = relay.held();
  result.terminal = relay.terminal();
  result.error = relay.error_event();
  result.usage = relay.usage();
  result.deltas = relay.delta_events();
  result.content = relay.content_bytes();
  return result;
}
Relayed whole(std::string_view stream, Strip strip = Strip::strip) {
  return relay(stream, strip, [&] { return stream.size(); });
}

const std::string k_hello =
    R"(data: {"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel\u006co"},"finish_reason":null}]})"
    "\n\n";
const std::string k_usage =
    R"(data: {"id":"c1","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}})"
    "\n\n";
const std::string k_done = "data: [DONE]\n\n";

std::string with_line_end(std::string text, const std::string& end) {
  std::string out;
  for (const char c : text) out += c == '\n' ? end : std::string(1, c);
  return out;
}

}  // namespace

TEST_CASE("events pass byte for byte, and the terminal one is held") {
  const auto stream = ": hello\n\nid: 1\nevent: x\nretry: 5\n\n" + k_hello +
                      "data:{\"choices\" : [ ] }\n\ndata\n\nfoo: bar\n\ndata: not json\n\n";
  const auto result = whole(stream + k_done + "after");
  CHECK(result.out == stream);
  CHECK(result.terminal);
  CHECK(result.held == k_done + "after");
  CHECK(result.deltas == 1);
  CHECK(result.content == 5);
  CHECK_FALSE(result.error);
}

TEST_CASE("the usage chunk is read, and removed only when it was asked for by us") {
  const auto kept = whole(k_hello + k_usage + k_done, Strip::keep);
  CHECK(kept.out == k_hello + k_usage);
  const auto stripped = whole(k_hello + k_usage + k_done, Strip::strip);
  CHECK(stripped.out == k_hello);
  for (const auto& result : {kept, stripped}) {
    REQUIRE(result.usage);
    CHECK(result.usage->input == 11);
    CHECK(result.usage->output == 7);
    CHECK(result.usage->cached_read == 3);
    CHECK(result.usage->reasoning == 2);
  }
}

TEST_CASE("a usage that comes with choices is read and stays where it is") {
  const auto chunk =
      R"(data: {"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}})"
      "\n\n"s;
  const auto result = whole(chunk);
  CHECK(result.out == chunk);
  CHECK(result.usage->output == 2);
}

TEST_CASE("the null usage that came with our question is removed, wherever it stands") {
  const auto out = [](const std::string& json) { return whole("data: " + json + "\n\n").out; };
  CHECK(out(R"({"id":1,"usage":null})") == "data: {\"id\":1}\n\n");
  CHECK(out(R"({"id":1,"choices":[{}],"usage":null})") == "data: {\"id\":1,\"choices\":[{}]}\n\n");
  CHECK(out(R"({"id":1,"usage":null,"choices":[]})") == "data: {\"id\":1,\"choices\":[]}\n\n");
  CHECK(out(R"({"usage": null , "id":1})") == "data: {\"id\":1}\n\n");
  CHECK(out(R"({"id":1 , "usage" : null })") == "data: {\"id\":1 }\n\n");
  CHECK(out(R"({"usage":null})") == "data: {}\n\n");
  CHECK(out(R"({"choices":[{"usage":null}]})") == "data: {\"choices\":[{\"usage\":null}]}\n\n");
  const auto chunk = "data: {\"id\":1,\"usage\":null}\n\n"s;
  CHECK(whole(chunk, Strip::keep).out == chunk);
}

TEST_CASE("content is counted in text, arguments, refusals and completions") {
  const auto count = [](const std::string& json) {
    const auto result = whole("data: " + json + "\n\n");
    return std::pair(result.deltas, result.content);
  };
  using Pair = std::pair<std::int64_t, std::int64_t>;
  CHECK(count(R"({"choices":[{"delta":{"content":"caf\u00e9 \ud83d\ude00\n"}}]})") == Pair(1, 11));
  CHECK(count(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})") == Pair(0, 0));
  CHECK(count(R"({"choices":[{"delta":{"content":null,"refusal":"no"}}]})") == Pair(1, 2));
  CHECK(
      count(
          R"({"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_123","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]}}]})") ==
      Pair(1, 8));
  CHECK(count(R"({"choices":[{"delta":{"tool_calls":[]}}]})") == Pair(0, 0));
  CHECK(count(R"({"choices":[{"text":"abc","index":0},{"text":"de","index":1}]})") == Pair(2, 5));
  CHECK(count(R"({"choices":[{"delta":{"reasoning_content":"hm"}}]})") == Pair(1, 2));
  CHECK(count(R"({"type":"response.output_text.delta","delta":"word"})") == Pair(1, 4));
  CHECK(count(R"({"choices":"none"})") == Pair(0, 0));
}

TEST_CASE("an error event is noticed in any of its forms") {
  CHECK(whole("data: {\"error\":{\"message\":\"overloaded\"}}\n\n").error);
  CHECK(whole("event: error\ndata: {\"message\":\"x\"}\n\n").error);
  CHECK(whole("data: {\"error\":\"overloaded\"}\n\n").error);
  CHECK_FALSE(whole("data: {\"error\":null,\"choices\":[]}\n\n").error);
  CHECK_FALSE(whole(k_hello).error);
}

TEST_CASE("the Responses API ends in its own events, with the usage inside") {
  const auto done =
      "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}}\n\n"s;
  const auto result = whole(done);
  CHECK(result.terminal);
  CHECK(result.held == done);
  CHECK(result.out.empty());
  CHECK(result.usage->input == 5);
  CHECK(result.usage->output == 6);
  CHECK(whole("data: {\"type\":\"response.failed\",\"response\":{}}\n\n").error);
}

TEST_CASE("all three line ends are understood, and kept") {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    CAPTURE(end.size());
    const auto hello = with_line_end(k_hello, end);
    const auto result = whole(hello + with_line_end(k_usage, end) + hello + with_line_end(k_done, end));
    CHECK(result.out == hello + hello);
    CHECK(result.held == with_line_end(k_done, end));
    CHECK(result.deltas == 2);
    CHECK(result.usage);
  }
}

TEST_CASE("data of several lines is one text, and is not edited") {
  const auto chunk = "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"ab\"}}],\ndata: \"usage\":null}\n\n"s;
  const auto result = whole(chunk);
  CHECK(result.out == chunk);
  CHECK(result.content == 2);
  const auto usage = "data: {\"choices\":[],\ndata: \"usage\":{\"prompt_tokens\":1}}\n\n"s;
  CHECK(whole(usage).out.empty());
}

TEST_CASE("an event cut in its JSON is dropped, one that lacks its blank line is completed") {
  CHECK(whole(k_hello + "data: {\"choices\":[{\"del").out == k_hello);
  CHECK(whole(k_hello + "data: {\"choices\":[]}").out == k_hello + "data: {\"choices\":[]}\n\n");
  CHECK(whole(k_hello + "data: {\"choices\":[]}\n").out == k_hello + "data: {\"choices\":[]}\n\n");
  CHECK(whole(k_hello + ": ping").out == k_hello + ": ping\n\n");
  const auto done = whole(k_hello + "data: [DONE]");
  CHECK(done.terminal);
  CHECK(done.held == "data: [DONE]");
  CHECK(done.out == k_hello);
  CHECK_FALSE(whole(k_hello).terminal);
}

TEST_CASE("broken JSON in a whole event passes as it is") {
  const auto stream =
      "data: {\"choices\":[}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}\n\ndata: {} x\n\n"s;
  CHECK(whole(stream).out == stream);
}

TEST_CASE("an event beyond the bound passes unread, and the next one is read again") {
  const auto huge = R"(data: {"choices":[{"delta":{"content":")" + std::string(9 << 20, 'x') + R"("}}]})" + "\n\n";
  const auto result = relay(huge + k_hello + k_usage + k_done, Strip::strip, [] { return std::size_t{1} << 16; });
  CHECK(result.out == huge + k_hello);
  CHECK(result.usage);
  CHECK(result.terminal);
  CHECK(result.content == 5);
}

TEST_CASE("what follows the terminal event is held up to a bound") {
  CHECK(whole(k_done + std::string(5 << 20, 'x')).held.size() == 1 << 20);
}

TEST_CASE("a stream that ends anywhere in its usage is read to there") {
  const std::string usage =
      R"(data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}})";
  for (std::size_t length = 0; length < usage.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(whole(usage.substr(0, length)).usage);
  }
}

// Property: the pieces that the network cuts a stream into change nothing.
TEST_CASE("fed byte by byte or in any pieces, a stream comes out as fed whole") {
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  CAPTURE(seed);
  const std::vector<std::string> events = {k_hello,
                                           k_usage,
                                           ": ping\n\n",
                                           "\n",
                                           "data\n\n",
                                           "event: x\ndata: {\"id\":1,\"usage\":null}\nid: 4\n\n",
                                           "data: a\ndata: b\n\n",
                                           "data: {\"usage\":null,\"b\":\"\xf0\x9f\x98\x80\"}\n\n",
                                           R"(data: {"choices":[{"text":"abc"}],"usage":null})"
                                           "\n\n",
                                           "data: {bad\n\n",
                                           "event: error\ndata: {}\n\n"};
  const std::vector<std::string> ends = {"\n", "\r\n", "\r"};
  for (int round = 0; round < 300; ++round) {
    std::string stream;
    for (auto count = random() % 8; count-- > 0;)
      stream += with_line_end(events[random() % events.size()], ends[random() % ends.size()]);
    if (random() % 2 != 0) stream += with_line_end(k_done, ends[random() % ends.size()]);
    if (random() % 4 == 0) stream.resize(stream.size() - std::min<std::size_t>(stream.size(), random() % 20));
    for (const auto strip : {Strip::keep, Strip::strip}) {
      const auto expected = whole(stream, strip);
      CAPTURE(stream);
      CHECK((relay(stream, strip, [] { return 1u; }) == expected));
      CHECK((relay(stream, strip, [&] { return random() % 40; }) == expected));
    }
  }
}

TEST_CASE("usage of a whole answer is read in both vocabularies, or absent when it makes no sense") {
  const auto usage = [](const std::string& body) { return tg::usage_of_json(tg::test::Padded(body).view()); };
  const auto chat = usage(
      R"({"id":"x","choices":[{"message":{"content":"usage"}}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":null}})");
  REQUIRE(chat);
  CHECK(chat->basis == talon::core::UsageBasis::provider);
  CHECK(chat->input == 10);
  CHECK(chat->output == 5);
  CHECK(chat->cached_read == 4);
  CHECK_FALSE(chat->reasoning);
  const auto embeddings = usage(R"({"data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":8,"total_tokens":8}})");
  CHECK(embeddings->input == 8);
  CHECK_FALSE(embeddings->output);
  CHECK(usage(R"({"usage":{"input_tokens":1,"output_tokens":2,"output_tokens_details":{"reasoning_tokens":1}}})")
            ->reasoning == 1);
  for (const auto* count : {"-5", "1.5", "\"5\"", "99999999999", "1e3", "[]"}) {
    CAPTURE(count);
    CHECK_FALSE(usage(R"({"usage":{"completion_tokens":1,"prompt_tokens":)" + std::string(count) + "}}"));
  }
  for (const auto* body : {"", "{}", "[]", "null", R"({"usage":null})", R"({"usage":{}})", R"({"usage":5})",
                           R"({"usage":{"prompt_tokens":1})", R"({"usage":{"prompt_tokens":1}}x)", "<html>"}) {
    CAPTURE(body);
    CHECK_FALSE(usage(body));
  }
}

TEST_CASE("a whole JSON value is told from a cut one") {
  const auto body = R"({"a":[1,{"b":"c\"}"}],"d":null})"s;
  CHECK(tg::is_whole_json(body));
  CHECK(tg::is_whole_json(" [] "));
  for (std::size_t size = 0; size < body.size(); ++size)
    CHECK_FALSE(tg::is_whole_json(std::string(body.substr(0, size))));
  CHECK_FALSE(tg::is_whole_json(body + "{"));
}

TEST_CASE("counting charges a third of the prompt and the larger of events and a quarter of the content") {
  const auto usage = tg::counted_usage(10, 3, 13);
  CHECK(usage.basis == talon::core::UsageBasis::counted);
  CHECK(usage.input == 4);
  CHECK(usage.output == 4);
  CHECK(tg::counted_usage(9, 30, 13).output == 30);
  CHECK(tg::counted_usage(0, 0, 0).input == 0);
}

TEST_CASE("details of a usage that no call could have are left out, and the cached part is no more than the input") {
  const auto usage = [](const std::string& body) { return tg::usage_of_json(tg::test::Padded(body).view()); };
  const auto absurd = usage(
      R"({"usage":{"prompt_tokens_details":{"cached_tokens":9007199254740993},"prompt_tokens":10,"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":100000000000000000}}})");
  REQUIRE(absurd);
  CHECK(absurd->input == 10);
  CHECK_FALSE(absurd->cached_read);
  CHECK_FALSE(absurd->reasoning);
  const auto negative =
      usage(R"({"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":-1}}})");
  REQUIRE(negative);
  CHECK_FALSE(negative->cached_read);
  const auto more =
      usage(R"({"usage":{"prompt_tokens_details":{"cached_tokens":11},"prompt_tokens":10,"completion_tokens":5}})");
  REQUIRE(more);
  CHECK(more->cached_read == 10);
}
