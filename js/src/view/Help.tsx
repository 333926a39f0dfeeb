import { KEYS } from "./keyboard";

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <div class="st-help" role="group" aria-label="Keys">
      <dl>
        {KEYS.map(([keys, action]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (key === "…" ? key : <kbd key={key}>{key}</kbd>))}
            </dt>
            <dd>{action}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="st-link" onClick={onClose}>
        close
      </button>
    </div>
  );
}
