// openapi.json (OpenAPI 3.1), made from the route table and openapi_schemas.json.
#pragma once

#include <string>

namespace talon::gateway {

/// The whole document, one line an operation; ends in a line feed. The committed openapi.json is this text.
[[nodiscard]] const std::string& openapi_json();

}  // namespace talon::gateway
