// The reference: reads /openapi.json of this server, lists its routes, explains their fields, and sends one if asked.

const MOST_LEVELS = 4; // of fields inside fields

const made = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
};

// Backquotes in a description mark code.
const worded = (text) => (text || "").split("`").map((part, n) => (n % 2 ? made("code", {}, part) : part));

const list = document.getElementById("list");
const main = document.getElementById("route");
const search = document.getElementById("search");
let api;
let running; // the request under way

const resolved = (schema) => {
  let found = schema || {};
  for (let n = 0; found.$ref && n < 20; n++) found = api.components.schemas[found.$ref.split("/").pop()] || {};
  return found;
};

const choices = (schema) => (schema.anyOf || schema.oneOf || [schema]).map(resolved);

const kind = (schema) => {
  const kinds = choices(resolved(schema)).map((one) => {
    if (one.anyOf || one.oneOf) return kind(one);
    if (one.enum) return one.enum.map((value) => JSON.stringify(value)).join(" | ");
    if ("const" in one) return JSON.stringify(one.const);
    if (one.type === "array") return `list of ${kind(one.items || {})}`;
    return one.type === "null" ? "" : one.type || "anything";
  });
  return [...new Set(kinds.filter(Boolean))].join(" or ");
};

const range = (schema) => {
  const numbers = choices(resolved(schema)).filter((one) => one.type === "integer" || one.type === "number");
  return numbers
    .map((one) => [Number.isSafeInteger(Math.trunc(one.minimum)) && `from ${one.minimum}`, one.maximum !== undefined && `to ${one.maximum}`])
    .flat().filter(Boolean).join(" ");
};

const inner = (schema) =>
  choices(resolved(schema)).flatMap((one) => (one.type === "array" ? choices(resolved(one.items)) : [one])).filter((one) => one.properties);

const fields = (schema, level = 0) => {
  const rows = Object.entries(schema.properties || {}).map(([name, field]) => {
    const words = made("td", {}, ...worded(field.description || resolved(field).description));
    if ((schema.required || []).includes(name)) words.append(made("span", { class: "needed" }, " needed"));
    if (field.default !== undefined && field.default !== null) words.append(made("span", { class: "quiet" }, ` default ${JSON.stringify(field.default)}`));
    for (const part of level < MOST_LEVELS ? inner(field) : []) {
      words.append(made("details", {}, made("summary", {}, part.title || "fields"), fields(part, level + 1)));
    }
    return made("tr", {}, made("td", {}, made("code", {}, name)), made("td", {}, kind(field), " ", range(field)), words);
  });
  return made("table", {}, made("tbody", {}, ...rows));
};

const EXAMPLES = { model: () => firstModel, messages: () => [{ role: "user", content: "Why is the sky blue?" }], prompt: () => "The sky is blue because",
  input: () => "The sky is blue.", query: () => "colour of the sky", documents: () => ["The sky is blue.", "Grass is green."], max_tokens: () => 100, content: () => "The sky is blue." };
let firstModel = "smollm2:135m";

const example = (schema) => {
  const body = {};
  for (const name of schema.required || []) body[name] = name in EXAMPLES ? EXAMPLES[name]() : "";
  if (!("model" in body) && schema.properties?.model) body.model = firstModel;
  if (schema.properties?.messages && !body.messages) body.messages = EXAMPLES.messages();
  if (schema.properties?.prompt && !body.messages && !body.prompt) body.prompt = EXAMPLES.prompt();
  return body;
};

const send = async (method, path, body, shown, button) => {
  if (running) return running.abort();
  running = new AbortController();
  button.textContent = "Stop";
  const start = performance.now();
  shown.textContent = "…";
  try {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const key = document.getElementById("key").value;
    if (key) headers.Authorization = `Bearer ${key}`;
    const answer = await fetch(path, { method, headers, body, signal: running.signal });
    shown.textContent = `${answer.status} ${answer.statusText}\n\n`;
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece; reader && !(piece = await reader.read()).done; ) shown.append(piece.value);
    const whole = shown.textContent.slice(shown.textContent.indexOf("\n\n") + 2);
    try {
      shown.textContent = `${answer.status} ${answer.statusText}\n\n${JSON.stringify(JSON.parse(whole), null, 2)}`;
    } catch { /* a stream, or a text */ }
    shown.append(`\n\n${Math.round(performance.now() - start)} ms`);
  } catch (error) {
    shown.append(`\n${error.name === "AbortError" ? "stopped" : error.message}`);
  } finally {
    running = undefined;
    button.textContent = "Send";
  }
};

