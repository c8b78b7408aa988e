/** Which question is being edited: one at a time, from its pencil or from the composer by ArrowUp. */
import { createContext, useContext } from "react";

export const EditingContext = createContext<{ id: string | null; edit: (id: string | null) => void }>({
  id: null,
  edit: () => undefined,
});

export const useEditing = () => useContext(EditingContext);
