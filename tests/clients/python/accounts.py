"""The official SDK with the keys of accounts: a tenant's own, on the operator's provider key and on its own, and a scoped
virtual key. What an operator does to an account is done here with the admin key."""

import functools
import json
import os
import urllib.request

import openai

URL = os.environ["TALON_TEST_URL"]
ADMIN = os.environ["TALON_TEST_ADMIN_KEY"]
ACCOUNTS = json.loads(os.environ["TALON_TEST_ACCOUNTS"])
MODEL = "gpt-4o-mini"


def admin(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(URL.removesuffix("/v1") + path, data, {"Authorization": f"Bearer {ADMIN}"}, method=method)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def client_of(key, **more):
    return openai.OpenAI(base_url=URL, api_key=key, **more)


def chat(client, kind, **members):
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": f"Hello from {kind}"}], **members)


def refused(error_type, status, code, call):
    try:
        call()
    except error_type as error:
        assert (error.status_code, error.code) == (status, code), error
        assert error.request_id, error
        return
    raise AssertionError(f"no {error_type.__name__}")


def a_chat_and_a_stream(kind, tenant, key):
    raw = client_of(key).chat.completions.with_raw_response.create(model=MODEL, messages=[{"role": "user", "content": f"Hello from {kind}"}])
    assert raw.headers["x-talon-tenant-id"] == tenant
    assert ("x-talon-cost-usd" in raw.headers) == (kind != "scoped"), "a virtual key is told no cost"
    assert raw.parse().choices[0].message.content.startswith("The quick brown fox")
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chat(client_of(key), kind, stream=True))
    assert text.startswith("The quick brown fox")
    assert MODEL in [one.id for one in client_of(key).models.list()]


def a_revoked_key_is_a_401(kind, tenant, key):
    if kind == "scoped":
        made = admin("POST", "/api/virtual_keys", {"name": "short", "tenant_id": tenant})
        short, revoke = client_of(made["plaintext"]), functools.partial(admin, "POST", f"/api/virtual_keys/{made['id']}/revoke")
    else:
        made = admin("POST", f"/v1/tenants/{tenant}/api-keys", {"name": "short"})
        short, revoke = client_of(made["key"]), functools.partial(admin, "DELETE", f"/v1/tenants/{tenant}/api-keys/{made['key_id']}")
    chat(short, kind)
    revoke()
    refused(openai.AuthenticationError, 401, "invalid_key", lambda: chat(short, kind))
    chat(client_of(key), kind)


def a_suspended_tenant_is_a_403(kind, tenant, key):
    admin("POST", f"/v1/admin/tenants/{tenant}/suspend", {"reason": "unpaid"})
    refused(openai.PermissionDeniedError, 403, "tenant_suspended", lambda: chat(client_of(key), kind))
    refused(openai.PermissionDeniedError, 403, "tenant_suspended", lambda: chat(client_of(key), kind, stream=True))
    admin("POST", f"/v1/admin/tenants/{tenant}/resume")
    chat(client_of(key), kind)


def limits_are_429_and_402(kind, tenant, key):
    refused(openai.APIStatusError, 402, "daily_cost_exceeded", lambda: chat(client_of(key), kind, max_tokens=10**10))
    # What the provider says of a customer's own key is the customer's to read; of the operator's it is not.
    theirs = {"X-Sim": "status=429;error-code=their_limit"}
    code = "provider_rate_limited" if kind == "operator" else "their_limit"
    try:
        chat(client_of(key, max_retries=0), kind, extra_headers=theirs)
    except openai.RateLimitError as error:
        assert error.code == code, error
    else:
        raise AssertionError("no RateLimitError")


def a_months_limit_is_a_429():
    made = admin("POST", "/v1/admin/tenants", {"name": "small", "tier": "small", "provider_keys": "operator"})
    client = client_of(made["api_keys"][0]["key"])
    for _ in range(2):
        chat(client, "operator")
    refused(openai.RateLimitError, 429, "monthly_request_limit_exceeded", lambda: chat(client, "operator"))


TESTS = [(f"{kind}: {test.__name__.replace('_', ' ')}", functools.partial(test, kind, account["tenant_id"], account["key"]))
         for kind, account in ACCOUNTS.items()
         for test in (a_chat_and_a_stream, a_revoked_key_is_a_401, a_suspended_tenant_is_a_403, limits_are_429_and_402)]
TESTS.append(("a month's limit is a 429", a_months_limit_is_a_429))
