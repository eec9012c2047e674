// The official openai Node SDK against Talon: what an application does, and what its exceptions say.
import assert from "node:assert/strict";
import OpenAI from "openai";

import { tests as accountTests } from "./accounts.mjs";

const { TALON_TEST_URL: baseURL, TALON_TEST_KEY: apiKey, TALON_TEST_CAPPED_KEY: cappedKey } = process.env;
const model = "gpt-4o-mini";
const messages = [{ role: "user", content: "Hello" }];
let sent = 0;
const counted = (...call) => { sent += 1; return fetch(...call); };
const make = (more) => new OpenAI({ baseURL, apiKey, fetch: counted, ...more });
const client = make();

const tests = {
  async "a chat"() {
    const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
    assert.equal(data.choices[0].message.role, "assistant");
    assert.ok(data.usage.total_tokens > 0);
    assert.match(response.headers.get("x-talon-evidence-id"), /^ev_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
    assert.ok(data._request_id);
    assert.notEqual(data._request_id, "req_sim");
  },
  async "a stream"() {
    let text = "";
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
      assert.equal(chunk.choices.length, 1, "no usage chunk that nobody asked for");
      text += chunk.choices[0].delta.content ?? "";
    }
    assert.match(text, /^The quick brown fox/);
  },
  async "a stream with usage"() {
    let usage = null;
    const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
    for await (const chunk of stream) usage = chunk.usage ?? usage;
    assert.ok(usage.total_tokens > 0);
  },
  async "a stream that the application leaves"() {
    const stream = await client.chat.completions.create({ model, messages, stream: true }, { headers: { "X-Sim": "interval=20;events=500" } });
    let seen = 0;
    for await (const chunk of stream) {
      assert.equal(chunk.object, "chat.completion.chunk");
      if (++seen === 3) break;
    }
  },
  async "tools"() {
    const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];
    const first = await client.chat.completions.create({ model, messages, tools });
    const [call] = first.choices[0].message.tool_calls;
    assert.equal(first.choices[0].finish_reason, "tool_calls");
    assert.equal(call.function.name, "weather");
    assert.equal(JSON.parse(call.function.arguments).city, "Vienna");
    const second = await client.chat.completions.create({
      model, tools, messages: [...messages, first.choices[0].message, { role: "tool", tool_call_id: call.id, content: "20 degrees" }],
    });
    assert.equal(second.choices[0].finish_reason, "stop");
  },
  async "tools in a stream"() {
    const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
    const final = await client.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
    assert.equal(JSON.parse(final.choices[0].message.tool_calls[0].function.arguments).city, "Vienna");
  },
  async "completions"() {
    const answer = await client.completions.create({ model: "gpt-3.5-turbo-instruct", prompt: "Hello", max_tokens: 20 });
    assert.equal(answer.object, "text_completion");
  },
  async "embeddings"() {
    const answer = await client.embeddings.create({ model: "text-embedding-3-small", input: ["a", "b"] });
    assert.equal(answer.data.length, 2);
    assert.ok(Math.abs(answer.data[0].embedding[2] - 0.0125) < 1e-6);
  },
  async "models"() {
    const ids = [];
    for await (const one of client.models.list()) ids.push(one.id);
    assert.ok(ids.includes(model), ids.join(" "));
  },
  async "401 is an AuthenticationError and is not tried again"() {
    sent = 0;
    await assert.rejects(make({ apiKey: "nobody" }).chat.completions.create({ model, messages }), (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
      assert.equal(error.code, "invalid_key");
      return true;
    });
    assert.equal(sent, 1);
  },
  async "402 is an APIError with its code and is not tried again"() {
    sent = 0;
    await assert.rejects(make({ apiKey: cappedKey }).chat.completions.create({ model, messages }), (error) => {
      assert.ok(error instanceof OpenAI.APIError, String(error));
      assert.equal(error.status, 402);
      assert.equal(error.code, "daily_cost_exceeded");
      assert.equal(error.type, "budget_limit_error");
      assert.match(error.message, /Daily cost limit of \$0\.00 for caller capped would be exceeded/);
      return true;
    });
    assert.equal(sent, 1);
  },
  async "502 is an InternalServerError"() {
    const failing = client.chat.completions.create({ model, messages }, { headers: { "X-Sim": "cut=before" }, maxRetries: 0 });
    await assert.rejects(failing, (error) => {
      assert.ok(error instanceof OpenAI.InternalServerError, String(error));
      assert.equal(error.status, 502);
      assert.equal(error.code, "provider_error");
      return true;
    });
  },
  async "429 is a RateLimitError"() {
    const limited = client.chat.completions.create({ model, messages }, { headers: { "X-Sim": "status=429;retry-after=1" }, maxRetries: 0 });
    await assert.rejects(limited, (error) => error instanceof OpenAI.RateLimitError && error.code === "provider_rate_limited");
  },
  async "a cut stream throws and does not end as if it were whole"() {
    const stream = await client.chat.completions.create({ model, messages, stream: true }, { headers: { "X-Sim": "cut=5" } });
    let seen = 0;
    await assert.rejects(async () => { for await (const chunk of stream) seen += chunk.choices.length; }, (error) => error instanceof OpenAI.APIError);
    assert.ok(seen > 0);
  },
};

let failed = 0;
for (const [name, test] of Object.entries({ ...tests, ...accountTests })) {
  try {
    await test();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
