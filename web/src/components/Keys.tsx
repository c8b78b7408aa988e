const APPLE = /Mac|iPhone|iPad/.test(navigator.userAgent);
const NAMES: Record<string, string> = {
  Mod: APPLE ? "⌘" : "Ctrl",
  Shift: APPLE ? "⇧" : "Shift",
  Alt: APPLE ? "⌥" : "Alt",
  Enter: "↵",
  Escape: "Esc",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
};

/** A shortcut as it stands on the keyboard: `Mod+K`. */
export function Keys({ keys }: { keys: string }) {
  return (
    <span className="inline-flex gap-1">
      {keys.split("+").map((key) => (
        <kbd
          key={key}
          className="min-w-5 rounded-small border border-line bg-side px-1 text-center font-sans text-small leading-[18px] text-text-2"
        >
          {NAMES[key] ?? key}
        </kbd>
      ))}
    </span>
  );
}
