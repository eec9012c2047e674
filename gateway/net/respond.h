// Whole responses of our own, from the value to the client.
#pragma once

#include <string_view>

#include "gateway/http/message.h"
#include "gateway/net/connection.h"
#include "gateway/net/task.h"

namespace talon::gateway {

class Worker;

/// Writes the head of `response` into the connection's workspace: framing, Date, X-Request-Id, Connection.
void write_head(Worker& worker, Connection& client, const Response& response, std::string_view request_id);
/// The same for a body that follows in chunks, or until the connection closes.
void write_export_head(Worker& worker, Connection& client, const Response& response, std::string_view request_id,
                       bool chunked);
/// `Connection` as the client's version needs it.
void add_connection_field(std::string& out, const Connection& client, int minor_version);

/// Sends it. `response` must outlive the task. False: the client is gone.
[[nodiscard]] Task<bool> respond(Worker& worker, Connection& client, const Response& response,
                                 std::string_view request_id);

}  // namespace talon::gateway
