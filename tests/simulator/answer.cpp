// Chooses the answer of a route; the bodies of the model calls are in completion.cpp.
#include "tests/simulator/answer.h"

#include <fmt/format.h>

#include "tests/simulator/base64.h"
#include "tests/simulator/completion.h"

namespace talon::simulator {
namespace {

Answer json(std::string body, unsigned status = 200) {
  Answer answer;
  answer.status = status;
  answer.pieces.push_back(std::move(body));
  return answer;
}

std::string_view error_type(unsigned status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

Answer models() {
  std::string body = R"({"object":"list","data":[)";
  const char* comma = "";
  for (const char* id : {"gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "gpt-3.5-turbo-instruct"}) {
    body += fmt::format(R"({}{{"id":"{}","object":"model","created":1715367049,"owned_by":"sim-account"}})", comma, id);
    comma = ",";
  }
  return json(body + "]}");
}

Answer echo(const Request& request) {
  std::string body = R"({"object":"echo","method":)";
  append_json_string(body, request.method);
  body += R"(,"target":)";
  append_json_string(body, request.target);
  body += fmt::format(R"(,"body_base64":"{}"}})", encode_base64(request.body));
  return json(std::move(body));
}

}  // namespace

Answer make_error(unsigned status, std::string_view code, std::string_view message) {
  std::string body = R"({"error":{"message":)";
  append_json_string(body, message);
  body += fmt::format(R"(,"type":"{}","param":null,"code":)", error_type(status));
  append_json_string(body, code);
  return json(body + "}}", status);
}

Answer Objects::handle(const Request& request, std::string_view collection, std::string_view id) {
  const std::string kind(collection.substr(0, collection.size() - 1));  // "files" holds a "file"
  auto& shelf = stored_[std::string(collection)];
  if (id.empty() && request.method == "POST") {
    const std::string fresh = fmt::format("{}-{}", kind, ++made_);
    std::string object = fmt::format(R"({{"id":"{}","object":"{}","created_at":1700000000,"bytes":{}}})", fresh, kind,
                                     request.body.size());
    shelf[fresh] = object;
    return json(std::move(object));
  }
  if (id.empty()) {
    std::string body = R"({"object":"list","data":[)";
    for (const auto& [key, object] : shelf) body += (body.back() == '[' ? "" : ",") + object;
    return json(body + "]}");
  }
  const auto found = shelf.find(id);
  if (found == shelf.end()) return make_error(404, "not_found", fmt::format("No such {} object: {}", kind, id));
  if (request.method != "DELETE") return json(found->second);
  shelf.erase(found);
  return json(fmt::format(R"({{"id":"{}","object":"{}","deleted":true}})", id, kind));
}

Answer make_answer(const Request& request, const Ask& ask, const Behaviour& how, Objects& objects) {
  if (how.status >= 400) return make_error(how.status, how.error_code, fmt::format("simulated status {}", how.status));
  const std::string_view path = request.path();
  const bool post = request.method == "POST";
  Answer answer;
  if (path == "/v1/chat/completions" || path == "/v1/completions" || path == "/v1/embeddings") {
    if (!post) return make_error(405, "method_not_allowed", "Only POST requests are accepted.");
    if (!ask.is_object) return make_error(400, "invalid_json", "We could not parse the JSON body of your request.");
    if (ask.model.empty()) return make_error(400, "model_required", "you must provide a model parameter");
    if (path == "/v1/embeddings")
      answer = json(embeddings_body(ask, how));
    else
      answer = completion(path == "/v1/completions" ? Form::text : Form::chat, ask, how);
  } else if (path == "/v1/models") {
    answer = models();
  } else {
    for (const std::string_view collection : {std::string_view("files"), std::string_view("threads")}) {
      const std::string prefix = fmt::format("/v1/{}", collection);
      if (path == prefix)
        answer = objects.handle(request, collection, {});
      else if (path.starts_with(prefix + "/"))
        answer = objects.handle(request, collection, path.substr(prefix.size() + 1));
    }
    if (answer.pieces.empty()) answer = echo(request);
  }
  if (how.status != 0) answer.status = how.status;
  if (how.has_body) answer.pieces.assign(1, how.body);
  if (!how.type.empty()) answer.content_type = how.type;
  answer.no_body = request.method == "HEAD";
  return answer;
}

}  // namespace talon::simulator
