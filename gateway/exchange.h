// The exchange: one governed call from head to record (house.md, "One request, walking straight through").
#pragma once

#include <string>

#include "gateway/api/routes.h"
#include "gateway/guard/attribute.h"
#include "gateway/net/task.h"
#include "gateway/snapshot.h"

namespace talon::gateway {

class Connection;
class Worker;

/// Serves the request whose head was read and whose key is `caller`'s, by the generation it began with. Afterwards the connection knows
/// whether it goes on (Connection::keeps).
[[nodiscard]] Task<> exchange(Worker& worker, Connection& client, SnapshotRef snapshot, const Caller& caller,
                              RouteMatch match, std::string request_id);

/// Refuses a request that is no governed call but whose caller is known (reads): 402, 403 and 429 leave
/// a record (acceptance.md T12).
[[nodiscard]] Task<> refuse_known(Worker& worker, Connection& client, SnapshotRef snapshot, const Caller& caller,
                                  RouteMatch match, std::string request_id, Refusal refusal);

}  // namespace talon::gateway
