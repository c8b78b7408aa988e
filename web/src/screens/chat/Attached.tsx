import { useQuery } from "@tanstack/react-query";
import { FileText, ImageOff } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ask } from "@/api/client";
import { bytes } from "@/app/formats";
import { Dialog } from "@/components/Dialog";
import type { Attachment } from "./data/chats";

/** What was sent with a question. */
export function Attached({ attachments }: { attachments: readonly Attachment[] }) {
  if (!attachments.length) return null;
  return (
    <ul className="mb-1.5 flex flex-wrap justify-end gap-1.5">
      {attachments.map((one) => (
        <li key={one.id}>{one.kind === "image" ? <Picture attachment={one} /> : <File attachment={one} />}</li>
      ))}
    </ul>
  );
}

function File({ attachment }: { attachment: Attachment }) {
  return (
    <span className="flex items-center gap-2 rounded-base border border-line bg-raised px-3 py-1.5 text-small">
      <FileText size={16} aria-hidden className="text-text-3" />
      <span className="max-w-56 truncate">{attachment.name}</span>
      <span className="text-text-3">{bytes(attachment.size_bytes)}</span>
    </span>
  );
}

/** Fetched and not linked: an address of a picture carries no key. */
function Picture({ attachment }: { attachment: Attachment }) {
  const { t } = useTranslation("chat");
  const [open, setOpen] = useState(false);
  const { data, isError } = useQuery({
    queryKey: ["attachment", attachment.id],
    queryFn: async ({ signal }) =>
      (await ask(`/api/domov/attachments/${encodeURIComponent(attachment.id)}`, { signal, accept: "image/*" })).blob(),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const address = useAddress(data);
  if (isError) return <ImageOff size={20} aria-label={t("pictureGone")} className="text-text-3" />;
  if (!address) return <span className="block size-32 rounded-base bg-hover" />;
  return (
    <>
      <button
        type="button"
        onClick={() => setOpen(true)}
        className="block rounded-base"
        aria-label={t("enlarge", { name: attachment.name })}
      >
        <img
          src={address}
          alt={attachment.name}
          className="max-h-52 max-w-64 rounded-base border border-line object-cover"
        />
      </button>
      <Dialog open={open} onClose={() => setOpen(false)} title={attachment.name} wide>
        <img src={address} alt={attachment.name} className="mx-auto max-h-[75vh]" />
      </Dialog>
    </>
  );
}

export function useAddress(blob: Blob | undefined): string | null {
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    if (!blob) return;
    const made = URL.createObjectURL(blob);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return address;
}
