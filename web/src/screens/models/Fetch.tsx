import { useMutation } from "@tanstack/react-query";
import { Check, Download as Icon } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Badge } from "@/components/Badge";
import { Button } from "@/components/Button";
import { useSentence } from "@/components/States";
import { type Download, fetchModel } from "./api";

/** The button that puts a model into the queue, or a word where there is nothing left to do. */
export function Fetch(props: { model: string; here: boolean; queue: Download[]; primary?: boolean }) {
  const { t } = useTranslation("models");
  const sentence = useSentence();
  const add = useMutation({ mutationFn: () => fetchModel(props.model) });
  if (props.here) {
    return (
      <Badge tone="quiet" icon={Check}>
        {t("here")}
      </Badge>
    );
  }
  const wanted = props.queue.find((one) => one.model === props.model && one.state !== "done" && one.state !== "failed");
  if (wanted) return <Badge>{t(`downloads.${wanted.state}`)}</Badge>;
  return (
    <span className="flex min-w-24 flex-col items-end gap-1">
      <Button
        small
        look={props.primary ? "primary" : "plain"}
        icon={Icon}
        disabled={add.isPending}
        aria-label={t("fetchModel", { model: props.model })}
        onClick={() => add.mutate()}
      >
        {t("fetch")}
      </Button>
      {add.error && (
        <span role="alert" className="max-w-56 text-right text-small text-bad">
          {sentence(add.error)}
        </span>
      )}
    </span>
  );
}
