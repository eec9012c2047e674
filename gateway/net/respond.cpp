// See respond.h.
#include "gateway/net/respond.h"

#include <array>

#include "gateway/http/head_writer.h"
#include "gateway/net/worker.h"

namespace talon::gateway {

void add_connection_field(std::string& out, const Connection& client, int minor_version) {
  if (!client.keeps()) {
    add_field(out, "Connection", "close");
  } else if (minor_version == 0) {
    add_field(out, "Connection", "keep-alive");
  }
}

void write_head(Worker& worker, Connection& client, const Response& response, std::string_view request_id) {
  std::string& out = client.space().client_head;
  out.clear();
  if (worker.draining()) client.close_after_this();
  begin_head(out, response.status);
  add_field(out, "Date", worker.http_date());
  if (response.status != 204) {
    add_field(out, "Content-Type", response.content_type);
    add_field(out, "Content-Length", std::uint64_t{response.body.size()});
  }
  if (!request_id.empty()) add_field(out, "X-Request-Id", request_id);
  for (const auto& [name, value] : response.fields) add_field(out, name, value);
  add_connection_field(out, client, client.head().minor_version);
  end_head(out);
}

void write_export_head(Worker& worker, Connection& client, const Response& response, std::string_view request_id,
                       bool chunked) {
  std::string& out = client.space().client_head;
  out.clear();
  if (worker.draining()) client.close_after_this();
  begin_head(out, response.status);
  add_field(out, "Date", worker.http_date());
  add_field(out, "Content-Type", response.content_type);
  if (chunked) add_field(out, "Transfer-Encoding", "chunked");
  add_field(out, "X-Request-Id", request_id);
  for (const auto& [name, value] : response.fields) add_field(out, name, value);
  add_connection_field(out, client, client.head().minor_version);
  end_head(out);
}

Task<bool> respond(Worker& worker, Connection& client, const Response& response, std::string_view request_id) {
  write_head(worker, client, response, request_id);
  const bool body_goes = client.head().method != "HEAD";
  std::array<std::string_view, 2> pieces{client.space().client_head,
                                         body_goes ? std::string_view(response.body) : std::string_view{}};
  const bool sent = co_await client.send(pieces);
  if (!sent) client.close_after_this();
  co_return sent;
}

}  // namespace talon::gateway
