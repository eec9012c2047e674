// The official SDK with the keys of accounts: a tenant's own, on the operator's provider key and on its own, and a scoped
// virtual key. What an operator does to an account is done here with fetch and the admin key.
import assert from "node:assert/strict";
import OpenAI from "openai";

const { TALON_TEST_URL: baseURL, TALON_TEST_ADMIN_KEY: adminKey } = process.env;
const accounts = JSON.parse(process.env.TALON_TEST_ACCOUNTS);
const model = "gpt-4o-mini";
const hello = (kind) => [{ role: "user", content: `Hello from ${kind}` }];

async function admin(method, path, body) {
  const response = await fetch(new URL(path, baseURL), {
    method, body: body && JSON.stringify(body), headers: { authorization: `Bearer ${adminKey}` },
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/** A client that counts what it sends. */
function make(apiKey, more) {
  const client = new OpenAI({ baseURL, apiKey, fetch: (...call) => { client.sent += 1; return fetch(...call); }, ...more });
  client.sent = 0;
  return client;
}

/** The call fails with this exception and code, and is not tried again. */
async function refused(client, kind, type, status, code, more) {
  client.sent = 0;
  await assert.rejects(client.chat.completions.create({ model, messages: hello(kind), ...more }), (error) => {
    assert.ok(error instanceof type, String(error));
    assert.deepEqual([error.status, error.code], [status, code]);
    assert.ok(error.requestID);
    return true;
  });
  assert.equal(client.sent, 1);
}

/** A second key of the same kind, and what revokes it. */
async function another(kind, tenant) {
  if (kind === "scoped") {
    const made = await admin("POST", "/api/virtual_keys", { name: "short", tenant_id: tenant });
    return [made.plaintext, () => admin("POST", `/api/virtual_keys/${made.id}/revoke`)];
  }
  const made = await admin("POST", `/v1/tenants/${tenant}/api-keys`, { name: "short" });
  return [made.key, () => admin("DELETE", `/v1/tenants/${tenant}/api-keys/${made.key_id}`)];
}

async function account(tier) {
  const made = await admin("POST", "/v1/admin/tenants", { name: tier, tier, provider_keys: "operator" });
  return make(made.api_keys[0].key);
}

export const tests = {};
for (const [kind, { tenant_id: tenant, key }] of Object.entries(accounts)) {
  const client = make(key);
  const messages = hello(kind);
  tests[`${kind}: a chat`] = async () => {
    const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
    assert.match(data.choices[0].message.content, /^The quick brown fox/);
    assert.equal(response.headers.get("x-talon-tenant-id"), tenant);
    assert.equal(response.headers.has("x-talon-cost-usd"), kind !== "scoped", "a virtual key is told no cost");
  };
  tests[`${kind}: a stream`] = async () => {
    let text = "";
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) text += chunk.choices[0].delta.content ?? "";
    assert.match(text, /^The quick brown fox/);
  };
  tests[`${kind}: models and embeddings`] = async () => {
    assert.ok((await client.models.list()).data.some((one) => one.id === model));
    const vectors = await client.embeddings.create({ model: "text-embedding-3-small", input: `Hello from ${kind}` });
    assert.equal(vectors.data.length, 1);
  };
  tests[`${kind}: 401 once the key is revoked`] = async () => {
    const [short, revoke] = await another(kind, tenant);
    const holder = make(short);
    await holder.chat.completions.create({ model, messages });
    await revoke();
    await refused(holder, kind, OpenAI.AuthenticationError, 401, "invalid_key");
    await client.chat.completions.create({ model, messages });
  };
  tests[`${kind}: 403 while the tenant is suspended`] = async () => {
    await admin("POST", `/v1/admin/tenants/${tenant}/suspend`, { reason: "unpaid" });
    await refused(client, kind, OpenAI.PermissionDeniedError, 403, "tenant_suspended");
    await refused(client, kind, OpenAI.PermissionDeniedError, 403, "tenant_suspended", { stream: true });
    await admin("POST", `/v1/admin/tenants/${tenant}/resume`);
    await client.chat.completions.create({ model, messages });
  };
  tests[`${kind}: 403 for another tenant's name`] = async () => {
    const other = make(key, { defaultHeaders: { "X-Talon-Tenant-Id": "acme" } });
    await refused(other, kind, OpenAI.PermissionDeniedError, 403, "tenant_mismatch");
  };
  tests[`${kind}: 402 at the cap`] = () =>
    refused(client, kind, OpenAI.APIError, 402, "daily_cost_exceeded", { max_tokens: 10 ** 10 });
  tests[`${kind}: the provider's 429`] = async () => {
    const headers = { "X-Sim": "status=429;error-code=their_limit" };
    const limited = client.chat.completions.create({ model, messages }, { headers, maxRetries: 0 });
    // What the provider says of a customer's own key is the customer's to read; of the operator's it is not.
    const code = kind === "operator" ? "provider_rate_limited" : "their_limit";
    await assert.rejects(limited, (error) => error instanceof OpenAI.RateLimitError && error.code === code);
  };
}

Object.assign(tests, {
  async "429 for the month is not tried again"() {
    const client = await account("small");
    for (const messages of [hello("operator"), hello("operator")]) await client.chat.completions.create({ model, messages });
    await refused(client, "operator", OpenAI.RateLimitError, 429, "monthly_request_limit_exceeded");
  },
  async "429 for the second is tried again after it"() {
    const client = await account("slow");
    const messages = hello("operator");
    const calls = Array.from({ length: 5 }, () => client.chat.completions.create({ model, messages }, { maxRetries: 0 }));
    const refusals = (await Promise.allSettled(calls)).filter((call) => call.status === "rejected").map((call) => call.reason);
    assert.ok(refusals.length > 0);
    for (const error of refusals) assert.ok(error instanceof OpenAI.RateLimitError && error.code === "rate_limited", String(error));
    const again = await client.chat.completions.create({ model, messages });
    assert.match(again.choices[0].message.content, /^The quick brown fox/);
  },
});
