/** The parts of JupyterLab's interfaces that this extension uses, and no more. */
import type { Widget } from "@lumino/widgets";

export interface Signal<T> {
  connect(slot: (sender: unknown, args: T) => void): boolean;
  disconnect(slot: (sender: unknown, args: T) => void): boolean;
}

export interface CommMessage {
  readonly content: { readonly data: unknown };
  readonly buffers?: readonly unknown[];
}

export interface Comm {
  readonly isDisposed: boolean;
  onMsg: (message: CommMessage) => void;
  onClose: (message: CommMessage) => void;
  readonly commsOverSubshells?: string;
  /** Resolved once the comm's messages go to a subshell; never where it has none. */
  readonly subshellStarted?: Promise<void>;
  open(data: object): unknown;
  send(data: object): unknown;
}

export interface Kernel {
  readonly id: string;
  readonly status: string;
  readonly isDisposed: boolean;
  readonly supportsSubshells?: boolean;
  createComm(target: string): Comm;
}

/** What a cell shows, as the notebook holds it. */
export interface OutputList {
  readonly length: number;
  get(index: number): { readonly data: Readonly<Record<string, unknown>> };
}

export interface NotebookPanel extends Widget {
  readonly sessionContext: {
    readonly session: { readonly kernel: Kernel | null } | null;
    readonly kernelChanged: Signal<unknown>;
  };
  readonly content: {
    readonly widgets: readonly {
      readonly node: HTMLElement;
      readonly model: {
        readonly id: string;
        readonly outputs?: OutputList;
        readonly executionState?: string;
      };
    }[];
    activeCellIndex: number;
    scrollToItem?(index: number, align?: string): Promise<void>;
  };
}

export interface NotebookTracker {
  readonly currentWidget: NotebookPanel | null;
  readonly currentChanged: Signal<NotebookPanel | null>;
  find(test: (panel: NotebookPanel) => boolean): NotebookPanel | undefined;
}

export interface Commands {
  addCommand(
    id: string,
    options: {
      label: string;
      caption?: string;
      isEnabled?: () => boolean;
      execute: () => unknown;
    },
  ): unknown;
}

export interface Application {
  readonly commands: Commands;
  readonly shell: {
    add(widget: Widget, area: string, options?: { rank?: number; ref?: string | null }): void;
    activateById(id: string): void;
  };
}

export interface Palette {
  addItem(item: { command: string; category: string }): unknown;
}

/** The reader's settings of one plugin. */
export interface PluginSettings {
  readonly changed: Signal<unknown>;
  get(key: string): { readonly composite: unknown };
}

export interface SettingRegistry {
  load(plugin: string): Promise<PluginSettings>;
}

export interface Plugin {
  readonly id: string;
  readonly description: string;
  readonly autoStart: true;
  readonly optional: readonly unknown[];
  activate(app: Application, ...services: unknown[]): void;
}
