// What the scripts share: every one asks the server at argv[2] and prints one JSON object for the test to judge.

export const url = process.argv[2];

export const TOOL = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather of a town",
    parameters: {
      type: "object",
      properties: { town: { type: "string", enum: ["Praha", "Brno"] } },
      required: ["town"],
    },
  },
};

export const SCHEMA = {
  type: "object",
  properties: { colour: { type: "string", enum: ["modrá", "žlutá"] } },
  required: ["colour"],
  additionalProperties: false,
};

// Whatever the model says, these characters come back: the schema allows no other text. Each is several tokens.
export const UNICODE = "žluťoučký kůň 🐴 日本語";
export const EXACTLY = { type: "object", properties: { text: { const: UNICODE } }, required: ["text"], additionalProperties: false };

export async function failing(work) {
  try {
    await work();
  } catch (error) {
    return { name: error.constructor.name, status: error.status ?? error.status_code ?? null, message: error.message };
  }
  return null;
}

export function print(results) {
  process.stdout.write(JSON.stringify(results));
}
