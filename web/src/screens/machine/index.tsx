import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Screen } from "@/app/Screen";
import { ProblemBox, Skeleton } from "@/components/States";
import { Advice } from "./Advice";
import { machineQuery } from "./api";
import { InMemory } from "./InMemory";
import { Now } from "./Now";
import { Parts } from "./Parts";
import { useSamples } from "./useSamples";

/** What is going on? */
export default function MachineScreen() {
  const { t } = useTranslation("machine");
  const machine = useQuery(machineQuery);
  const live = useSamples();
  return (
    <Screen title={t("title")}>
      <div className="flex flex-col gap-8">
        {live.error ? <ProblemBox error={live.error} onRetry={live.refetch} /> : null}
        {live.data && <Now use={live.data} />}
        {live.data && <InMemory rows={live.data.models} />}
        {machine.error && <ProblemBox error={machine.error} onRetry={machine.refetch} />}
        {!machine.data && !machine.error && <Skeleton lines={6} />}
        {machine.data && (
          <>
            <Advice machine={machine.data} />
            <Parts machine={machine.data} />
          </>
        )}
      </div>
    </Screen>
  );
}
