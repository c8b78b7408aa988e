/** Whether the sidebar is seen: beside the page it folds and stays so, on a phone it is a drawer that closes again. */
import { createContext, useContext } from "react";

export interface Sidebar {
  phone: boolean;
  shown: boolean;
  toggle: () => void;
  /** Closes the drawer of a phone, after something in it was chosen. */
  leave: () => void;
}

export const SidebarContext = createContext<Sidebar>({ phone: false, shown: true, toggle: () => {}, leave: () => {} });

export function useSidebar(): Sidebar {
  return useContext(SidebarContext);
}
