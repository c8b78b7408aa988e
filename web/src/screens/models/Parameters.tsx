import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { number } from "@/app/formats";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { TextArea, TextField } from "@/components/Field";
import { ProblemBox, Skeleton } from "@/components/States";
import { type Parameters, parametersQuery, setParameters } from "./api";

const LOADING = ["num_ctx", "num_gpu", "num_thread"];
const ANSWERING = ["temperature", "top_p", "top_k", "min_p", "repeat_penalty", "num_predict", "seed", "stop"];

/** What a model is given with every request that does not say otherwise. */
export function ParametersDialog({ model, onClose }: { model: string; onClose: () => void }) {
  const { t } = useTranslation("models");
  const { data, error, refetch } = useQuery({ ...parametersQuery(model), gcTime: 0, refetchOnWindowFocus: false });
  if (data) return <Form key={data.model} told={data} onClose={onClose} />;
  return (
    <Dialog open onClose={onClose} title={t("form.title", { model })}>
      {error ? <ProblemBox error={error} onRetry={refetch} /> : <Skeleton lines={6} />}
    </Dialog>
  );
}

function Form({ told, onClose }: { told: Parameters; onClose: () => void }) {
  const { t } = useTranslation("models");
  const client = useQueryClient();
  const [system, setSystem] = useState(told.system);
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(Object.entries(told.parameters).map(([name, value]) => [name, shown(value)])),
  );
  const save = useMutation({
    mutationFn: () => setParameters({ model: told.model, system, parameters: given(values, told) }),
    onSuccess: () => {
      client.invalidateQueries({ queryKey: ["models"] });
      onClose();
    },
  });
  const field = (name: string) => {
    const { kind, least, most } = told.allowed[name] ?? { kind: "str", least: 0, most: 0 };
    const limits =
      most > 1e6
        ? t("form.from", { least: number(least) })
        : t("form.range", { least: number(least), most: number(most) });
    return (
      <TextField
        key={name}
        label={t(`form.names.${name}`)}
        hint={kind === "str" ? t(`form.hints.${name}`) : `${t(`form.hints.${name}`)} ${limits}`}
        inputMode={kind === "int" ? "numeric" : kind === "float" ? "decimal" : "text"}
        placeholder={t("form.unset")}
        value={values[name] ?? ""}
        onChange={(event) => setValues({ ...values, [name]: event.target.value })}
      />
    );
  };
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={t("form.title", { model: told.model })}
      text={t("form.text")}
      actions={
        <>
          <Button look="quiet" onClick={onClose}>
            {t("cancel")}
          </Button>
          <Button look="primary" disabled={save.isPending} onClick={() => save.mutate()}>
            {t("save")}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-5 pb-2">
        <TextArea
          label={t("form.system")}
          hint={t("form.systemHint")}
          rows={3}
          value={system}
          onChange={(event) => setSystem(event.target.value)}
        />
        <fieldset className="grid gap-4 sm:grid-cols-2">
          <legend className="mb-2 text-base font-semibold">{t("form.answering")}</legend>
          {ANSWERING.map(field)}
        </fieldset>
        <fieldset className="grid gap-4 sm:grid-cols-2">
          <legend className="mb-2 text-base font-semibold">{t("form.loading")}</legend>
          {LOADING.map(field)}
        </fieldset>
        {save.error && <ProblemBox error={save.error} />}
      </div>
    </Dialog>
  );
}

function shown(value: number | string | string[]): string {
  return Array.isArray(value) ? value.join("\u23ce") : String(value);
}

/** What was typed, as the server takes it: a comma for a point, and texts that end an answer one by one. */
function given(values: Record<string, string>, told: Parameters): Parameters["parameters"] {
  const filled = Object.entries(values).filter(([, text]) => text.trim() !== "");
  return Object.fromEntries(
    filled.map(([name, text]) => {
      if (told.allowed[name]?.kind === "str") return [name, text.split("\u23ce").filter(Boolean)];
      const value = Number(text.trim().replace(",", "."));
      return [name, Number.isNaN(value) ? text : value];
    }),
  );
}