const trial = (method, path, operation, schema) => {
  const inputs = (operation.parameters || []).filter((one) => one.in !== "header").map((parameter) => {
    const value = parameter.in === "path" && parameter.name === "name" ? firstModel : "";
    return { parameter, input: made("input", { id: `p-${parameter.name}`, value }) };
  });
  const area = schema && made("textarea", { id: "body", spellcheck: "false" });
  if (area) area.value = JSON.stringify(example(schema), null, 2);
  const shown = made("pre", { "aria-live": "polite", hidden: true });
  const address = () => {
    let filled = path;
    const query = new URLSearchParams();
    for (const { parameter, input } of inputs) {
      if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value) query.set(parameter.name, input.value);
    }
    return query.size ? `${filled}?${query}` : filled;
  };
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const curl = () => {
    const data = area ? ` -H 'Content-Type: application/json' -d ${quoted(area.value)}` : "";
    return `curl -N -X ${method} ${quoted(location.origin + address())}${data}`;
  };
  const sending = made("button", { class: "first", onclick: () => { shown.hidden = false; send(method, address(), area?.value, shown, sending); } }, "Send");
  const copying = made("button", { onclick: async () => { await navigator.clipboard.writeText(curl()); copying.textContent = "Copied"; } }, "Copy as curl");
  return made("section", {}, made("h3", {}, "Try it"),
    ...inputs.map(({ parameter, input }) => made("label", {}, `${parameter.name} (${parameter.in})`, input)),
    area && made("label", {}, "body", area),
    made("label", {}, "key, if the server wants one", made("input", { id: "key", type: "password", autocomplete: "off" })),
    sending, copying, shown);
};

const answers = (operation) => Object.entries(operation.responses || {}).map(([status, told]) => {
  const content = Object.entries(told.content || {});
  const schema = content.map(([, one]) => resolved(one.schema)).find((one) => one.properties);
  const kinds = content.map(([type]) => type).join(" or ");
  const words = made("td", {}, ...worded(told.description));
  if (schema) words.append(made("details", {}, made("summary", {}, schema.title || "fields"), fields(schema, 1)));
  return made("tr", {}, made("td", {}, made("code", {}, status)), made("td", {}, kinds), words);
});

const show = () => {
  const [method, path] = decodeURIComponent(location.hash.slice(1)).split(" ");
  const operation = api.paths[path]?.[method?.toLowerCase()];
  for (const link of list.querySelectorAll("a")) link.toggleAttribute("aria-current", link.hash === location.hash);
  if (!operation) {
    return main.replaceChildren(made("h2", {}, api.info.title), made("p", {}, ...worded(api.info.description)),
      made("p", { class: "quiet" }, "Choose a route, or search for one or for a field."));
  }
  const body = operation.requestBody?.content?.["application/json"];
  const schema = body && resolved(body.schema);
  const parameters = operation.parameters || [];
  const asFields = { properties: Object.fromEntries(parameters.map((p) => [p.name, { ...p.schema, description: p.description }])), required: parameters.filter((p) => p.required).map((p) => p.name) };
  const trying = trial(method, path, operation, schema);
  main.replaceChildren(
    made("h2", {}, made("span", { class: `method ${method}` }, method), path),
    made("p", {}, ...worded(operation.description)),
    made("button", { onclick: () => trying.scrollIntoView() }, "Try it"),
    parameters.length ? made("section", {}, made("h3", {}, "In the address"), fields(asFields)) : "",
    schema ? made("section", {}, made("h3", {}, "Body"), fields(schema)) : "",
    made("section", {}, made("h3", {}, "Answers"), made("table", {}, made("tbody", {}, ...answers(operation)))),
    trying);
  main.scrollTop = 0;
  document.title = `${method} ${path} · Domov`;
};

const matches = (route, operation, words) => {
  const schema = resolved(operation.requestBody?.content?.["application/json"]?.schema);
  const text = `${route} ${operation.description} ${Object.keys(schema.properties || {}).join(" ")}`.toLowerCase();
  return words.every((word) => text.includes(word));
};

const fill = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [name, operation] of Object.entries(methods)) {
      const method = name.toUpperCase();
      if (!matches(`${method} ${path}`, operation, words)) continue;
      const link = made("a", { href: `#${encodeURIComponent(`${method} ${path}`)}` }, made("span", { class: `method ${method}` }, method), path);
      const tag = operation.tags?.[0] || "Other";
      groups.set(tag, [...(groups.get(tag) || []), link]);
    }
  }
  list.replaceChildren(...[...groups].flatMap(([tag, links]) => [made("h2", {}, tag), ...links]));
  if (!groups.size) list.replaceChildren(made("p", { class: "quiet" }, "Nothing has these words."));
};

const start = async () => {
  try {
    api = await (await fetch("/openapi.json")).json();
  } catch (error) {
    return main.replaceChildren(made("p", {}, `The description of the API could not be read: ${error.message}. Is the server still running?`));
  }
  fill();
  show();
  const models = await fetch("/v1/models").then((answer) => (answer.ok ? answer.json() : undefined)).catch(() => undefined);
  firstModel = models?.data?.[0]?.id || firstModel;
  show();
};

search.addEventListener("input", () => fill());
addEventListener("hashchange", () => { running?.abort(); show(); main.focus({ preventScroll: true }); });
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) { event.preventDefault(); search.focus(); }
  if (event.key === "Escape") running?.abort();
});
start();
