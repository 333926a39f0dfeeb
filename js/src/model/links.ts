const SAFE_PROTOCOLS = ["http:", "https:", "mailto:"];

/** The address to link to, or null when following it could do more than open a page. */
export function safeUrl(url: string): string | null {
  try {
    const parsed = new URL(url);
    return SAFE_PROTOCOLS.includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}
