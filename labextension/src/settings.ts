import { createSettings, settingsOf } from "../../js/src/model/settings";
import type { SettingRegistry } from "./jupyter";

/** Shared by all views of the page. */
export const settings = createSettings();

/** Also the name of the schema in `schemas/spantree/settings.json`. */
export const SETTINGS = "spantree:settings";

/** Follow what the reader sets; without it the usual holds. */
export async function followSettings(registry: SettingRegistry): Promise<void> {
  const loaded = await registry.load(SETTINGS);
  const adopt = () => settings.set(settingsOf((name) => loaded.get(name).composite));
  loaded.changed.connect(adopt);
  adopt();
}
