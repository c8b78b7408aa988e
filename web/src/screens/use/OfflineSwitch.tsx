import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Globe, ShieldCheck } from "lucide-react";
import { useTranslation } from "react-i18next";
import { classes } from "@/components/classes";
import { Switch } from "@/components/Field";
import { ProblemBox, Skeleton } from "@/components/States";
import { offlineQuery, setOffline } from "./api";

/** The big switch: whether anything may leave this computer. */
export function OfflineSwitch({ admin }: { admin: boolean }) {
  const { t } = useTranslation("use");
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(offlineQuery);
  const change = useMutation({
    mutationFn: setOffline,
    onSuccess: (state) => {
      client.setQueryData(offlineQuery.queryKey, state);
      for (const key of ["offer", "ledger"]) client.invalidateQueries({ queryKey: [key] });
    },
  });
  if (error) return <ProblemBox error={error} onRetry={refetch} />;
  if (!data) return <Skeleton lines={2} />;
  const offline = change.isPending ? change.variables : data.offline;
  const Icon = offline ? ShieldCheck : Globe;
  return (
    <section
      aria-label={t("offline.label")}
      className={classes(
        "flex items-start gap-4 rounded-base border px-5 py-4",
        offline ? "border-accent bg-accent-soft" : "border-line bg-raised",
      )}
    >
      <Icon
        size={24}
        aria-hidden
        className={classes("mt-0.5 shrink-0", offline ? "text-accent-text" : "text-text-3")}
      />
      <div className="min-w-0 flex-1">
        <Switch
          label={t("offline.label")}
          hint={t(data.fixed ? "offline.fixed" : offline ? "offline.on" : "offline.off")}
          checked={offline}
          disabled={!admin || data.fixed}
          onChange={(checked) => change.mutate(checked)}
        />
        {change.error && <ProblemBox error={change.error} className="mt-3" />}
      </div>
    </section>
  );
}
