import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Asks before something that can't be undone; Escape and Cancel leave it. */
export function Confirm({
  title,
  action,
  onDone,
  children,
}: {
  title: string;
  action: string;
  onDone: (isAgreed: boolean) => void;
  children: ComponentChildren;
}) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current?.showModal(), []);
  return (
    <dialog ref={box} class="ui-dialog" aria-label={title} onClose={() => onDone(false)}>
      <h2>{title}</h2>
      {children}
      <div class="ui-actions">
        <button type="button" class="ui-button" onClick={() => onDone(false)}>
          Cancel
        </button>
        <button type="button" class="ui-button ui-danger" onClick={() => onDone(true)}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
