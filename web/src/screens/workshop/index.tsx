import { useTranslation } from "react-i18next";
import { Route, Switch } from "wouter";
import { Screen } from "@/app/Screen";
import { JobScreen } from "./JobScreen";
import { NewJob } from "./NewJob";
import { Overview } from "./Overview";

/** Models made of models, and measured: what can be done, the queue, one job. */
export default function Workshop() {
  const { t } = useTranslation("workshop");
  return (
    <Switch>
      <Route path="/home/workshop/new/:kind">{({ kind }) => <NewJob key={kind} kind={kind ?? ""} />}</Route>
      <Route path="/home/workshop/:id">{({ id }) => <JobScreen key={id} id={Number(id)} />}</Route>
      <Route>
        <Screen title={t("title")}>
          <Overview />
        </Screen>
      </Route>
    </Switch>
  );
}
