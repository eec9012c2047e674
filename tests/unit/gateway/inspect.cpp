// What is read of a request body, what is refused, and what is changed before it is forwarded.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "gateway/provider/call.h"
#include "tests/unit/gateway/padded.h"

namespace tg = talon::gateway;
using nlohmann::json;
using talon::core::Code;
using tg::Endpoint;
using namespace std::string_literals;

namespace {

std::expected<tg::CallView, tg::Refusal> look(std::string_view body, Endpoint endpoint = Endpoint::chat_completions) {
  return tg::inspect(endpoint, tg::test::Padded(body).view());
}
std::string forwarded(const std::string& body, Endpoint endpoint = Endpoint::chat_completions) {
  const auto view = look(body, endpoint);
  REQUIRE_MESSAGE(view, (view ? "" : view.error().error.message));
  return tg::forwarded_body(body, *view);
}
Code refused(std::string_view body, Endpoint endpoint = Endpoint::chat_completions) {
  const auto view = look(body, endpoint);
  CAPTURE(body);
  REQUIRE_FALSE(view);
  CHECK(view.error().error.message.ends_with("."));
  return view.error().error.code;
}

}  // namespace

TEST_CASE("the members that matter are read") {
  const auto view = look(
      R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true,"n":2,"max_tokens":5,"max_completion_tokens":7,
      "stream_options":{"include_usage":true},"tenant_id":"caf\u00e9","provider":"openai"})");
  REQUIRE(view);
  CHECK(view->model == "gpt-4o");
  CHECK(view->stream);
  CHECK(view->n == 2);
  CHECK(view->max_tokens == 7);
  CHECK(view->client_wants_usage);
  CHECK(view->tenant == "café");
  CHECK(view->provider == "openai");
  CHECK(view->json_object);
}

TEST_CASE("null is as good as absent") {
  const auto view =
      look(R"({"model":"m","stream":null,"n":null,"max_tokens":null,"tenant_id":null,"stream_options":null})");
  REQUIRE(view);
  CHECK_FALSE(view->stream);
  CHECK(view->n == 1);
  CHECK_FALSE(view->max_tokens);
  CHECK_FALSE(view->tenant);
}

TEST_CASE("odd but legal JSON is forwarded byte for byte") {
  for (const auto& body : {
           R"({"model":"m"})"s, " \r\n\t{ \"model\" : \"m\" } \n"s,
           R"({"model":"m","a":123456789012345678901234567890,"b":1e400,"c":-0.0,"d":1E+2})"s,
           R"({"model":"m","s":"\ud800 lone","t":"\u0000","u":"\/"})"s,
           "{\"model\":\"m\",\"s\":\"\xef\xbb\xbf \xf0\x9f\x98\x80 \xe2\x80\xa8\"}"s,
           R"({"model":"m","x":{},"y":[],"z":[[],{},[{}]],"":0," ":1})"s,
           R"({"model":"m","dup":1,"dup":2,"nested":{"model":1,"model":2,"Stream":0}})"s,
           R"({"model":"m","MESSAGES":[],"modelx":1,"tenant":"x"})"s,
           R"({"mo\u0064el":"m","stream":false,"stream_options":{"include_usage":false}})"s,
           R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})"s,
           R"({"model":"m","v":NaN,"w":-Infinity})"s,  // not JSON, but the provider's to judge
       }) {
    CAPTURE(body);
    const auto view = look(body);
    REQUIRE(view);
    CHECK(view->model == "m");
    CHECK(view->edits.empty());
    CHECK(tg::forwarded_body(body, *view) == body);
  }
}

