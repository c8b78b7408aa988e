import { useTranslation } from "react-i18next";
import { TextField } from "@/components/Field";

export const LEAST_CHARACTERS = 10;

export function NewPassword(props: { value: string; onChange: (value: string) => void; label?: string }) {
  const { t } = useTranslation("entry");
  return (
    <TextField
      label={props.label ?? t("password.label")}
      hint={t("password.hint")}
      type="password"
      autoComplete="new-password"
      required
      minLength={LEAST_CHARACTERS}
      maxLength={256}
      value={props.value}
      onChange={(event) => props.onChange(event.target.value)}
    />
  );
}
