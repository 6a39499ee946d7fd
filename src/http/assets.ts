// Static files that the build writes to assets/, so that they are not in the Worker's bundle.
import type { Runtime } from "../runtime.ts";

/** What `parse` makes of an asset's text; undefined, with a warning in the log, if the asset cannot be read. */
export async function readAsset<T>(rt: Runtime, path: string, parse: (text: string) => T): Promise<T | undefined> {
  try {
    const response = await rt.assets.fetch(`https://assets.invalid/${path}`);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return parse(await response.text());
  } catch (error) {
    rt.log.warn("asset_unavailable", { path, message: String(error).slice(0, 300) });
    return undefined;
  }
}
