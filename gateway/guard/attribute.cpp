// Attribution of a call to a tenant and a session.
#include "gateway/guard/attribute.h"

namespace talon::gateway {
namespace {

using core::Code;
using core::TenantId;

/// An id field, decoded once; nullopt when it was not sent. `code` for what is malformed.
std::expected<std::optional<TenantId>, Refusal> id_field(const Fields& fields, std::string_view name, Code code,
                                                         const char* what) {
  const auto value = fields.find(name);
  if (!value) return std::nullopt;
  const auto bad = [&](std::string_view why) {
    return refuse(code, std::string(what) + " in " + std::string(name) + " is not usable: " + std::string(why));
  };
  if (fields.count(name) > 1) return bad("the field was sent more than once.");
  const auto decoded = core::percent_decode(*value);
  if (!decoded) return bad("a percent escape is broken; it is % and two hexadecimal digits.");
  auto id = TenantId::parse(*decoded);
  if (!id) {
    // Ids of sessions follow the rules of tenants' ids; the sentence speaks of what was sent.
    constexpr std::string_view k_tenant = "a tenant id ";
    std::string why = id.error().message;
    if (code == Code::invalid_session_id && why.starts_with(k_tenant)) why.replace(0, k_tenant.size(), "it ");
    return bad(why);
  }
  return *std::move(id);
}

/// The tenant that the call itself names, by field, by body or by both alike.
std::expected<std::optional<TenantId>, Refusal> named_tenant(const Fields& fields,
                                                             const std::optional<std::string>& body_tenant) {
  auto named = id_field(fields, "X-Talon-Tenant-Id", Code::invalid_tenant_id, "The tenant id");
  if (!named || !body_tenant) return named;
  auto in_body = TenantId::parse(*body_tenant);
  if (!in_body)
    return refuse(Code::invalid_tenant_id, "tenant_id in the body is not usable: " + in_body.error().message);
  if (*named && **named != *in_body) {
    return refuse(Code::invalid_request, "X-Talon-Tenant-Id names tenant \"" + (*named)->bytes() +
                                             "\" and the body names \"" + in_body->bytes() +
                                             "\"; a call has one tenant.");
  }
  return *std::move(in_body);
}

}  // namespace

std::expected<Attributed, Refusal> attribute(const Caller& caller, const Fields& fields,
                                             const std::optional<std::string>& body_tenant,
                                             std::string fallback_session) {
  if (caller.kind == KeyKind::admin) {
    return refuse(Code::wrong_key_kind, "The admin key makes no calls to providers; use a caller's key.");
  }
  const auto named = named_tenant(fields, body_tenant);
  if (!named) return std::unexpected(named.error());
  const auto session = id_field(fields, "X-Talon-Session-Id", Code::invalid_session_id, "The session id");
  if (!session) return std::unexpected(session.error());

  Attributed result;
  if (caller.tenant) {
    if (*named && **named != *caller.tenant) {
      return refuse(Code::tenant_mismatch, "This key belongs to tenant \"" + caller.tenant->bytes() +
                                               "\" and cannot act for \"" + (*named)->bytes() + "\".");
    }
    result.tenant = caller.tenant;
  } else if (*named) {
    result.tenant = **named;
    result.attribution = core::Attribution::call;
  }
  if (result.tenant) result.log = core::LogName::of(*result.tenant);
  result.client_session = session->has_value();
  if (*session) {
    result.session = (*session)->bytes();
  } else {
    result.session = std::move(fallback_session);
  }
  return result;
}

}  // namespace talon::gateway
