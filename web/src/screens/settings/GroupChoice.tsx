import { useTranslation } from "react-i18next";
import { useGroups } from "./People";

/** Which groups somebody is in; none is what everyone has. */
export function GroupChoice({ value, onChange }: { value: readonly string[]; onChange: (value: string[]) => void }) {
  const { t } = useTranslation("settings");
  const groups = useGroups().data?.filter((group) => group.id !== "everyone") ?? [];
  if (!groups.length) return null;
  return (
    <fieldset className="flex flex-col gap-1.5">
      <legend className="mb-1 text-small font-medium text-text-2">{t("groups.title")}</legend>
      {groups.map((group) => (
        <label key={group.id} className="flex items-center gap-2 text-base">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={value.includes(group.id)}
            onChange={(event) =>
              onChange(event.target.checked ? [...value, group.id] : value.filter((id) => id !== group.id))
            }
          />
          {group.name}
        </label>
      ))}
    </fieldset>
  );
}