TEST_CASE("what is no JSON object is refused") {
  for (const auto& body : {
           ""s,
           " "s,
           "null"s,
           "[]"s,
           "\"model\""s,
           "12"s,
           "{"s,
           "}"s,
           "{]"s,
           R"({"model":"m")"s,
           R"({"model":"m"}})"s,
           R"({"model":"m"} x)"s,
           R"({"model":"m"}{"model":"m"})"s,
           R"({"model":"m"},)"s,
           R"({"model":"m",})"s,
           R"({,"model":"m"})"s,
           R"({"model" "m"})"s,
           R"({"model":})"s,
           R"({"model"})"s,
           R"({"model":"m" "a":1})"s,
           R"({model:"m"})"s,
           R"({"model":"m","a":[1,2})"s,
           R"({"model":"m","a":{"b":1]})"s,
           R"({"model":"m","a":[{]}})"s,
           R"({"model":"m","a":[1 2]})"s,
           R"({"model":"m","a":[1,]})"s,
           R"({"model":"m","a":[,1]})"s,
           R"({"model":"m","a":{"b"}})"s,
           R"({"model":"m","a":{"b":}})"s,
           R"({"model":"m","a":{1:2}})"s,
           R"({"model":"m","a":'x'})"s,
           R"({"model":"m","a":"x)"s,
           "{\"model\":\"m\n\"}"s,
           "{\"model\":\"m\",\"a\":\"\x01\"}"s,
           "{\"model\":\"m\",\"a\":\"\0\"}"s,
           "{\"model\":\"m\"}\0"s,
           "{\"model\":\"m\",\0\"a\":1}"s,
           "{\"model\":\"m\",\"a\":1\0}"s,
           "\xef\xbb\xbf{\"model\":\"m\"}"s,
           "{\"model\":\"m\",\"a\":\"\xff\"}"s,
           "{\"model\":\"m\",\"a\":\"\xc0\xaf\"}"s,
           "{\"model\":\"m\",\"a\":\"\xed\xa0\x80\"}"s,
           "{\0\"\0m\0"s,
           R"({"model":"m","\x":1})"s,
           R"({"model":"\x"})"s,
           R"({"model":"\ud800"})"s,
           R"({"model":"m","a"x:1})"s,
           R"({"model":"m","a":"b"c})"s,
           R"({"model":"m","a":1"b"})"s,
           "{\"model\":\"m\"\x0c\"a\":1}"s,
           "{\"model\"\x1a\"m\"}"s,
       }) {
    CHECK(refused(body) == Code::invalid_json);
  }
}

