// The npm package `ollama`.
import { Ollama } from "ollama";
import { EXACTLY, SCHEMA, TOOL, failing, print, url } from "./common.mjs";

const client = new Ollama({ host: url });
const ask = { model: "coder", messages: [{ role: "user", content: "Say hello." }], options: { num_predict: 12 } };

const whole = await client.chat(ask);

let text = "";
let last = null;
for await (const part of await client.chat({ ...ask, format: EXACTLY, options: { num_predict: 200 }, stream: true })) {
  text += part.message.content;
  last = part;
}

const structured = await client.chat({ ...ask, format: SCHEMA, options: { num_predict: 60 } });
const called = await client.chat({ ...ask, tools: [TOOL], tool_choice: "required", options: { num_predict: 120 } });

let read = 0;
const aborted = await failing(async () => {
  const long = await client.chat({ ...ask, options: { num_predict: 1500 }, stream: true, keep_alive: "5m" });
  for await (const _ of long) {
    read += 1;
    if (read === 2) long.abort();
  }
});

const filled = await client.generate({
  model: "coder",
  prompt: "def add(a, b):\n    return ",
  suffix: "\n",
  options: { num_predict: 8 },
});
const vectors = await client.embed({ model: "encoder", input: ["house", "sea"] });

print({
  models: (await client.list()).models.map((model) => model.name),
  capabilities: (await client.show({ model: "coder" })).capabilities,
  whole: whole.message.content,
  text,
  reason: last.done_reason,
  structured: structured.message.content,
  called: called.message.tool_calls ?? [],
  read,
  aborted,
  filled: { text: filled.response, tokens: filled.eval_count },
  lengths: vectors.embeddings.map((row) => row.length),
  running: (await client.ps()).models.map((model) => model.name),
  unknown: await failing(() => client.chat({ ...ask, model: "codr" })),
});
