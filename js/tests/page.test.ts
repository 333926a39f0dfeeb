import { describe, expect, test } from "vitest";
import { compareAddress, listAddress, quoted, readRoute, traceAddress } from "../src/page/route";
import { joined, type Row } from "../src/page/rows";
import { formatMoment } from "../src/page/time";

describe("the address says what is shown", () => {
  const HOSTILE = "name = 'a&b=c#d/e?' AND 100 % \u{1f333}";

  test("a list, with everything that may stand in a filter", () => {
    const wanted = { filter: HOSTILE, order: "duration DESC", experiment: "3" };

    expect(readRoute(listAddress("traces", wanted))).toEqual({ page: "traces", wanted });
    expect(readRoute(listAddress("sessions", wanted))).toEqual({ page: "sessions", wanted });
  });

  test("a trace, and two", () => {
    expect(readRoute(traceAddress("tr-1"))).toEqual({ page: "trace", id: "tr-1" });
    expect(readRoute(compareAddress("tr-1", "a/b"))).toEqual({
      page: "compare",
      ids: ["tr-1", "a/b"],
    });
  });

  test.each(["", "#", "#/nothing", "#/trace", "#/compare/a", "#/trace/%E0%A4%A"])(
    "%s is the list",
    (hash) => {
      expect(readRoute(hash).page).toBe("traces");
    },
  );

  test("a quote in a value is doubled", () => {
    expect(quoted("it's")).toBe("'it''s'");
  });
});

function row(id: string, start: number): Row {
  return { id, start } as Row;
}

describe("the newest page joins what was listed", () => {
  test("new ones first, none twice, what changed is new", () => {
    const before = [row("b", 2), row("a", 1), row("z", 0)];
    const newest = [row("c", 3), { ...row("b", 2), spans: 7 }];

    const rows = joined(newest, before);

    expect(rows.map((one) => one.id)).toEqual(["c", "b", "a", "z"]);
    expect(rows[1]?.spans).toBe(7);
  });

  test("what was deleted meanwhile is gone from that page", () => {
    expect(joined([row("c", 3), row("a", 1)], [row("c", 3), row("b", 2), row("a", 1)])).toEqual([
      row("c", 3),
      row("a", 1),
    ]);
  });

  test("nothing left is nothing", () => {
    expect(joined([], [])).toEqual([]);
  });
});

test("moments of today are times, of other days dates", () => {
  const now = new Date(2026, 10, 21, 12, 0, 0).getTime();

  expect(formatMoment(now - 3_600_000, now)).toBe("11:00:00");
  expect(formatMoment(now - 2 * 86_400_000, now)).toBe("19 Nov, 12:00");
  expect(formatMoment(now - 400 * 86_400_000, now)).toMatch(/17 Oct 2025/);
});