TEST_CASE("nesting has a bound, and what lies within it passes") {
  const auto nested = [](std::size_t depth) {
    return R"({"model":"m","a":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  CHECK(look(nested(255)));
  CHECK(refused(nested(256)) == Code::invalid_json);
  CHECK(refused(nested(100'000)) == Code::invalid_json);
  CHECK(refused(R"({"model":"m","a":)" + std::string(1'000'000, '[')) == Code::invalid_json);
  CHECK(refused(nested(300), Endpoint::proxy) == Code::invalid_json);
}

TEST_CASE("a member we read must be given once, in its own spelling") {
  for (const std::string name :
       {"model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "tenant_id", "provider"}) {
    CAPTURE(name);
    auto upper = name;
    upper[0] = static_cast<char>(std::toupper(upper[0]));
    CHECK(refused(R"({"model":"m",")" + name + R"(":null,")" + name + R"(":null})") == Code::invalid_request);
    CHECK(refused(R"({"model":"m",")" + upper + R"(":null})") == Code::invalid_request);
  }
  CHECK(refused(R"({"model":"cheap","\u006dodel":"dear"})") == Code::invalid_request);
  CHECK(refused(R"({"model":"cheap","\u004dodel":"dear"})") == Code::invalid_request);
  CHECK(refused("{\"model\":\"m\",\"\xc5\xbftream\":true}") == Code::invalid_request);  // U+017F folds to s
  CHECK(refused("{\"model\":\"m\",\"max_to\xe2\x84\xaa"
                "ens\":9}") == Code::invalid_request);  // U+212A folds to k
  CHECK(refused(R"({"model":"cheap","model":"dear"})", Endpoint::proxy) == Code::invalid_request);
}

TEST_CASE("members of the wrong type are named") {
  for (const auto* body :
       {R"({"model":1})", R"({"model":["m"]})", R"({"model":"m","stream":"true"})", R"({"model":"m","stream":1})",
        R"({"model":"m","n":0})", R"({"model":"m","n":-1})", R"({"model":"m","n":1.0})", R"({"model":"m","n":"2"})",
        R"({"model":"m","n":01})", R"({"model":"m","n":99999999999999999999})", R"({"model":"m","max_tokens":-5})",
        R"({"model":"m","max_tokens":"5"})", R"({"model":"m","max_completion_tokens":1e3})",
        R"({"model":"m","tenant_id":5})", R"({"model":"m","provider":{}})", R"({"model":"m","stream_options":true})",
        R"({"model":"m","stream_options":{"include_usage":"yes"}})",
        R"({"model":"m","stream_options":{"include_usage":true,"include_usage":false}})",
        R"({"model":"m","stream_options":{"Include_Usage":true}})"}) {
    CHECK(refused(body) == Code::invalid_request);
  }
}

TEST_CASE("counts that no record can hold are refused by name") {
  for (const std::string name : {"n", "max_tokens", "max_completion_tokens"}) {
    CAPTURE(name);
    const auto body = [&name](const char* count) { return R"({"model":"m",")" + name + "\":" + count + "}"; };
    CHECK(look(body("9007199254740991")));
    for (const auto* count : {"9007199254740992", "9007199254740993", "100000000000000000", "9223372036854775807"}) {
      const auto view = look(body(count));
      REQUIRE_FALSE(view);
      CHECK(view.error().error.code == Code::invalid_request);
      CHECK(view.error().error.message.find('"' + name + '"') != std::string::npos);
      CHECK_FALSE(look(body(count), Endpoint::proxy));
    }
  }
  CHECK(refused(R"({"model":"m","max_output_tokens":9007199254740992})", Endpoint::proxy) == Code::invalid_request);
}

TEST_CASE("a call needs a model") {
  CHECK(refused("{}") == Code::model_required);
  CHECK(refused(R"({"model":null})") == Code::model_required);
  CHECK(refused(R"({"model":""})", Endpoint::embeddings) == Code::model_required);
  CHECK(look("{}", Endpoint::proxy));
}

TEST_CASE("a call that asks for more than one plain answer says for what, and of which feature it is") {
  using talon::core::Feature;
  CHECK(look(R"({"model":"m","council_mode":true})")->special == "council_mode");
  CHECK(look(R"({"model":"m","council_mode":true})")->feature == Feature::council_mode);
  CHECK(look(R"({"model":"m","speculative_mode":{}})")->feature == Feature::speculative_execution);
  CHECK(look(R"({"model":"m","routing_policy":"thompson-sampling"})")->feature == Feature::thompson_sampling);
  CHECK(look(R"({"model":"m","routing_policy":"cost"})")->special == "routing_policy");
  CHECK_FALSE(look(R"({"model":"m","routing_policy":"cost"})")->feature);
  CHECK(look(R"({"model":"m","routing_policy":"cost","council_mode":true})")->special == "routing_policy");
  CHECK(look(R"({"model":"m","council_mode":false,"speculative_mode":null})")->special.empty());
  CHECK(look(R"({"council_mode":true})", Endpoint::proxy)->special.empty());
  CHECK(forwarded(R"({"model":"m","council_mode":false,"speculative_mode":null})") == R"({"model":"m"})");
}

TEST_CASE("our own members are taken out with the commas that go with them") {
  CHECK(forwarded(R"({"tenant_id":"a","model":"m"})") == R"({"model":"m"})");
  CHECK(forwarded(R"({"model":"m","tenant_id":"a"})") == R"({"model":"m"})");
  CHECK(forwarded(R"({"model":"m", "tenant_id" : "a" , "x":1})") == R"({"model":"m", "x":1})");
  CHECK(forwarded(R"({"tenant_id":"a","provider":"p","model":"m","council_mode":null,"routing_policy":null})") ==
        R"({"model":"m"})");
  CHECK(forwarded(R"({ "provider":"p" , "model":"m", "tenant_id":"a" })") == R"({ "model":"m" })");
  CHECK(forwarded(R"({"model":"m","tenant_id":"a","stream":true})") ==
        R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})");
  CHECK(forwarded(R"({"stream":true,"model":"m","tenant_id":"a","provider":"p"})") ==
        R"({"stream":true,"stream_options":{"include_usage":true},"model":"m"})");
  CHECK(forwarded(R"({"model":"m","stream":true,"tenant_id":"a"})") ==
        R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})");
}

TEST_CASE("usage is asked for in streams, once, and only where it exists") {
  const auto with = [](const std::string& options) {
    return R"({"model":"m","stream":true,"stream_options":)" + options + "}";
  };
  CHECK(forwarded(with("{}")) == with(R"({"include_usage":true})"));
  CHECK(forwarded(with("{ }")) == with(R"({"include_usage":true })"));
  CHECK(forwarded(with("null")) == with(R"({"include_usage":true})"));
  CHECK(forwarded(with(R"({"include_usage":false})")) == with(R"({"include_usage":true})"));
  CHECK(forwarded(with(R"({"include_usage": null , "x":1})")) == with(R"({"include_usage": true , "x":1})"));
  CHECK(forwarded(with(R"({"include_obfuscation":false})")) ==
        with(R"({"include_usage":true,"include_obfuscation":false})"));
  CHECK(forwarded(with(R"({"include_usage":true})")) == with(R"({"include_usage":true})"));
  const auto stream = R"({"model":"m","stream":true})"s;
  CHECK(forwarded(stream, Endpoint::embeddings) == stream);
  CHECK(forwarded(stream, Endpoint::proxy) == stream);
  CHECK(forwarded(stream, Endpoint::completions) != stream);
}

TEST_CASE("a proxied body is read for its price and never changed") {
  const auto body =
      R"({"model":"m","tenant_id":"x","provider":5,"council_mode":true,"stream":true,"max_output_tokens":9})"s;
  const auto view = look(body, Endpoint::proxy);
  REQUIRE(view);
  CHECK(view->model == "m");
  CHECK(view->max_tokens == 9);
  CHECK_FALSE(view->tenant);
  CHECK_FALSE(view->provider);
  CHECK(tg::forwarded_body(body, *view) == body);
  for (const auto& other : {""s, "--boundary\r\n"s, "[1]"s, "\0{"s, "\xff\xfe{\0"s}) {
    const auto none = look(other, Endpoint::proxy);
    REQUIRE(none);
    CHECK_FALSE(none->json_object);
    CHECK_FALSE(none->model);
  }
  CHECK(refused("{\"model\":\"m\"", Endpoint::proxy) == Code::invalid_json);
}

TEST_CASE("members naming provider-side state are found at any depth, but not in the client's schemas") {
  const auto state = [](std::string_view body) {
    const auto view = look(body);
    REQUIRE(view);
    return view->provider_state;
  };
  using Names = std::vector<std::string>;
  CHECK(state(R"({"model":"m","previous_response_id":"resp_1"})") == Names{"previous_response_id"});
  CHECK(state(R"({"model":"m","previous_response_id":null,"conversation":null})").empty());
  CHECK(state(R"({"model":"m","messages":[{"content":[{"type":"file","file":{"file_id":"file-1"}}]}]})") ==
        Names{"file_id"});
  CHECK(state(R"({"model":"m","tools":[{"type":"file_search","vector_store_ids":["vs"]},{"container":"c"}]})") ==
        Names{"vector_store_ids", "container"});
  CHECK(state(R"({"model":"m","a":{"File_\u0049d":"x"}})") == Names{"file_id"});
  CHECK(state(R"({"model":"m","input":[{"type":"item_reference","id":"rs_1"}]})") == Names{"item_reference"});
  CHECK(state(R"({"model":"m","prompt":{"id":"pmpt_1"}})") == Names{"prompt"});
  CHECK(state(R"({"model":"m","prompt":"say file_id"})").empty());
  CHECK(
      state(
          R"({"model":"m","tools":[{"function":{"parameters":{"properties":{"file_id":{"type":"string"},"conversation":{}}}}}],"metadata":{"container":"x"}})")
          .empty());
  CHECK(state(R"({"model":"m","messages":[{"content":"\"file_id\":1"}]})").empty());
}

