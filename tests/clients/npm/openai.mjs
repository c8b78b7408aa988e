// The npm package `openai`.
import OpenAI from "openai";
import { EXACTLY, SCHEMA, TOOL, failing, print, url } from "./common.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const ask = { model: "coder", messages: [{ role: "user", content: "Say hello." }], max_tokens: 12 };
const schema = (value) => ({ type: "json_schema", json_schema: { name: "answer", strict: true, schema: value } });

const models = [];
for await (const model of client.models.list()) models.push(model.id);

const whole = await client.chat.completions.create(ask);

let text = "";
let chunks = 0;
let usage = null;
for await (const chunk of await client.chat.completions.create({
  ...ask,
  max_tokens: 200,
  response_format: schema(EXACTLY),
  stream: true,
  stream_options: { include_usage: true },
})) {
  text += chunk.choices[0]?.delta?.content ?? "";
  chunks += 1;
  usage = chunk.usage ?? usage;
}

const structured = await client.chat.completions.create({ ...ask, max_tokens: 60, response_format: schema(SCHEMA) });

const called = [];
for await (const chunk of await client.chat.completions.create({
  ...ask,
  max_tokens: 120,
  tools: [TOOL],
  tool_choice: "required",
  stream: true,
})) {
  for (const piece of chunk.choices[0]?.delta?.tool_calls ?? []) {
    called[piece.index] ??= { name: "", arguments: "" };
    called[piece.index].name += piece.function?.name ?? "";
    called[piece.index].arguments += piece.function?.arguments ?? "";
  }
}

const long = await client.chat.completions.create({ ...ask, max_tokens: 1500, ignore_eos: true, stream: true });
let read = 0;
for await (const _ of long) {
  read += 1;
  if (read === 3) long.controller.abort();
}

const filled = await client.completions.create({ model: "coder", prompt: "def add(a, b):\n    return ", suffix: "\n", max_tokens: 8 });
const responded = await client.responses.create({ model: "coder", input: "Say hello.", max_output_tokens: 12, store: false });
const vectors = await client.embeddings.create({ model: "encoder", input: ["house", "sea"] });

print({
  models,
  whole: whole.choices[0].message.content,
  text,
  chunks,
  usage,
  structured: structured.choices[0].message.content,
  called,
  read,
  filled: { text: filled.choices[0].text, tokens: filled.usage.completion_tokens },
  responded: responded.output_text,
  lengths: vectors.data.map((row) => row.embedding.length),
  unknown: await failing(() => client.chat.completions.create({ ...ask, model: "codr" })),
  wrong: await failing(() => client.chat.completions.create({ ...ask, temperature: 99 })),
});
