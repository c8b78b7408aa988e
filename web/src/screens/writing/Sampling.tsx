import { Save } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { NumberSlider, Select, TextArea, TextField } from "@/components/Field";
import { biasesOf, biasText, GROUPS, keepPreset, ownPresets, PRESETS, presetOf, withPreset } from "./presets";
import type { Options } from "./story";

/** How the next token is chosen. What is not set is the model's own, or llama.cpp's. */
export function Sampling({ options, onChange }: { options: Options; onChange: (options: Options) => void }) {
  const { t } = useTranslation("writing");
  const set = (name: string, value: unknown) => {
    const { [name]: _, ...rest } = options;
    onChange(value === null || value === "" ? rest : { ...rest, [name]: value });
  };
  return (
    <div className="flex flex-col gap-5">
      <Presets options={options} onChange={onChange} />
      {GROUPS.map((group) => (
        <details key={group.name} open={group.name === "choice"} className="border-t border-line pt-3">
          <summary className="text-base font-medium">{t(`sampling.groups.${group.name}`)}</summary>
          <div className="flex flex-col gap-4 pt-3">
            {group.controls.map((control) => (
              <NumberSlider
                key={control.name}
                label={t(`sampling.controls.${control.name}`)}
                hint={t(`sampling.hints.${control.name}`)}
                value={typeof options[control.name] === "number" ? (options[control.name] as number) : null}
                fallback={control.off}
                min={control.min}
                max={control.max}
                step={control.step}
                onChange={(value) => set(control.name, value)}
              />
            ))}
          </div>
        </details>
      ))}
      <Forbidden options={options} set={set} />
    </div>
  );
}

function Presets({ options, onChange }: { options: Options; onChange: (options: Options) => void }) {
  const { t } = useTranslation("writing");
  const [own, setOwn] = useState(ownPresets);
  const [name, setName] = useState("");
  const presets = { ...PRESETS, ...own };
  const chosen = presetOf(options, presets);
  const save = () => {
    keepPreset(name.trim(), options);
    setOwn(ownPresets());
    setName("");
  };
  return (
    <>
      <Select
        label={t("sampling.preset")}
        value={chosen}
        onChange={(event) => onChange(withPreset(options, presets[event.target.value] ?? {}))}
        options={[
          ...(chosen ? [] : [{ value: "", label: t("sampling.mine") }]),
          ...Object.keys(PRESETS).map((value) => ({ value, label: t(`sampling.presets.${value}`) })),
          ...Object.keys(own).map((value) => ({ value, label: value })),
        ]}
      />
      {!chosen && (
        <div className="flex items-end gap-2">
          <div className="min-w-0 flex-1">
            <TextField label={t("sampling.name")} value={name} onChange={(event) => setName(event.target.value)} />
          </div>
          <Button icon={Save} disabled={!name.trim()} onClick={save}>
            {t("sampling.keep")}
          </Button>
        </div>
      )}
    </>
  );
}

function Forbidden({ options, set }: { options: Options; set: (name: string, value: unknown) => void }) {
  const { t } = useTranslation("writing");
  const [banned, setBanned] = useState(() => ((options.banned_strings as string[] | undefined) ?? []).join("\n"));
  const [biases, setBiases] = useState(() => biasText(options.logit_bias));
  return (
    <div className="flex flex-col gap-4 border-t border-line pt-4">
      <TextArea
        label={t("sampling.banned")}
        hint={t("sampling.bannedHint")}
        rows={3}
        value={banned}
        onChange={(event) => {
          setBanned(event.target.value);
          const phrases = event.target.value.split("\n").filter((line) => line.trim());
          set("banned_strings", phrases.length ? phrases : null);
        }}
      />
      <TextArea
        label={t("sampling.bias")}
        hint={t("sampling.biasHint")}
        rows={2}
        value={biases}
        onChange={(event) => {
          setBiases(event.target.value);
          const pairs = biasesOf(event.target.value);
          set("logit_bias", pairs.length ? pairs : null);
        }}
      />
      <TextField
        label={t("sampling.seed")}
        hint={t("sampling.seedHint")}
        inputMode="numeric"
        value={typeof options.seed === "number" ? String(options.seed) : ""}
        onChange={(event) => {
          const seed = Number.parseInt(event.target.value, 10);
          set("seed", Number.isSafeInteger(seed) && seed >= 0 ? seed : null);
        }}
      />
    </div>
  );
}
