import { useQuery } from "@tanstack/react-query";
import { Feather, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { queries } from "@/api/server";
import { day } from "@/app/formats";
import { Screen } from "@/app/Screen";
import { Button } from "@/components/Button";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { chatModelsQuery, firstModel } from "../chat/data/models";
import { Room } from "./Room";
import { stories } from "./story";

const HOME = "/home/writing";

/** `/home/writing` lists the stories, `/home/writing/ID` opens one. */
export default function Writing() {
  const [path, go] = useLocation();
  const id = path.slice(HOME.length + 1);
  return id ? (
    <Room key={id} id={id} onLeave={() => go(HOME)} />
  ) : (
    <Stories onOpen={(story) => go(`${HOME}/${story}`)} />
  );
}

function Stories({ onOpen }: { onOpen: (id: string) => void }) {
  const { t } = useTranslation("writing");
  const list = useQuery({ queryKey: ["stories"], queryFn: ({ signal }) => stories.list(signal) });
  const [error, setError] = useState<unknown>(null);
  const begin = async () => {
    try {
      const model = firstModel(await queries.ensureQueryData(chatModelsQuery));
      onOpen((await stories.create(model)).id);
    } catch (problem) {
      setError(problem);
    }
  };
  const found = list.data?.chats ?? [];
  return (
    <Screen
      title={t("title")}
      actions={
        <Button small look="primary" icon={Plus} onClick={begin}>
          {t("new")}
        </Button>
      }
    >
      {(error || list.isError) && <ProblemBox error={error ?? list.error} onRetry={() => list.refetch()} />}
      {list.isPending && <Skeleton />}
      {list.data && found.length === 0 && (
        <EmptyState
          icon={Feather}
          title={t("empty.title")}
          text={t("empty.text")}
          action={
            <Button look="primary" onClick={begin}>
              {t("new")}
            </Button>
          }
        />
      )}
      <ul className="flex flex-col">
        {found.map((story) => (
          <li key={story.id}>
            <button
              type="button"
              onClick={() => onOpen(story.id)}
              className="flex w-full items-baseline gap-4 rounded-base px-3 py-2.5 text-left hover:bg-hover"
            >
              <span className="min-w-0 flex-1 truncate text-read">{story.title || t("untitled")}</span>
              <span className="shrink-0 text-small text-text-3">{day(story.updated_at)}</span>
            </button>
          </li>
        ))}
      </ul>
    </Screen>
  );
}
