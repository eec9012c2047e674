// Request bodies: what is accepted forwards to something that is accepted again and needs no further change.
// The first byte chooses the endpoint.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/provider/call.h"
#include "gateway/provider/usage.h"

namespace tg = talon::gateway;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// Hostile bytes where a reader may look but must not believe.
std::string padded(std::string_view body) { return std::string(body) + std::string(tg::k_body_padding, '}'); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto endpoint = static_cast<tg::Endpoint>(data[0] % 4);
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto buffer = padded(body);
  const auto view = tg::inspect(endpoint, std::string_view(buffer).substr(0, body.size()));
  static_cast<void>(tg::usage_of_json(std::string_view(buffer).substr(0, body.size())));
  if (!view) {
    require(!view.error().error.message.empty());
    return 0;
  }
  const auto out = tg::forwarded_body(body, *view);
  if (endpoint == tg::Endpoint::proxy) {
    require(out == body);
    return 0;
  }
  require(view->json_object && view->model.has_value() && !view->model->empty());
  const auto again_buffer = padded(out);
  const auto again = tg::inspect(endpoint, std::string_view(again_buffer).substr(0, out.size()));
  require(again.has_value());
  require(again->edits.empty());
  require(!again->tenant && !again->provider);
  require(again->model == view->model && again->stream == view->stream && again->n == view->n &&
          again->max_tokens == view->max_tokens);
  if (view->stream && endpoint != tg::Endpoint::embeddings) require(again->client_wants_usage);
  return 0;
}
