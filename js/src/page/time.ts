const TODAY = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const EARLIER = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const LONG_AGO = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const HALF_A_YEAR_MS = 180 * 86_400_000;

/** A moment where the reader is: of today the time, of other days the date as well. */
export function formatMoment(ms: number, now = Date.now()): string {
  const at = new Date(ms);
  if (at.toDateString() === new Date(now).toDateString()) return TODAY.format(at);
  return (now - ms < HALF_A_YEAR_MS ? EARLIER : LONG_AGO).format(at);
}
