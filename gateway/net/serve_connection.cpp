// One client's connection from its first byte to its last: requests in order, each to its room.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gateway/api/admin.h"
#include "gateway/api/named_tenant.h"
#include "gateway/api/reads.h"
#include "gateway/exchange.h"
#include "gateway/guard/authenticate.h"
#include "gateway/guard/limits.h"
#include "gateway/http/head_writer.h"
#include "gateway/http/target.h"
#include "gateway/net/connection.h"
#include "gateway/net/export_pipe.h"
#include "gateway/net/parking.h"
#include "gateway/net/respond.h"
#include "gateway/net/seating.h"
#include "gateway/net/worker.h"

namespace talon::gateway {
namespace {

using core::Code;

/// Exports run on threads of their own; more than these at once are refused.
constexpr unsigned k_max_exports = 4;
/// What a refused client may still be sending while it reads our answer: a body it had begun, or the
/// rest of a head that has no end.
constexpr std::size_t k_linger_body = 64 << 20;
constexpr std::size_t k_linger_head = 256 * 1024;
constexpr std::string_view k_nobody{};
constexpr std::string_view k_no_code{};

struct Request {
  Worker& worker;
  Connection& client;
  SnapshotRef snapshot;  ///< the generation it began with
  RouteMatch match;
  std::string id;
  core::Micros began;
  SeatRef seat{};                    ///< of the key's own tenant, on routes that are no call
  std::optional<RateWindow> rate{};  ///< its account's, for x-ratelimit-*
};

std::string make_request_id(Worker& worker) {
  const auto ulid = core::Ulid::make(worker.shared.clock.now(), worker.random);
  std::string id = "req_";
  id += ulid.text();
  return id;
}

void log_answer(Request& request, int status, std::string_view caller, std::string_view code) {
  RequestLine line;
  line.request_id = request.id;
  line.caller = caller;
  line.method = request.client.head().method;
  line.path = request.match.route != nullptr ? request.match.route->pattern : std::string_view("-");
  line.status = status;
  line.code = code;
  line.duration = core::Micros{request.worker.shared.clock.monotonic().count - request.began.count};
  request.worker.log_request(line);
}

/// A body that came with a request that does not take one, or is not let in: skipped if it is all here,
/// else the connection ends, because its bytes are never read.
void leave_body(Connection& client) {
  if (client.head().framing != Framing::none && !client.body_in_place()) client.close_after_this();
}

Task<> answer(Request& request, const Response& response, std::string_view caller, std::string_view code) {
  leave_body(request.client);
  log_answer(request, response.status, caller, code);
  const bool sent = co_await respond(request.worker, request.client, response, request.id);
  static_cast<void>(sent);
}

Task<> refuse(Request& request, const Refusal& refusal) {
  const Response response = to_response(refusal, request.id);
  co_await answer(request, response, k_nobody, core::word(refusal.error.code));
}

/// A key that is not known here: counted, sampled into the operator's log, and slow from a certain number on. The answer
/// waits without the request's buffers; whoever has a valid key does not wait, also from the same address.
Task<> refuse_stranger(Request& request, const Refusal& refusal) {
  Worker& worker = request.worker;
  const core::Micros now = worker.shared.clock.monotonic();
  auto record = worker.denials.refused_unknown(refusal.error.code, now, worker.shared.clock.now(), worker.random);
  if (record) worker.write_behind(std::move(*record));
  const std::string peer = request.client.peer();
  const auto wait = worker.slowing.failed(peer, now);
  if (wait.count() == 0) co_return co_await refuse(request, refusal);

  request.client.close_after_this();
  const Response response = to_response(refusal, request.id);
  log_answer(request, response.status, k_nobody, core::word(refusal.error.code));
  write_head(worker, request.client, response, request.id);
  std::string bytes = request.client.space().client_head;
  if (request.client.head().method != "HEAD") bytes += response.body;
  request.client.drop_buffers();
  Parking pause(worker.loop);
  const Deadline deadline = worker.loop.in(wait);
  const Wake wake = co_await pause.wait(deadline, &request.client.interrupts);
  if (wake == Wake::gone) co_return;
  std::string_view piece = bytes;
  const bool sent = co_await request.client.send(std::span(&piece, 1));
  static_cast<void>(sent);
}

/// An account's requests a second are counted whatever its keys ask; calls are where they are admitted (exchange.h).
std::optional<Refusal> take_rate(Request& request) {
  if (request.seat == nullptr || request.seat->meters == nullptr) return std::nullopt;
  const core::Clock& clock = request.worker.shared.clock;
  const auto* tier = tier_of(request.seat->account.get(), request.snapshot->loaded.config.tiers, clock.now());
  auto window = admit_rate(*request.seat->meters, tier, clock.monotonic());
  if (!window) return std::move(window.error());
  request.rate = *window;
  return std::nullopt;
}

/// Whom it names, then how often it asked (interfaces.md §3). What is refused for the first has cost its share of the
/// second all the same.
std::optional<Refusal> admit_request(Request& request, const ApiRequest& asked, const JsonValue* body) {
  auto over = take_rate(request);
  if (auto allowed = check_named_tenant(asked, body); !allowed) return std::move(allowed.error());
  return over;
}

void tell_rate(const Request& request, Response& response) {
  if (request.rate) add_rate_fields(response.fields, *request.rate);
}

ApiRequest api_request(Request& request, const Caller& caller) {
  const RequestHead& head = request.client.head();
  vault::Vault& vault = request.worker.shared.vault;
  return {request.snapshot.get(), &vault,           &request.worker.shared.clock, &caller, request.match, head.query,
          &head.fields,           &vault.registry()};
}

/// A read's refusal: its caller is known, so 403 leaves evidence.
Task<> refuse_read(Request& request, const Caller& caller, Refusal refusal) {
  leave_body(request.client);
  co_await refuse_known(request.worker, request.client, request.snapshot, caller, request.match, request.id,
                        std::move(refusal));
}

/// Blocks, so it runs on the reader's thread.
Task<> serve_read(Request& request, const Caller& caller) {
  const ApiRequest asked = api_request(request, caller);
  std::optional<std::expected<Response, Refusal>> answered;
  const bool tagged = request.client.head().fields.find("X-Talon-Tenant-Id").has_value();
  if (request.match.route->id == RouteId::models && !tagged) {
    answered = answer_read(asked);
  } else {
    ReaderThread::Job job = [&] { answered = answer_read(asked); };
    const bool taken = co_await request.worker.shared.reader.run(request.worker.loop, job);
    if (!taken)
      answered = std::unexpected(Refusal{core::Error{Code::overloaded, "Too many reads wait; try again shortly.", {}}});
  }
  if (!*answered) {
    Refusal refusal = std::move(answered->error());
    co_return co_await refuse_read(request, caller, std::move(refusal));
  }
  Response response = std::move(**answered);
  tell_rate(request, response);
  co_await answer(request, response, caller.name, k_no_code);
}

Task<> refuse_body(Request& request, const Caller& caller, Connection::Failed failed) {
  request.client.close_after_this();
  if (!failed.error) co_return;
  Refusal refusal{std::move(*failed.error)};
  co_await refuse_read(request, caller, std::move(refusal));
}

/// Changes something: on the admin thread, one after the other. The key is known and may, so the body is read.
Task<> serve_admin(Request& request, const Caller& caller) {
  Worker& worker = request.worker;
  Connection& client = request.client;
  AdminRequest asked{api_request(request, caller),
                     {},
                     nullptr,
                     &worker.shared.vault.registry(),
                     &worker.shared.operations,
                     &worker.shared.vault,
                     &worker.shared.sessions,
                     &worker.shared.tenants};
  if (client.head().content_length > k_max_admin_body) {
    Connection::Failed failed{core::Error{Code::body_too_large, "The body of this route has at most 1 MiB.", {}}};
    co_return co_await refuse_body(request, caller, std::move(failed));
  }
  if (const auto allowed = check_admin_head(asked.request); !allowed) {
    Refusal refusal = allowed.error();
    co_return co_await refuse_read(request, caller, std::move(refusal));
  }
  if (const auto whole = client.body_in_place()) {
    asked.body = *whole;
  } else {
    auto failed = co_await client.read_body(k_max_admin_body);
    if (failed) co_return co_await refuse_body(request, caller, std::move(*failed));
    asked.body = client.body();
  }
  const auto document = parse_admin_body(asked.request, asked.body);
  if (!document) {
    Refusal refusal = document.error();
    co_return co_await refuse_read(request, caller, std::move(refusal));
  }
  asked.document = &*document;
  if (auto over = admit_request(request, asked.request, asked.document)) {
    Refusal refusal = std::move(*over);
    co_return co_await refuse_read(request, caller, std::move(refusal));
  }
  std::optional<std::expected<Response, Refusal>> answered;
  ReaderThread::Job job = [&] { answered = answer_admin(asked); };
  const bool opens_session = request.match.route->id == RouteId::session_create;
  ReaderThread& thread = opens_session ? worker.shared.opener : worker.shared.admin;
  const Turn turn = caller.kind == KeyKind::admin ? Turn::first : Turn::in_order;
  const bool taken = co_await thread.run(worker.loop, job, turn);
  if (!taken)
    answered = std::unexpected(Refusal{core::Error{Code::overloaded, "Too many changes wait; try again shortly.", {}}});
  if (!*answered) {
    Refusal refusal = std::move(answered->error());
    co_return co_await refuse_read(request, caller, std::move(refusal));
  }
  Response response = std::move(**answered);
  tell_rate(request, response);
  log_answer(request, response.status, caller.name, k_no_code);
  const bool sent = co_await respond(worker, client, response, request.id);
  static_cast<void>(sent);
}

/// Sends what the export writes, chunk by chunk. False: the client left, or the export failed.
Task<bool> send_export(Connection& client, ExportPipe& pipe, std::string_view client_head, bool chunked) {
  std::string bytes;
  std::string size;
  bool connected = true;
  while (connected && co_await pipe.read(bytes)) {
    size.clear();
    if (chunked) append_chunk_size(size, bytes.size());
    std::array<std::string_view, 4> pieces{client_head, size, bytes, chunked ? k_chunk_end : std::string_view{}};
    connected = co_await client.send(pieces);
    client_head = {};
  }
  if (!connected) {
    co_await pipe.abandon();
    co_return false;
  }
  if (!pipe.result()) co_return false;
  std::array<std::string_view, 2> end{client_head, chunked ? k_last_chunk : std::string_view{}};
  connected = co_await client.send(end);
  co_return connected;
}

Task<> serve_export(Request& request, const Caller& caller) {
  const ApiRequest asked = api_request(request, caller);
  std::optional<std::expected<ExportPlan, Refusal>> planned;
  ReaderThread::Job job = [&] { planned = plan_export(asked); };
  const bool taken = co_await request.worker.shared.reader.run(request.worker.loop, job);
  auto& exports = request.worker.shared.exports;
  const bool crowded = !taken || exports.load() >= k_max_exports;
  if (crowded)
    planned =
        std::unexpected(Refusal{core::Error{Code::overloaded, "Too many exports run at once; try again shortly.", {}}});
  if (!*planned) {
    Refusal refusal = std::move(planned->error());
    co_return co_await refuse_read(request, caller, std::move(refusal));
  }
  leave_body(request.client);
  ExportPlan plan = std::move(**planned);
  tell_rate(request, plan.head);
  const bool chunked = request.client.head().minor_version == 1;
  if (!chunked) request.client.close_after_this();
  log_answer(request, plan.head.status, caller.name, {});
  write_export_head(request.worker, request.client, plan.head, request.id, chunked);
  std::string head = request.client.space().client_head;
  if (request.client.head().method == "HEAD") {
    std::string_view piece = head;
    const bool sent = co_await request.client.send(std::span(&piece, 1));
    if (!sent) request.client.close_after_this();
    co_return;
  }
  exports.fetch_add(1);
  const auto pipe = std::make_shared<ExportPipe>(request.worker.loop);
  ExportPipe::start(pipe, [run = plan.run](ExportPipe& into) {
    return run([&into](std::string_view bytes) { return into.write(bytes); });
  });
  const bool whole = co_await send_export(request.client, *pipe, head, chunked);
  exports.fetch_sub(1);
  if (whole) co_return;
  // Never an end that looks like one.
  if (!chunked) request.client.reset_on_close();
  request.client.close_after_this();
}

/// Routes without query parameters refuse any; the reads look into theirs, a proxied path's are the provider's.
std::optional<Refusal> unknown_query(const Request& request) {
  const Route& route = *request.match.route;
  const bool takes_none =
      route.kind == RouteKind::operations || (route.kind == RouteKind::governed && route.id != RouteId::proxy);
  if (!takes_none) return std::nullopt;
  const auto query = Query::parse(request.client.head().query, {});
  if (query) return std::nullopt;
  return Refusal{query.error()};
}

Task<> serve_operations(Request& request) {
  if (const auto refusal = unknown_query(request)) co_return co_await refuse(request, *refusal);
  const Readiness readiness{request.worker.draining(), request.worker.shared.vault.stats().state};
  const Response response = answer_operations(request.match.route->id, readiness);
  co_await answer(request, response, k_nobody, k_no_code);
}

/// An expectation that is not `100-continue` (RFC 9110 §10.1.1).
bool expects_the_unknown(const RequestHead& head) {
  return head.minor_version == 1 && !head.expects_continue && head.fields.find("expect").has_value();
}

/// A registry key as a caller of its own, into `caller`; its tenant may have to be looked up.
Task<std::optional<Refusal>> take_registry_key(Request& request, const vault::KeyEntry& key,
                                               std::optional<Caller>& caller) {
  std::optional<core::TenantId> tenant;
  if (key.tenant != vault::LogNumber{}) {
    SeatRef seat = request.worker.seats.find(key.tenant);
    if (seat == nullptr) {
      auto found = co_await seat_of_key(request.worker, key.tenant);
      if (!found) co_return std::move(found.error());
      seat = *std::move(found);
    }
    tenant = seat->tenant;
  }
  caller.emplace(registry_caller(*request.snapshot, key, tenant));
  co_return std::nullopt;
}

/// A suspended tenant's keys open nothing (interfaces.md §3). Governed calls are checked by the tenant they are for.
Task<std::optional<Refusal>> check_own_account(Request& request, const Caller& caller) {
  if (!caller.tenant) co_return std::nullopt;
  const auto log = core::LogName::of(*caller.tenant);
  request.seat = request.worker.seats.find(log);
  if (request.seat == nullptr) {
    auto found = co_await seat_of(request.worker, log, SeatNeed::known);
    if (!found) co_return std::move(found.error());
    request.seat = *std::move(found);
  }
  co_return check_account(*request.seat);
}

/// Routes that are not there for this client: behind another door, or without an admin key (interfaces.md §1).
RouteMatch find_route(const Connection& client, const Snapshot& snapshot) {
  RouteMatch found = match(client.head().method, client.head().path);
  const Route* route = found.route;
  if (route == nullptr && !found.allow.empty()) {
    // A path that takes other methods: it must not show by its 405 either.
    route = match(found.allow.substr(0, found.allow.find(',')), client.head().path).route;
  }
  const bool hidden =
      route != nullptr && (!is_served(client.serves(), route->who) || (route->who == Who::admin && !snapshot.admin_on));
  return hidden ? RouteMatch{} : found;
}

/// 404, then 405, then 401, then 413 (interfaces.md §3); what is left goes to its room.
Task<> serve_request(Request& request) {
  Worker& worker = request.worker;
  const RequestHead& head = request.client.head();
  if (expects_the_unknown(head)) {
    const Refusal refusal{core::Error{Code::invalid_request, "The only Expect this server knows is 100-continue.", {}}};
    Response response = to_response(refusal, request.id);
    response.status = 417;
    co_return co_await answer(request, response, k_nobody, core::word(refusal.error.code));
  }
  if (request.match.route == nullptr) {
    Refusal refusal{core::Error{Code::not_found, "There is nothing here.", {}}};
    if (!request.match.allow.empty())
      refusal.error = {Code::method_not_allowed, "This path does not take " + std::string(head.method) + ".", {}};
    Response response = to_response(refusal, request.id);
    if (!request.match.allow.empty()) response.fields.emplace_back("Allow", request.match.allow);
    co_return co_await answer(request, response, k_nobody, core::word(refusal.error.code));
  }
  if (request.match.route->kind == RouteKind::operations) co_return co_await serve_operations(request);

  const auto identity = authenticate(*request.snapshot, worker.shared.vault, worker.shared.clock.now(), head.fields);
  if (!identity) {
    co_return co_await refuse_stranger(request, identity.error());
  }
  std::optional<Caller> registered;
  if (identity->key != nullptr) {
    const auto refusal = co_await take_registry_key(request, *identity->key, registered);
    if (refusal) co_return co_await refuse(request, *refusal);
  }
  if (head.content_length > static_cast<std::uint64_t>(request.snapshot->loaded.config.max_body)) {
    const Refusal refusal{core::Error{Code::body_too_large, "The request body is larger than server.max_body.", {}}};
    request.client.close_after_this();
    co_return co_await refuse(request, refusal);
  }
  if (worker.draining()) {
    const Refusal refusal{
        core::Error{Code::draining, "This gateway is shutting down; try another one, or again shortly.", {}}};
    co_return co_await refuse(request, refusal);
  }
  if (const auto refusal = unknown_query(request)) co_return co_await refuse(request, *refusal);
  const Caller& who = registered ? *registered : *identity->caller;
  if (request.match.route->kind == RouteKind::governed)
    co_return co_await exchange(worker, request.client, request.snapshot, who, request.match, request.id);
  if (auto closed = co_await check_own_account(request, who)) {
    Refusal refusal = std::move(*closed);
    co_return co_await refuse_read(request, who, std::move(refusal));
  }
  if (request.match.route->kind == RouteKind::admin) co_return co_await serve_admin(request, who);
  if (auto over = admit_request(request, api_request(request, who), nullptr)) {
    Refusal refusal = std::move(*over);
    co_return co_await refuse_read(request, who, std::move(refusal));
  }
  if (request.match.route->id == RouteId::evidence_export) {
    co_await serve_export(request, who);
  } else {
    co_await serve_read(request, who);
  }
}

/// The head could not be read: say why, if there is somebody to hear it.
Task<> answer_unreadable(Worker& worker, Connection& client, core::Error error) {
  client.close_after_this();
  Request request{worker, client, worker.snapshot(), {}, make_request_id(worker), worker.shared.clock.monotonic()};
  const Response response = to_response(Refusal{std::move(error)}, request.id);
  log_answer(request, response.status, {}, {});
  const bool sent = co_await respond(worker, client, response, request.id);
  static_cast<void>(sent);
}

}  // namespace

Task<> serve_connection(Worker& worker, int descriptor, std::size_t door) {
  Connection client(worker, descriptor, worker.doors()[door]);
  const bool speaks = co_await client.shake_hands();
  if (!speaks) co_return;
  std::size_t still_coming = k_linger_body;
  for (;;) {
    auto failed = co_await client.read_head();
    if (failed && !failed->error) co_return;
    if (failed) {
      core::Error error = std::move(*failed->error);
      co_await answer_unreadable(worker, client, std::move(error));
      still_coming = k_linger_head;
      break;
    }
    if (!client.head().keep_alive) client.close_after_this();
    Request request{worker,
                    client,
                    worker.snapshot(),
                    find_route(client, *worker.snapshot()),
                    make_request_id(worker),
                    worker.shared.clock.monotonic()};
    co_await serve_request(request);
    if (!client.keeps()) break;
    client.next_request();
  }
  co_await client.linger(still_coming);
}

}  // namespace talon::gateway
