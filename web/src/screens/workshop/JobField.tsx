import { useTranslation } from "react-i18next";
import { Select, Switch, TextArea, TextField } from "@/components/Field";
import type { Schema } from "./jobs";
import { said } from "./words";

const MODELS = ["model", "first", "second", "against", "teacher", "student", "parent"];
/** Types worth a try, from the most careful to the smallest. */
const TYPES = [
  "F16",
  "BF16",
  "Q8_0",
  "Q6_K",
  "Q5_K_M",
  "Q5_K_S",
  "Q5_0",
  "Q4_K_M",
  "Q4_K_S",
  "IQ4_XS",
  "IQ4_NL",
  "Q4_0",
  "Q3_K_L",
  "Q3_K_M",
  "Q3_K_S",
  "IQ3_M",
  "Q2_K",
];
const MEGABYTE = 1_000_000;
const MOST_TEXT_BYTES = 4 << 20;

interface Props {
  kind: string;
  name: string;
  schema: Schema;
  models: readonly string[];
  value: unknown;
  onChange: (value: unknown) => void;
}

/** One parameter of a job, by its name where that says more than its schema. */
export function JobField(props: Props) {
  const { t } = useTranslation("workshop");
  const { kind, name, schema, value, onChange } = props;
  const words = {
    label: said(t, [`fields.${kind}.${name}`, `fields.${name}`], schema.title ?? name),
    hint: said(t, [`hints.${kind}.${name}`, `hints.${name}`], schema.description ?? ""),
  };
  if (MODELS.includes(name)) return <ModelField {...props} words={words} />;
  if (name === "type" && kind === "quantize") {
    const options = TYPES.map((type) => ({ value: type, label: said(t, `types.${type}`, type) }));
    return (
      <Select {...words} options={options} value={String(value)} onChange={(event) => onChange(event.target.value)} />
    );
  }
  if (name === "fit_bytes") return <Scaled {...props} words={words} factor={MEGABYTE} />;
  if (name === "loss" || name === "width") return <Scaled {...props} words={words} factor={0.01} />;
  if (takesText(schema)) return <Text {...props} words={words} />;
  if (schema.items && takesText(schema.items)) {
    const [first] = Array.isArray(value) ? value : [];
    return (
      <Text
        {...props}
        schema={schema.items}
        value={first}
        words={words}
        onChange={(text) => onChange(text ? [text] : [])}
      />
    );
  }
  if (schema.type === "boolean") return <Switch {...words} checked={Boolean(value)} onChange={onChange} />;
  if (schema.type === "array" || schema.anyOf?.some((one) => one.type === "array")) {
    const lines = Array.isArray(value) ? value.join("\n") : "";
    return (
      <TextArea
        {...words}
        rows={2}
        value={lines}
        onChange={(event) => onChange(event.target.value === "" ? [] : event.target.value.split("\n"))}
      />
    );
  }
  const choices = schema.enum ?? schema.anyOf?.find((one) => one.enum)?.enum;
  if (choices) {
    const none = schema.enum ? [] : [{ value: "", label: t("noChoice") }];
    const named = choices.map((choice) => ({
      value: String(choice),
      label: said(t, `choices.${choice}`, String(choice)),
    }));
    const options = [...none, ...named];
    return (
      <Select
        {...words}
        options={options}
        value={String(value ?? "")}
        onChange={(event) => onChange(event.target.value || undefined)}
      />
    );
  }
  if (isNumber(schema)) return <Scaled {...props} words={words} factor={1} />;
  return (
    <TextField
      {...words}
      value={String(value ?? "")}
      maxLength={300}
      spellCheck={false}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

type Worded = Props & { words: { label: string; hint: string } };

function ModelField({ name, schema, models, value, words, onChange }: Worded) {
  const { t } = useTranslation("workshop");
  const optional = schema.anyOf?.some((one) => one.type === "null") ?? false;
  const none = optional ? [{ value: "", label: said(t, `noModel.${name}`, t("noModel.other")) }] : [];
  const options = [...none, ...models.map((model) => ({ value: model, label: model }))];
  return (
    <Select
      {...words}
      options={options}
      value={String(value ?? "")}
      onChange={(event) => onChange(event.target.value || undefined)}
    />
  );
}

/** A number that people think of in other units. */
function Scaled({ schema, value, words, factor, onChange }: Worded & { factor: number }) {
  const shown = typeof value === "number" ? Number((value / factor).toPrecision(6)) : "";
  return (
    <TextField
      {...words}
      type="number"
      inputMode="decimal"
      min={schema.minimum === undefined ? undefined : schema.minimum / factor}
      step="any"
      value={shown}
      className="max-w-48 tabular"
      onChange={(event) => {
        const next = event.target.valueAsNumber;
        const whole = schema.type === "integer" || schema.anyOf?.some((one) => one.type === "integer");
        onChange(Number.isNaN(next) ? undefined : whole ? Math.round(next * factor) : next * factor);
      }}
    />
  );
}

/** A text to tune on or to judge by: the builtin one, or a file of one's own. */
function Text({ schema, name, value, words, onChange }: Worded) {
  const { t } = useTranslation("workshop");
  const given = typeof value === "object" && value !== null ? (value as { name: string }) : null;
  const builtin = schema.anyOf?.some((one) => one.const === "builtin") ?? false;
  const optional = schema.anyOf?.some((one) => one.type === "null") ?? false;
  const options = [
    ...(optional ? [{ value: "", label: said(t, `noText.${name}`, t("noText.other")) }] : []),
    ...(builtin ? [{ value: "builtin", label: t("builtin") }] : []),
    { value: "file", label: given ? given.name : t("ownText") },
  ];
  return (
    <div className="flex flex-col gap-2">
      <Select
        {...words}
        options={options}
        value={given ? "file" : String(value ?? "")}
        onChange={(event) =>
          event.target.value === "file" ? pick(onChange) : onChange(event.target.value || undefined)
        }
      />
    </div>
  );
}

function pick(onChange: (value: unknown) => void): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = ".txt,.md,text/plain";
  input.onchange = async () => {
    const file = input.files?.[0];
    if (file) onChange({ name: file.name.slice(0, 200), content: (await file.text()).slice(0, MOST_TEXT_BYTES) });
  };
  input.click();
}

function takesText(schema: Schema): boolean {
  return schema.anyOf?.some((one) => one.$ref?.endsWith("/GivenText")) ?? false;
}

function isNumber(schema: Schema): boolean {
  const kinds = [schema, ...(schema.anyOf ?? [])].map((one) => one.type);
  return kinds.includes("integer") || kinds.includes("number");
}
