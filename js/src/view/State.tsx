import { Icon, type IconName } from "./icons";

const LOOKS: ReadonlyMap<string, readonly [IconName, string]> = new Map([
  ["OK", ["ok", "ok"]],
  ["ERROR", ["error", "failed"]],
  ["IN_PROGRESS", ["running", "running"]],
  ["INTERRUPTED", ["unfinished", "interrupted"]],
]);

/** A trace's state as shape and, for a reader, word. */
export function State({ state }: { state: string }) {
  const [icon, word] = LOOKS.get(state) ?? ["neutral", "state unknown"];
  return (
    <span class={`st-state st-state-${icon}`} role="img" aria-label={word} title={word}>
      <Icon name={icon} />
    </span>
  );
}
