import { Icon, type IconName } from "./icons";

/** A button that is a drawing; its label is its title, too. */
export function IconButton({
  icon,
  label,
  pressed,
  onClick,
  className = "",
}: {
  icon: IconName;
  label: string;
  pressed?: boolean;
  onClick: () => void;
  className?: string;
}) {
  return (
    <button
      type="button"
      class={`st-button ${className}`}
      title={label}
      aria-label={label}
      aria-pressed={pressed}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
