#include "gateway/api/openapi.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "gateway/api/json_object.h"
#include "gateway/api/routes.h"

namespace talon::gateway {

extern const std::string_view k_openapi_schemas;  // gateway/api/openapi_schemas.json, embedded at configure time

namespace {

std::string_view word(Who who) {
  switch (who) {
    case Who::anyone:
      return "anyone";
    case Who::caller:
      return "caller";
    case Who::reader:
      return "reader";
    case Who::owner:
      return "owner";
    case Who::admin:
      return "admin";
  }
  return "admin";
}

/// "{path…}" is "{path}" here.
std::string openapi_path(std::string_view pattern) {
  constexpr std::string_view k_rest = "…";
  std::string path(pattern);
  if (const auto at = path.find(k_rest); at != std::string::npos) path.erase(at, k_rest.size());
  return path;
}

std::string lower(std::string_view method) {
  std::string out(method);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::vector<std::string> methods_of(const Route& route) {
  if (route.method == "*") return {"get", "post", "put", "patch", "delete"};
  return {lower(route.method)};
}

void append_parameter(std::string& out, std::string_view place, std::string_view name) {
  if (out.back() != '[') out += ',';
  JsonObject parameter(out);
  parameter.text("name", name);
  parameter.text("in", place);
  parameter.boolean("required", place == "path");
  if (place == "header") parameter.text("description", "A replay within 24 hours answers 200, without the key");
  parameter.member("schema") += name == "limit"             ? R"({"type":"integer","minimum":1,"maximum":1000})"
                                : name == "include_revoked" ? R"({"type":"boolean","default":true})"
                                                            : R"({"type":"string"})";
  parameter.end();
}

void append_parameters(std::string& out, const Route& route, std::string_view path) {
  out += '[';
  for (auto open = path.find('{'); open != std::string_view::npos; open = path.find('{', open + 1))
    append_parameter(out, "path", path.substr(open + 1, path.find('}', open) - open - 1));
  if (route.query != "*") {
    for (const auto name : query_members(route)) append_parameter(out, "query", name);
  }
  const bool issues = route.id == RouteId::tenant_create || route.id == RouteId::api_key_create ||
                      route.id == RouteId::virtual_key_issue;
  if (issues) append_parameter(out, "header", "Idempotency-Key");
  out += ']';
}

/// `what`: a schema's name or a media type.
void append_content(std::string& out, std::string_view what) {
  const bool media = what.find('/') != std::string_view::npos;
  JsonObject content(out);
  JsonObject type(content.member(media ? what : "application/json"));
  type.member("schema") +=
      media ? R"({"type":"string"})" : "{\"$ref\":\"#/components/schemas/" + std::string(what) + "\"}";
  type.end();
  content.end();
}

void append_request_body(JsonObject& operation, std::string_view body) {
  const bool optional = body.ends_with('?') || body == "*";
  if (body.ends_with('?')) body.remove_suffix(1);
  JsonObject request(operation.member("requestBody"));
  request.boolean("required", !optional);
  append_content(request.member("content"), body == "*" ? "*/*" : body);
  request.end();
}

void append_operation(std::string& out, const Route& route, std::string_view method, std::string_view path) {
  JsonObject operation(out);
  operation.text("operationId",
                 route.method == "*" ? std::string(route.name) + '_' + std::string(method) : std::string(route.name));
  operation.text("summary", route.summary);
  operation.text("x-talon-who", word(route.who));
  if (route.who == Who::anyone) operation.member("security") += "[]";
  append_parameters(operation.member("parameters"), route, path);
  if (!route.body.empty()) append_request_body(operation, route.body);
  JsonObject responses(operation.member("responses"));
  JsonObject answer(responses.member(std::to_string(route.status)));
  answer.text("description", route.status == 204 ? "Done" : "The answer");
  if (!route.answer.empty()) append_content(answer.member("content"), route.answer);
  answer.end();
  responses.member("default") += R"({"$ref":"#/components/responses/Refusal"})";
  responses.end();
  operation.end();
}

void append_paths(std::string& out) {
  out += "{\n";
  const auto table = routes();
  bool first_path = true;
  for (auto route = table.begin(); route != table.end(); ++route) {
    const auto same = [&](const Route& other) { return other.pattern == route->pattern; };
    if (std::any_of(table.begin(), route, same)) continue;  // written with the first row of its pattern
    if (!first_path) out += ",\n";
    first_path = false;
    const auto path = openapi_path(route->pattern);
    append_json_quoted(out, path);
    out += ":{";
    bool first = true;
    for (auto row = route; row != table.end(); ++row) {
      if (!same(*row)) continue;
      for (const auto& method : methods_of(*row)) {
        out += first ? "\n  " : ",\n  ";
        first = false;
        append_json_quoted(out, method);
        out += ':';
        append_operation(out, *row, method, path);
      }
    }
    out += '}';
  }
  out += "\n}";
}

std::string make() {
  std::string out =
      R"({"openapi":"3.1.0",
"info":{"title":"Talon","version":")" TALON_VERSION
      R"(","description":"Multi-tenant LLM gateway with provable evidence. x-talon-who: caller, any key but an admin's; reader, the tenant's own keys and admin keys; owner, the tenant's own sk- keys and admin keys; admin, admin keys."},
"servers":[{"url":"/"}],
"security":[{"bearer":[]},{"api_key":[]}],
"paths":)";
  append_paths(out);
  out += R"(,
"components":{
"securitySchemes":{"bearer":{"type":"http","scheme":"bearer"},"api_key":{"type":"apiKey","in":"header","name":"x-api-key"}},
"responses":{"Refusal":{"description":"Refused; error.code says why","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}}},
"schemas":)";
  auto schemas = k_openapi_schemas;
  while (schemas.ends_with('\n')) schemas.remove_suffix(1);
  out += schemas;
  out += "}}\n";
  return out;
}

}  // namespace

const std::string& openapi_json() {
  static const std::string text = make();
  return text;
}

}  // namespace talon::gateway
