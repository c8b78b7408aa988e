import { Tooltip } from "@base-ui/react/tooltip";
import { QueryClientProvider } from "@tanstack/react-query";
import { Compass } from "lucide-react";
import { type ComponentType, lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Link, Route, Switch, useLocation } from "wouter";
import { queries, useOffer } from "@/api/server";
import { ErrorBoundary } from "@/components/ErrorBoundary";
import { EmptyState, Skeleton } from "@/components/States";
import { SCREENS, screensFor } from "@/screens/registry";
import { Frame } from "./Frame";
import { Gate } from "./Gate";
import { Screen } from "./Screen";

const COMPONENTS = new Map<string, ComponentType>(SCREENS.map((screen) => [screen.name, lazy(screen.load)]));

// One route for a new chat and the others: a chat that is begun keeps its screen.
const CHAT = /^\/(?:home\/chat(?:\/.*)?)?$/;

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <Tooltip.Provider delay={500}>
        <Suspense>
          <Gate>
            <Frame>
              <Screens />
            </Frame>
          </Gate>
        </Suspense>
      </Tooltip.Provider>
    </QueryClientProvider>
  );
}

function Screens() {
  const [location] = useLocation();
  const offer = useOffer();
  const Chat = COMPONENTS.get("chat");
  return (
    <ErrorBoundary of={location}>
      <Suspense fallback={<Waiting />}>
        <Switch>
          <Route path={CHAT}>{Chat && <Chat />}</Route>
          {screensFor(offer).map((screen) => {
            const Component = COMPONENTS.get(screen.name);
            return (
              <Route key={screen.name} path={`${screen.path}/*?`}>
                {Component && <Component />}
              </Route>
            );
          })}
          <Route>{offer && <Nowhere />}</Route>
        </Switch>
      </Suspense>
    </ErrorBoundary>
  );
}

function Waiting() {
  return (
    <div className="flex-1 p-6">
      <Skeleton className="mx-auto max-w-xl" />
    </div>
  );
}

function Nowhere() {
  const { t } = useTranslation();
  return (
    <Screen title={t("nowhere.title")}>
      <EmptyState
        icon={Compass}
        title={t("nowhere.title")}
        text={t("nowhere.text")}
        action={
          <Link href="/" className="text-accent-text underline underline-offset-4">
            {t("chat.new")}
          </Link>
        }
      />
    </Screen>
  );
}
