// Continue's own way to providers, `@continuedev/openai-adapters`, as its command line and its editors' plugins use it.
import { constructLlmApi } from "@continuedev/openai-adapters";
import { failing, print, url } from "./common.mjs";

const api = constructLlmApi({ provider: "openai", apiBase: `${url}/v1/`, apiKey: "none" });
const never = new AbortController().signal;
const messages = [{ role: "user", content: "Say hello." }];

async function text(stream, piece) {
  let all = "";
  for await (const chunk of stream) all += piece(chunk.choices[0]) ?? "";
  return all;
}

const chat = { model: "coder", messages, max_tokens: 12, stream: true };
const fill = { model: "coder", prompt: "def add(a, b):\n    return ", suffix: "\n\nprint(add(1, 2))", max_tokens: 8, stream: true };

const leaving = new AbortController();
let read = 0;
try {
  for await (const _ of api.fimStream({ ...fill, max_tokens: 1500 }, leaving.signal)) {
    read += 1;
    leaving.abort();
  }
} catch (error) {
  if (error.name !== "AbortError") throw error;
}

const vectors = await api.embed({ model: "encoder", input: ["house", "sea"] });
const ranking = await api.rerank({ model: "ranker", query: "house", documents: ["sea", "house by the sea"] });

print({
  models: (await api.list()).map((model) => model.id),
  chat: await text(api.chatCompletionStream(chat, never), (choice) => choice?.delta?.content),
  completion: await text(
    api.completionStream({ model: "coder", prompt: "One, two, three,", max_tokens: 8, stream: true }, never),
    (choice) => choice?.text,
  ),
  fill: await text(api.fimStream(fill, never), (choice) => choice?.delta?.content),
  read,
  lengths: vectors.data.map((row) => row.embedding.length),
  ranking: ranking.data,
  unknown: await failing(() => api.chatCompletionNonStream({ model: "codr", messages, stream: false }, never)),
});
