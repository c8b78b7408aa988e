import { MessageSquare } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Screen } from "@/app/Screen";
import { EmptyState } from "@/components/States";

export default function Chat() {
  const { t } = useTranslation("chat");
  return (
    <Screen title={t("title")}>
      <EmptyState icon={MessageSquare} title={t("empty.title")} text={t("empty.text")} />
    </Screen>
  );
}