TEST_CASE("a large body is read whole, and the next small one too") {
  const auto body = R"({"messages":[{"content":")" + std::string(3 << 20, 'x') + R"("}],"model":"m"})";
  CHECK(look(body)->model == "m");
  CHECK(look(R"({"model":"n"})")->model == "n");
}

// Property: the forwarded body parses, and equals the original but for the members that were to change.
TEST_CASE("edits of any combination of members give valid JSON that differs in nothing else") {
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  CAPTURE(seed);
  const std::vector<std::string> pool = {R"("model":"m")",
                                         R"("messages":[{"role":"user","content":"},{\"tenant_id\":"}])",
                                         R"("x":{"a":[1,{"b":null}]})",
                                         R"("stream":true)",
                                         R"("stream":false)",
                                         R"("tenant_id":"t")",
                                         R"("provider":"p")",
                                         R"("council_mode":false)",
                                         R"("routing_policy":null)",
                                         R"("stream_options":{"include_usage":false,"y":1})",
                                         R"("stream_options":{})",
                                         R"("stream_options":{"z":{}})",
                                         R"("n":3)",
                                         R"("é":"\ud83d\ude00")"};
  const std::vector<std::string> gaps = {"", " ", "\n  ", "\t"};
  const auto gap = [&] { return gaps[random() % gaps.size()]; };
  for (int round = 0; round < 2000; ++round) {
    auto members = pool;
    std::shuffle(members.begin(), members.end(), random);
    members.resize(1 + random() % members.size());
    std::string body = gap() + "{";
    std::set<std::string> names;
    for (const auto& member : members) {
      const auto name = member.substr(0, member.find(':'));
      if (!names.insert(name).second) continue;
      body +=
          (names.size() > 1 ? "," : "") + gap() + name + gap() + ":" + gap() + member.substr(name.size() + 1) + gap();
    }
    body += "}" + gap();
    const auto view = look(body);
    if (!names.contains("\"model\"")) {
      CHECK_FALSE(view);
      continue;
    }
    CAPTURE(body);
    REQUIRE(view);
    const auto out = tg::forwarded_body(body, *view);
    auto expected = json::parse(body);
    for (const auto* own : {"tenant_id", "provider", "council_mode", "routing_policy"}) expected.erase(own);
    if (expected.value("stream", false)) expected["stream_options"]["include_usage"] = true;
    CAPTURE(out);
    REQUIRE(json::accept(out));
    CHECK(json::parse(out) == expected);
    CHECK((view->edits.empty() == (out == body)));
    // What was forwarded needs no further change.
    const auto again = look(out);
    REQUIRE(again);
    CHECK(again->edits.empty());
  }
}

