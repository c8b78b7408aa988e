import { useState } from "react";
import { useTranslation } from "react-i18next";
import { covers, useOffer } from "@/api/server";
import { Screen } from "@/app/Screen";
import { ProblemBox } from "@/components/States";
import { Tabs } from "@/components/Tabs";
import type { Download } from "./api";
import { Catalogue } from "./Catalogue";
import { Downloads } from "./Downloads";
import { Hub } from "./Hub";
import { Installed } from "./Installed";
import { useDownloads } from "./useDownloads";

const NONE: Download[] = [];

/** What do I have, what could I have? */
export default function Models() {
  const { t } = useTranslation("models");
  const offer = useOffer();
  const mayFetch = offer ? covers(offer, "models") : false;
  return <Screen title={t("title")}>{mayFetch ? <All /> : <Installed onFind={() => undefined} />}</Screen>;
}

function All() {
  const { t } = useTranslation("models");
  const [tab, setTab] = useState<"installed" | "catalogue" | "hub">("installed");
  const { data, error, again } = useDownloads();
  const queue = data?.downloads ?? NONE;
  return (
    <>
      {error !== undefined && <ProblemBox error={error} onRetry={again} className="mb-4" />}
      <Downloads rows={queue} />
      <Tabs
        value={tab}
        onChange={setTab}
        tabs={[
          { value: "installed", label: t("tabs.installed"), content: <Installed onFind={() => setTab("catalogue")} /> },
          { value: "catalogue", label: t("tabs.catalogue"), content: <Catalogue queue={queue} /> },
          { value: "hub", label: t("tabs.hub"), content: <Hub queue={queue} /> },
        ]}
      />
    </>
  );
}
