import { Check, Copy } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "./Button";
import { useCopy } from "./useCopy";

/** What is shown once: to be copied now. */
export function Secret({ label, value }: { label: string; value: string }) {
  const { t } = useTranslation();
  const [copied, copy] = useCopy();
  return (
    <div className="flex flex-wrap items-center gap-2">
      <input
        readOnly
        aria-label={label}
        value={value}
        onFocus={(event) => event.target.select()}
        className="h-9 min-w-0 flex-1 basis-60 rounded-base border border-line-strong bg-side px-3 font-mono text-small"
      />
      <Button icon={copied ? Check : Copy} onClick={() => copy(value)}>
        {t(copied ? "secret.copied" : "secret.copy")}
      </Button>
    </div>
  );
}