TEST_CASE("a completion's prompts and tries are counted") {
  const auto prompts = [](const std::string& prompt) {
    const auto view = look(R"({"model":"m","prompt":)" + prompt + "}", Endpoint::completions);
    REQUIRE(view);
    return view->prompts;
  };
  CHECK(prompts(R"("one, two")") == 1);
  CHECK(prompts("null") == 1);
  CHECK(prompts("[]") == 1);
  CHECK(prompts(R"(["one"])") == 1);
  CHECK(prompts(R"(["one", "two" ,"thr,ee"])") == 3);
  CHECK(prompts("[1, 2, 3]") == 1);
  CHECK(prompts("[[1,2],[3],[]]") == 3);
  CHECK(prompts(R"(["one",2,[3]])") == 3);
  const auto view = look(R"({"prompt":["a","b"],"n":2,"best_of":5,"model":"m"})", Endpoint::completions);
  REQUIRE(view);
  CHECK(view->prompts == 2);
  CHECK(view->best_of == 5);
  CHECK(look(R"({"prompt":["a","b"],"best_of":5,"model":"m"})", Endpoint::proxy)->prompts == 2);
  CHECK(look(R"({"prompt":["a","b"],"best_of":"x","model":"m"})")->prompts == 1);  // nothing to chat
  CHECK(refused(R"({"model":"m","best_of":9007199254740992})", Endpoint::completions) == Code::invalid_request);
  CHECK(refused(R"({"model":"m","best_of":1,"Best_of":20})", Endpoint::completions) == Code::invalid_request);
  CHECK(refused(R"({"model":"m","prompt":"a","prompt":["a","b"]})", Endpoint::completions) == Code::invalid_request);
}
