/**
 * The screens there are: a line each. A screen is the folder of its name, loaded when it is opened; its title is
 * `screens.NAME` in each language’s `frame.json`, its own words are in its `NAME.json`.
 */
import {
  Boxes,
  Columns2,
  Cpu,
  Feather,
  Files,
  Gauge,
  Hammer,
  type LucideIcon,
  MessageSquare,
  Scale,
  Settings,
} from "lucide-react";
import type { ComponentType } from "react";
import type { Offer } from "@/api/server";

export interface Screen {
  name: string;
  path: string; // `/home/NAME`; what follows it is the screen's own
  icon: LucideIcon;
  load: () => Promise<{ default: ComponentType }>;
  /** Whether the server offers, to this caller, what the screen needs. Without it: always. */
  available?: (offer: Offer) => boolean;
  /** Not in the sidebar's list. */
  unlisted?: boolean;
}

export const SCREENS: readonly Screen[] = [
  { name: "chat", path: "/home/chat", icon: MessageSquare, load: () => import("./chat"), unlisted: true },
  {
    name: "compare",
    path: "/home/compare",
    icon: Columns2,
    load: () => import("./compare"),
    available: offers("chats"),
  },
  { name: "models", path: "/home/models", icon: Boxes, load: () => import("./models"), available: offers("models") },
  {
    name: "documents",
    path: "/home/documents",
    icon: Files,
    load: () => import("./documents"),
    available: offers("documents"),
  },
  { name: "machine", path: "/home/machine", icon: Cpu, load: () => import("./machine"), available: offers("machine") },
  { name: "use", path: "/home/use", icon: Gauge, load: () => import("./use"), available: offers("usage") },
  {
    name: "writing",
    path: "/home/writing",
    icon: Feather,
    load: () => import("./writing"),
    available: offers("chats"),
  },
  {
    name: "workshop",
    path: "/home/workshop",
    icon: Hammer,
    load: () => import("./workshop"),
    available: offers("jobs"),
  },
  {
    name: "card",
    path: "/home/card",
    icon: Scale,
    load: () => import("./card"),
    available: offers("models"),
    unlisted: true,
  },
  { name: "settings", path: "/home/settings", icon: Settings, load: () => import("./settings") },
];

function offers(part: string): (offer: Offer) => boolean {
  return (offer) => offer.features.includes(part);
}

export function screensFor(offer: Offer | undefined): Screen[] {
  return SCREENS.filter((screen) => !screen.available || (offer && screen.available(offer)));
}
