import { useTranslation } from "react-i18next";
import { covers, useOffer } from "@/api/server";
import { Screen } from "@/app/Screen";
import { Ledger } from "./Ledger";
import { OfflineSwitch } from "./OfflineSwitch";
import { Used } from "./Used";

/** What did it cost, what left? */
export default function Use() {
  const { t } = useTranslation("use");
  const offer = useOffer();
  const admin = offer ? covers(offer, "admin") : false;
  return (
    <Screen title={t("title")}>
      <div className="flex flex-col gap-10">
        <OfflineSwitch admin={admin} />
        <Used />
        {admin && <Ledger />}
      </div>
    </Screen>
  );
}
