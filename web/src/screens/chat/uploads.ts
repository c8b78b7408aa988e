/** Files on their way to the server, and those that are there, for the next question. */
import { useCallback, useEffect, useRef, useState } from "react";
import { type Attachment, attach } from "./data/chats";

export interface Upload {
  key: number;
  file: File;
  attachment: Attachment | null;
  error: unknown;
}

export interface Uploads {
  list: Upload[];
  ready: Attachment[];
  waiting: boolean;
  add: (files: Iterable<File>) => void;
  remove: (key: number) => void;
  /** Makes room for the next question's; put back where that one could not be asked. */
  clear: () => void;
  putBack: (list: Upload[]) => void;
}

export function useUploads(temporary: boolean): Uploads {
  const [list, setList] = useState<Upload[]>([]);
  const number = useRef(0);
  const ends = useRef(new Map<number, AbortController>());
  useEffect(() => {
    const all = ends.current;
    return () => {
      for (const end of all.values()) end.abort();
    };
  }, []);

  const remove = useCallback((key: number) => {
    ends.current.get(key)?.abort();
    ends.current.delete(key);
    setList((was) => was.filter((one) => one.key !== key));
  }, []);

  const add = useCallback(
    (files: Iterable<File>) => {
      for (const file of files) {
        const key = number.current++;
        const end = new AbortController();
        const note = (change: Partial<Upload>) =>
          setList((was) => was.map((one) => (one.key === key ? { ...one, ...change } : one)));
        ends.current.set(key, end);
        setList((was) => [...was, { key, file, attachment: null, error: null }]);
        attach(file, temporary, end.signal).then(
          (attachment) => note({ attachment }),
          (error) => !end.signal.aborted && note({ error }),
        );
      }
    },
    [temporary],
  );

  const clear = useCallback(() => setList([]), []);
  const putBack = useCallback((list: Upload[]) => setList((since) => [...list, ...since]), []);
  return {
    list,
    ready: list.flatMap((one) => one.attachment ?? []),
    waiting: list.some((one) => !one.attachment && !one.error),
    add,
    remove,
    clear,
    putBack,
  };
}
