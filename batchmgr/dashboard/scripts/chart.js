// Small charts of counts over time, as SVG: areas in layers, or lines. The times are below, the counts beside.

const WIDTH = 1000;
const MOST_TICKS = 5;
const STEPS = [1, 2, 5, 10, 15, 30]
  .flatMap((count) => [count, count * 60])
  .concat(
    [1, 2, 3, 6, 12].map((count) => count * 3600),
    [1, 2, 7, 14, 30, 90, 365].map((count) => count * 86_400),
  )
  .sort((a, b) => a - b);
const TOPS = [1, 1.2, 1.4, 1.6, 2, 2.4, 3, 4, 5, 6, 7, 8, 10];

/** `layers` are { name, values }, the lowest first; they are piled up. `at` has the seconds of the values. */
function areas(at, layers, axis) {
  const piled = at.map((_, place) => layers.reduce((sum, one) => sum + one.values[place], 0));
  const scale = scaled(axis, Math.max(...piled));
  const base = at.map(() => 0);
  const edge = () => base.map((count, place) => scale.point(at[place], count));
  const shapes = layers.map(({ name, values }) => {
    const lower = edge().reverse();
    base.forEach((_, place) => {
      base[place] += values[place];
    });
    return drawing("polygon", { class: name, points: [...edge(), ...lower].join(" ") });
  });
  return figure(axis, scale, shapes);
}

/** `series` are { name, at, values }, drawn in steps; `marks` are { name, from, to }, from top to bottom. */
function lines(series, marks, axis) {
  const scale = scaled(axis, Math.max(...series.flatMap((one) => Array.from(one.values))));
  const bands = marks.map(({ name, from, to }) =>
    drawing("rect", {
      class: name,
      x: Math.min(scale.x(from), WIDTH - 1.5).toFixed(1),
      width: Math.max(scale.x(to) - scale.x(from), 1.5).toFixed(1),
      y: 0,
      height: axis.height,
    }),
  );
  const drawn = series.map(({ name, at, values }) => {
    const points = [];
    Array.from(values).forEach((count, place) => {
      if (place) points.push(scale.point(at[place], values[place - 1]));
      points.push(scale.point(at[place], count));
    });
    return drawing("polyline", { class: `line ${name}`, points: points.join(" ") });
  });
  return figure(axis, scale, [...bands, ...drawn]);
}

/** Where a count at a time is. `axis` has the `height` of the chart, and the time at its end, `until`. */
function scaled({ height, until }, most) {
  const top = roundTop(most);
  const x = (seconds) => (seconds / (until || 1)) * WIDTH;
  const y = (count) => height - (count / top) * (height - 2);
  return { top, x, point: (seconds, count) => `${x(seconds).toFixed(1)},${y(count).toFixed(1)}` };
}

/** A round number that is no less. */
function roundTop(most) {
  if (most <= 10) return most <= 1 ? 1 : Math.ceil(most / 2) * 2;
  const size = 10 ** Math.floor(Math.log10(most));
  return Math.round(TOPS.find((one) => one * size >= most - 1e-9) * size);
}

/** `axis` also has the `label` of the chart, the `unit` of its counts, its `ticks`, and a `note` on times. */
function figure({ height, label, unit, ticks, note }, { top }, shapes) {
  const grid = [0.5, 0].map((share) =>
    drawing("line", { class: "axis", x1: 0, x2: WIDTH, y1: share * height + 1, y2: share * height + 1 }),
  );
  const base = drawing("line", { class: "axis", x1: 0, x2: WIDTH, y1: height - 0.5, y2: height - 0.5 });
  const chart = drawing(
    "svg",
    {
      class: height < 120 ? "chart low" : "chart",
      viewBox: `0 0 ${WIDTH} ${height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    ...grid,
    ...shapes,
    base,
  );
  const counts = [top, top % 2 ? "" : top / 2, 0].map((count) => (count === "" ? "" : number(count)));
  return element(
    "figure",
    { class: "figure" },
    element("span", { class: "unit quiet" }, unit),
    element(
      "span",
      { class: "counts quiet" },
      counts.map((text) => element("span", {}, text)),
    ),
    chart,
    element("figcaption", { class: "quiet" }, tickRow(ticks), note),
  );
}

function tickRow(ticks) {
  return element(
    "span",
    { class: "ticks" },
    ticks.map(({ share, text }) => {
      const tick = element("span", { class: share < 0.04 ? "first" : share > 0.96 ? "last" : false }, text);
      tick.style.left = `${share * 100}%`;
      return tick;
    }),
  );
}

/** The times of day of a job, on an axis up to `until`. */
function clockAxis(columns, until) {
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => ({
    share,
    text: clockIn(columns, until * share, until),
  }));
  return { until, ticks, note: `Times in ${zone.name}.` };
}

/** The time that has passed, on an axis up to `until`. */
function passedAxis(until, note) {
  const step = STEPS.find((one) => until / one <= MOST_TICKS) ?? STEPS.at(-1);
  const ticks = Array.from({ length: Math.floor(until / step) + 1 }, (_, at) => ({
    share: (at * step) / until,
    text: passed(at * step),
  }));
  return { until, ticks, note };
}

function passed(seconds) {
  return seconds ? duration(seconds).replace(".0", "") : "0";
}

function legend(entries) {
  return element(
    "ul",
    { class: "legend" },
    entries.map(([name, text]) =>
      element("li", {}, element("span", { class: `swatch ${name}`, "aria-hidden": "true" }), text),
    ),
  );
}
