import type { TopLevelSpec } from "vega-lite";
import type { Run } from "./result";

/** ms; what took less is drawn as this, since a logarithm has no zero. */
const FLOOR = 0.001;

/** Pixels of text beside a moment, by the guess of a library that has no fonts: a third more than the row is high. */
const TEXT = 170;

/** A row for each run: the worst request of each half second, what failed, and the moments of the faults. */
export function chart(runs: readonly Run[]): TopLevelSpec {
  const quantitative = "quantitative" as const;
  const x = { field: "start", type: quantitative, title: "seconds" };
  const y = {
    field: "worst",
    type: quantitative,
    title: "worst request (s)",
    scale: { type: "log" as const, domain: [FLOOR, 10], clamp: true },
    axis: { values: [0.001, 0.01, 0.1, 1, 10], format: "~g" },
  };
  const color = { field: "asked", type: "nominal" as const, title: "asked" };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    config: { aria: false }, // a label on every point would be most of the file
    vconcat: runs.map((run) => {
      const points = Object.entries(run.timeline).flatMap(([asked, { start, worst, failed }]) =>
        start.map((at, i) => ({
          asked,
          start: at,
          worst: Math.max(worst[i] ?? 0, FLOOR),
          failed: failed[i] ?? 0,
        })),
      );
      const moments = run.moments.map(({ seconds, what }) => ({ start: seconds, what }));
      return {
        title: { text: `${run.mode}: ${run.scenario}`, anchor: "start" },
        width: 760,
        height: 110,
        layer: [
          {
            data: { values: moments },
            mark: { type: "rule", strokeDash: [4, 3], color: "#888" },
            encoding: { x },
          },
          {
            data: { values: moments },
            mark: {
              type: "text",
              angle: 270,
              align: "right",
              dx: -4,
              dy: 8,
              fontSize: 9,
              limit: TEXT,
              color: "#555",
            },
            encoding: { x, y: { value: 0 }, text: { field: "what", type: "nominal" } },
          },
          {
            data: { values: points },
            mark: { type: "line", interpolate: "step-after", strokeWidth: 1.2 },
            encoding: { x, y, color },
          },
          {
            data: { values: points.filter((point) => point.failed > 0) },
            mark: { type: "point", shape: "cross", filled: true, color: "#c00", size: 30 },
            encoding: { x, y },
          },
        ],
      };
    }),
  };
}

/** The picture as SVG. Both libraries are ES modules, which a CommonJS program can import only so. */
export async function svg(spec: TopLevelSpec): Promise<string> {
  const [{ parse, View }, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  return new View(parse(compile(spec).spec), { renderer: "none" }).toSVG();
}
