// Holds, routing to providers, proxy targets, the shared credential, heads that cross.
#include "gateway/provider/call.h"

#include <doctest/doctest.h>

#include "core/canonical_json.h"
#include "tests/unit/gateway/fake_registry.h"
#include "tests/unit/gateway/padded.h"

namespace tg = talon::gateway;
using talon::core::Code;
using tg::Endpoint;

namespace {

talon::core::PriceRow row() {
  talon::core::PriceRow price;
  price.provider = "openai";
  price.model = "m";
  price.input = {1'000'000'000};   // 1 USD per million tokens
  price.output = {2'000'000'000};  // 2 USD
  price.context_window = 1000;
  price.max_output = 500;
  return price;
}

std::int64_t hold(const talon::core::PriceRow& price, std::size_t bytes, const tg::CallView& view = {},
                  Endpoint endpoint = Endpoint::chat_completions) {
  return tg::hold_for(&price, view, endpoint, bytes, 400).nano();
}

tg::RequestHead head_of(std::string_view method, std::string_view target) {
  tg::RequestHead head;
  head.method = method;
  head.target = target;
  head.path = target.substr(0, target.find('?'));
  if (const auto mark = target.find('?'); mark != std::string_view::npos) head.query = target.substr(mark + 1);
  return head;
}

tg::CallView view_of(std::string_view body, Endpoint endpoint = Endpoint::proxy) {
  return *tg::inspect(endpoint, tg::test::Padded(body).view());
}

}  // namespace

TEST_CASE("a hold is the dearest the request can be") {
  CHECK(hold(row(), 300) == 100 * 1000 + 400 * 2000);       // ⌈300/3⌉ tokens in, the assumed maximum out
  CHECK(hold(row(), 301) == 101 * 1000 + 400 * 2000);       // rounded up
  CHECK(hold(row(), 1 << 20) == 1000 * 1000 + 400 * 2000);  // no more than the context window
  tg::CallView view;
  view.max_tokens = 10;
  CHECK(hold(row(), 300, view) == 100 * 1000 + 10 * 2000);
  view.max_tokens = 100'000;  // as asked for, also above what the model is known to give
  CHECK(hold(row(), 300, view) == 100 * 1000 + 100'000 * 2000);
  view.n = 3;
  view.max_tokens = 10;
  CHECK(hold(row(), 300, view) == 100 * 1000 + 30 * 2000);
  CHECK(hold(row(), 300, {}, Endpoint::embeddings) == 100 * 1000);
  view = {};
  view.max_tokens = 10;
  view.n = 2;
  view.best_of = 5;
  view.prompts = 3;  // five answers are made for each of three prompts
  CHECK(hold(row(), 300, view, Endpoint::completions) == 100 * 1000 + 3 * 5 * 10 * 2000);
  view.best_of = 1;
  CHECK(hold(row(), 300, view, Endpoint::completions) == 100 * 1000 + 3 * 2 * 10 * 2000);
  CHECK(hold(row(), 1 << 20, view, Endpoint::completions) == 3 * 1000 * 1000 + 3 * 2 * 10 * 2000);  // a window each
  view.best_of = view.n = talon::core::k_max_integer;
  CHECK(hold(row(), 300, view, Endpoint::completions) == talon::core::k_max_integer);
  auto small = row();
  small.max_output = 50;
  CHECK(hold(small, 0) == 50 * 2000);
  small.max_output = 0;
  small.context_window = 0;
  CHECK(hold(small, 3'000'000) == 1'000'000ll * 1000 + 400 * 2000);
}

TEST_CASE("a hold without a price is zero, one beyond all bounds stays representable") {
  CHECK(tg::hold_for(nullptr, {}, Endpoint::chat_completions, 1000, 400).nano() == 0);
  tg::CallView view;
  view.n = 9'000'000'000'000'000'000;
  view.max_tokens = 9'000'000'000'000'000'000;
  const auto most = hold(row(), 300, view);
  CHECK(most > 1'000'000'000'000'000);
  CHECK(most < std::int64_t{1} << 53);
}

TEST_CASE("a model goes to the provider of its price, else to the default, else to the only one") {
  const auto choose = [](const tg::test::WorldSpec& spec, std::string_view body) {
    const auto snapshot = tg::test::world(spec);
    const auto chosen = tg::choose_provider(*snapshot, nullptr, view_of(body, Endpoint::chat_completions));
    return chosen ? chosen->provider->config.name : std::string(talon::core::word(chosen.error().error.code));
  };
  CHECK(choose({}, R"({"model":"gpt-4o-mini"})") == "openai");
  CHECK(choose({}, R"({"model":"who-knows"})") == "openai");
  const std::vector<tg::test::ProviderSpec> two = {{"openai"}, {"local"}};
  CHECK(choose({.providers = two}, R"({"model":"gpt-4o-mini"})") == "openai");
  CHECK(choose({.providers = two}, R"({"model":"who-knows"})") == "invalid_request");
  CHECK(choose({.providers = two, .default_provider = "local"}, R"({"model":"who-knows"})") == "local");
  CHECK(choose({.providers = two, .default_provider = "local"}, R"({"model":"gpt-4o-mini"})") == "openai");
  CHECK(choose({.providers = two}, R"({"model":"gpt-4o-mini","provider":"local"})") == "local");
  CHECK(choose({.providers = two}, R"({"model":"m","provider":"nobody"})") == "invalid_request");
  const std::vector<tg::test::ProviderSpec> one_off = {{.name = "openai", .on = false}, {"local"}};
  CHECK(choose({.providers = one_off}, R"({"model":"gpt-4o-mini"})") == "local");
  CHECK(choose({.providers = one_off}, R"({"model":"m","provider":"openai"})") == "no_provider_configured");
  CHECK(choose({.providers = {{.name = "openai", .on = false}}}, R"({"model":"m"})") == "no_provider_configured");
}

namespace {

/// A tenant that brought keys for these providers; `own`: it may use no others.
talon::vault::Account account_with(std::initializer_list<std::string_view> providers, bool own = true) {
  talon::vault::Account account{
      .row = tg::test::FakeRegistry::row_of(tg::test::tenant("acme")), .credentials = {}, .only_own_credentials = own};
  for (const auto provider : providers) {
    account.credentials.push_back(
        {.provider = std::string(provider), .api_key = talon::core::Secret("sk-of-acme-" + std::string(provider))});
  }
  return account;
}

struct Bringing {
  tg::test::WorldSpec spec{};
  talon::vault::Account account;

  /// "openai with its own key", "openai", or why not.
  [[nodiscard]] std::string choose(std::string_view body) const {
    const auto snapshot = tg::test::world(spec);
    return said(tg::choose_provider(*snapshot, &account, view_of(body, Endpoint::chat_completions)));
  }
  [[nodiscard]] std::string proxied(std::string_view provider) const {
    const auto snapshot = tg::test::world(spec);
    return said(tg::choose_named(*snapshot, &account, provider));
  }

 private:
  static std::string said(const std::expected<tg::Chosen, tg::Refusal>& chosen) {
    if (!chosen) return std::string(talon::core::word(chosen.error().error.code));
    const auto* own = chosen->credential;
    if (own == nullptr) return chosen->provider->config.name;
    CHECK(own->api_key.reveal() == "sk-of-acme-" + own->provider);
    return chosen->provider->config.name + " with its own key";
  }
};

}  // namespace

TEST_CASE("a tenant's own key goes before the operator's, and works where the operator has none") {
  const Bringing tenant{{}, account_with({"openai"})};
  CHECK(tenant.choose(R"({"model":"gpt-4o-mini"})") == "openai with its own key");
  CHECK(tenant.proxied("openai") == "openai with its own key");
  const Bringing alone{{.providers = {{.name = "openai", .on = false}}}, account_with({"openai"})};
  CHECK(alone.choose(R"({"model":"gpt-4o-mini"})") == "openai with its own key");
  CHECK(alone.proxied("openai") == "openai with its own key");
}

TEST_CASE("an account of own keys never uses the operator's") {
  const Bringing none{{}, account_with({})};
  CHECK(none.choose(R"({"model":"gpt-4o-mini"})") == "no_provider_configured");
  CHECK(none.proxied("openai") == "no_provider_configured");
  const Bringing other{{.providers = {{"openai"}, {"local"}}, .default_provider = "openai"}, account_with({"local"})};
  CHECK(other.choose(R"({"model":"gpt-4o-mini"})") == "local with its own key");  // the only one it has
  CHECK(other.choose(R"({"model":"gpt-4o-mini","provider":"openai"})") == "no_provider_configured");
  CHECK(other.proxied("openai") == "no_provider_configured");
}

TEST_CASE("an account that may use the operator's keys does until it brings its own") {
  const Bringing before{{}, account_with({}, false)};
  CHECK(before.choose(R"({"model":"gpt-4o-mini"})") == "openai");
  CHECK(before.proxied("openai") == "openai");
}

TEST_CASE("a key for a provider that cannot be called yet is kept and not used") {
  const Bringing tenant{{}, account_with({"anthropic"})};
  CHECK(tenant.choose(R"({"model":"gpt-4o-mini"})") == "no_provider_configured");
  CHECK(tenant.choose(R"({"model":"claude-3-5-haiku-latest","provider":"anthropic"})") == "no_provider_configured");
  CHECK(tenant.proxied("anthropic") == "no_provider_configured");
  const Bringing both{{}, account_with({"anthropic", "openai"})};
  CHECK(both.choose(R"({"model":"m","provider":"anthropic"})") == "no_provider_configured");
  CHECK(both.choose(R"({"model":"m"})") == "openai with its own key");
}

TEST_CASE("a proxied path is appended to base_url as sent") {
  const auto snapshot = tg::test::world();
  const auto target = [&](std::string_view text) {
    const auto parsed = tg::parse_proxy_target(*snapshot, head_of("GET", text));
    REQUIRE(parsed);
    return parsed->target;
  };
  CHECK(target("/v1/proxy/openai/models") == "/v1/models");
  CHECK(target("/v1/proxy/openai/a%20b/c?x=1&y=%2F") == "/v1/a%20b/c?x=1&y=%2F");
  CHECK(target("/v1/proxy/openai/models?key=secret&x=1") == "/v1/models?x=1");
  CHECK(target("/v1/proxy/openai/models?x=1&k%65y=secret&KEY=s") == "/v1/models?x=1");
  CHECK(target("/v1/proxy/openai/models?key=secret") == "/v1/models");
  CHECK(target("/v1/proxy/openai/models?keys=1&akey") == "/v1/models?keys=1&akey");
}

TEST_CASE("a proxied path that could mean two things is refused") {
  const auto snapshot = tg::test::world({.providers = {{"openai"}, {.name = "off", .on = false}}});
  const auto refused = [&](std::string_view text) {
    CAPTURE(text);
    const auto parsed = tg::parse_proxy_target(*snapshot, head_of("GET", text));
    REQUIRE_FALSE(parsed);
    return parsed.error().error.code;
  };
  for (const auto* path :
       {"/..", "/.", "/../files", "/a/../../files", "/a/./b", "//files", "/a//b", "/a%2fb", "/a%2Fb", "/%2e%2e/files",
        "/.%2E/x", "/a\\b", "/a%5Cb", "/a%00", "/a%zz", "/a%", "/..;x/files", "/a/..;/b"}) {
    CHECK(refused(std::string("/v1/proxy/openai") + path) == Code::invalid_request);
  }
  CHECK(refused("/v1/proxy/nobody/models") == Code::not_found);
  CHECK(refused("/v1/proxy/anthropic/models") == Code::no_provider_configured);
  CHECK(tg::choose_named(*snapshot, nullptr, "off").error().error.code == Code::no_provider_configured);
  CHECK(refused("/v1/proxy/%zz/models") == Code::invalid_request);
}

TEST_CASE("with the operator's credential only stateless inference and the list of models are open") {
  const auto snapshot = tg::test::world();
  const auto check = [&](std::string_view method, const std::string& path,
                         std::string_view body = R"({"model":"m"})") -> std::string {
    const std::string whole = "/v1/proxy/openai" + path;
    const auto head = head_of(method, whole);
    const auto target = tg::parse_proxy_target(*snapshot, head);
    REQUIRE(target);
    const auto open = tg::check_shared_credential(head, *target, view_of(body));
    return open ? "open" : std::string(talon::core::word(open.error().error.code));
  };
  for (const auto* path : {"/chat/completions", "/completions", "/embeddings", "/responses", "/moderations",
                           "/images/generations", "/audio/speech"})
    CHECK(check("POST", path) == "open");
  CHECK(check("POST", "/audio/transcriptions", "--b\r\n") == "open");
  CHECK(check("GET", "/models", "") == "open");
  CHECK(check("POST", "/chat/completions", "[]") == "invalid_json");
  CHECK(check("POST", "/chat/completions", "") == "invalid_json");
  for (const auto* path : {"/files", "/files/file-1/content", "/batches", "/assistants", "/threads", "/vector_stores",
                           "/responses/resp_1", "/models/ft:x", "/fine_tuning/jobs", "/organization/usage", "/me",
                           "/chat/completions/", "/Chat/completions", "/chat%2Dcompletions", "/chat/completions/x"}) {
    CAPTURE(path);
    CHECK(check("GET", path, "") == "provider_path_not_allowed");
    CHECK(check("POST", path) == "provider_path_not_allowed");
    CHECK(check("DELETE", path, "") == "provider_path_not_allowed");
  }
  CHECK(check("GET", "/chat/completions", "") == "provider_path_not_allowed");  // the stored ones
  CHECK(check("POST", "/models") == "provider_path_not_allowed");
  CHECK(check("DELETE", "/models", "") == "provider_path_not_allowed");
  CHECK(check("POST", "/responses", R"({"model":"m","previous_response_id":"resp_1"})") == "provider_path_not_allowed");
  CHECK(
      check("POST", "/chat/completions", R"({"model":"m","messages":[{"content":[{"file":{"file_id":"file-1"}}]}]})") ==
      "provider_path_not_allowed");
}

TEST_CASE("end-to-end fields cross to the provider; credentials, cookies and ours never do") {
  const auto snapshot = tg::test::world();
  auto head = head_of("POST", "/v1/chat/completions");
  for (const auto& [name, value] : std::initializer_list<tg::Field>{{"Host", "talon.example"},
                                                                    {"Authorization", "Bearer key-acme-app"},
                                                                    {"x-api-key", "key-acme-app"},
                                                                    {"api-key", "k"},
                                                                    {"X-Goog-Api-Key", "k"},
                                                                    {"Cookie", "a=b"},
                                                                    {"X-Talon-Tenant-Id", "acme"},
                                                                    {"x-talon-anything", "x"},
                                                                    {"OpenAI-Organization", "org"},
                                                                    {"openai-project", "p"},
                                                                    {"Connection", "close, X-Hop"},
                                                                    {"x-hop", "1"},
                                                                    {"Keep-Alive", "5"},
                                                                    {"TE", "trailers"},
                                                                    {"Trailer", "x"},
                                                                    {"Upgrade", "h2c"},
                                                                    {"Transfer-Encoding", "chunked"},
                                                                    {"Content-Length", "99"},
                                                                    {"Expect", "100-continue"},
                                                                    {"Proxy-Authorization", "x"},
                                                                    {"Accept-Encoding", "gzip"},
                                                                    {"traceparent", "client"},
                                                                    {"Content-Type", "application/json"},
                                                                    {"OpenAI-Beta", "a"},
                                                                    {"OpenAI-Beta", "b"},
                                                                    {"User-Agent", "OpenAI/JS 5"}}) {
    head.fields.add(name, value);
  }
  std::string out;
  const auto& provider = *snapshot->provider("openai");
  tg::write_upstream_head(out, provider, provider.api_key, head, "/v1/chat/completions", 12, "00-ours");
  CHECK(out ==
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:9\r\nAuthorization: Bearer "
        "sk-upstream-secret\r\nContent-Type: application/json\r\n"
        "OpenAI-Beta: a\r\nOpenAI-Beta: b\r\nUser-Agent: OpenAI/JS 5\r\ntraceparent: 00-ours\r\nAccept-Encoding: "
        "identity\r\nContent-Length: 12\r\n\r\n");
}

TEST_CASE("the Host of a provider has brackets and a port only where they are due") {
  const auto host = [](std::string url) {
    const auto snapshot = tg::test::world({.providers = {{.name = "p", .base_url = std::move(url), .key = ""}}});
    std::string out;
    const auto& provider = *snapshot->provider("p");
    tg::write_upstream_head(out, provider, provider.api_key, head_of("GET", "/"), "/models", std::nullopt, "");
    CHECK(out.find("Authorization") == std::string::npos);
    CHECK(out.find("Content-Length") == std::string::npos);
    const auto begin = out.find("Host: ") + 6;
    return out.substr(begin, out.find("\r\n", begin) - begin);
  };
  CHECK(host("https://api.openai.com/v1") == "api.openai.com");
  CHECK(host("http://localhost:8081") == "localhost:8081");
  CHECK(host("http://[::1]:443/v1") == "[::1]:443");
  CHECK(host("https://[::1]/v1") == "[::1]");
}

TEST_CASE("a provider's Retry-After passes when it is at most a minute") {
  for (const auto* value : {"0", "7", "60"}) CHECK(tg::passes_to_client({"Retry-After", value}));
  for (const auto* value :
       {"61", "86400", "-1", "", "x", "7s", "1.5", "99999999999999999999", "Fri, 31 Dec 1999 23:59:59 GMT"})
    CHECK_FALSE(tg::passes_to_client({"retry-after", value}));
}

TEST_CASE("a provider's fields that tell about its account stay here") {
  for (const auto* name : {"Content-Type", "x-should-retry", "openai-model", "openai-processing-ms", "Cache-Control",
                           "content-encoding", "Vary"})
    CHECK(tg::passes_to_client({name, "x"}));
  for (const auto* name :
       {"Set-Cookie", "OpenAI-Organization", "openai-project", "x-ratelimit-remaining-tokens",
        "anthropic-ratelimit-requests-limit", "anthropic-organization-id", "Connection", "Keep-Alive",
        "Transfer-Encoding", "Content-Length", "X-Request-Id", "request-id", "X-Talon-Cost-Usd", "Alt-Svc", "Trailer",
        "Upgrade", "WWW-Authenticate", "RateLimit-Reset"}) {
    CAPTURE(name);
    CHECK_FALSE(tg::passes_to_client({name, "x"}));
  }
}

TEST_CASE("with its own key a tenant is told what the provider says of its account, cookies aside") {
  constexpr auto k_own = tg::CredentialOwner::tenant;
  for (const auto* name : {"OpenAI-Organization", "openai-project", "x-ratelimit-remaining-tokens", "WWW-Authenticate"})
    CHECK(tg::passes_to_client({name, "x"}, k_own));
  for (const auto* name : {"Set-Cookie", "Connection", "Transfer-Encoding", "X-Request-Id", "X-Talon-Cost-Usd"})
    CHECK_FALSE(tg::passes_to_client({name, "x"}, k_own));
}
