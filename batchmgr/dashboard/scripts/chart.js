// Small charts of counts over time: areas in layers, as SVG.

const WIDTH = 1000;

/** `layers` are { name, label, values }, the lowest first; they are piled up. `columns` has the times. */
function areas(columns, over, layers, { height, label }) {
  const most = Math.max(
    1,
    ...Array.from({ length: over.spans + 1 }, (_, span) =>
      layers.reduce((sum, one) => sum + one.values[span], 0),
    ),
  );
  const bottom = height - 18,
    x = (span) => (span / over.spans) * WIDTH,
    y = (count) => bottom - (count / most) * (bottom - 4);
  const base = new Float64Array(over.spans + 1);
  const shapes = layers.map(({ name, values }) => {
    const lower = Array.from(base, (count, span) => `${x(span).toFixed(1)},${y(count).toFixed(1)}`).reverse();
    values.forEach((count, span) => {
      base[span] += count;
    });
    const upper = Array.from(base, (count, span) => `${x(span).toFixed(1)},${y(count).toFixed(1)}`);
    return drawing("polygon", { class: name, points: [...upper, ...lower].join(" ") });
  });
  const axis = drawing("line", { class: "axis", x1: 0, x2: WIDTH, y1: bottom, y2: bottom });
  const chart = drawing(
    "svg",
    {
      class: height < 120 ? "chart low" : "chart",
      viewBox: `0 0 ${WIDTH} ${height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    ...shapes,
    axis,
  );
  return element("figure", { class: "figure" }, chart, scale(columns, over.until, most));
}

/** The times below a chart, as text that is not stretched with it. */
function scale(columns, until, most) {
  const named = [0, 0.25, 0.5, 0.75, 1].map((share) => clockIn(columns, until * share, until));
  return element(
    "figcaption",
    { class: "quiet" },
    element(
      "span",
      { class: "ticks" },
      named.map((text) => element("span", {}, text)),
    ),
    `Times in ${zone.name}. The highest is ${number(Math.round(most))}.`,
  );
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
