// A prediction beside what happened: two charts and a table, of a pool of a simulation and of a job.

const PREDICTED_HEAD = [
  { name: "Figure" },
  ...["Predicted, p50", "Real"].map((name) => ({ name, number: true })),
  { name: "The prediction is" },
  { name: "p10–p90", number: true },
];

/** How many tasks had ended at each time of the curves of a variant, of so many. */
function endedIn({ waiting, running }, total) {
  return waiting.map((count, at) => Math.max(total - count - running[at], 0));
}

/** The last value at a time, or before. */
function valueAt(at, values, time) {
  const after = at.findIndex((one) => one > time);
  return values[after < 0 ? values.length - 1 : Math.max(after - 1, 0)];
}

/** How far a prediction is from what happened, in words. */
function farOff(predicted, real, spread) {
  if (!real) return "";
  const percent = Math.round((predicted / real - 1) * 100);
  const way = percent === 0 ? "right" : `${number(Math.abs(percent))} % too ${percent > 0 ? "high" : "low"}`;
  const isOutside = spread && (real < spread.p10 || real > spread.p90);
  return isOutside ? `${way}; p10–p90 misses it` : way;
}

/**
 * The elements. `total` is how many tasks the simulation has. `real` is { until, hasEnded, seconds, ended,
 * busy } and, if known, `nodeHoursUsed`, `nodeHoursHeld`, `cost` and `waits`.
 */
function predictedAndReal(variant, total, real, currency) {
  const { curves } = variant,
    makespan = variant.makespanSeconds,
    ends = variant.ended > 0;
  const predictedUntil = curves.seconds.at(-1);
  const until = Math.max(predictedUntil, real.until, ends ? makespan.p90 : 0);
  const axis = passedAxis(until, "Time since the job was sent.");
  const band = ends ? [{ name: "band", from: makespan.p10, to: makespan.p90 }] : [];
  const now = real.hasEnded ? [] : [{ name: "now", from: real.until, to: real.until }];
  const predictedEnded = endedIn(curves, total);
  const both = (predicted, actual) => [
    { name: "real", at: real.seconds, values: actual },
    { name: "predicted", at: curves.seconds, values: predicted },
  ];
  const predictedNow = valueAt(curves.seconds, predictedEnded, real.until);
  const peak = (values) => number(Math.max(...values));
  const finished = number(real.ended.at(-1));
  return [
    element("p", { class: "words" }, predictionInWords(variant, real)),
    element(
      "div",
      { class: "figures" },
      table(
        "Figures, predicted and real",
        PREDICTED_HEAD,
        predictionRows(variant, { ...real, predictedNow }, currency),
      ),
    ),
    legend([
      ["predicted", "predicted (the run in the middle)"],
      ["real", "real"],
      ...(ends ? [["band", "the predicted end, p10–p90"]] : []),
      ...(real.hasEnded ? [] : [["now", "now"]]),
    ]),
    element("h3", {}, "Tasks that have ended"),
    lines(both(predictedEnded, real.ended), [...band, ...now], {
      ...axis,
      height: 160,
      unit: "tasks",
      label: `Ended tasks over time, predicted and real: ${finished} ended in ${duration(real.until)}`,
    }),
    element("h3", {}, "Nodes with running tasks"),
    lines(both(curves.busy, real.busy), now, {
      ...axis,
      height: 90,
      unit: "nodes",
      label: `Nodes with running tasks over time: at most ${peak(curves.busy)} predicted, ${peak(real.busy)} real`,
    }),
    element(
      "details",
      { "data-key": "predicted-table" },
      element("summary", {}, "The same as a table"),
      predictedTable(curves, predictedEnded, real, until),
    ),
  ];
}

function predictionInWords(variant, real) {
  const { p10, p50, p90 } = variant.makespanSeconds;
  const took = real.hasEnded
    ? `It took ${duration(real.until)}`
    : `It has taken ${duration(real.until)} so far`;
  const pool = `Predicted on the pool “${variant.name}”`;
  if (!variant.ended) return `${pool}: it does not end. ${took}.`;
  const off = real.hasEnded ? `: the prediction is ${farOff(p50, real.until)}` : "";
  const between =
    duration(p10) === duration(p90) ? "" : ` (${duration(p10)} to ${duration(p90)} in eight of ten runs)`;
  return `${pool}: ${duration(p50)}${between}. ${took}${off}.`;
}

/** One row for each figure that both know. A job that runs is not held against the end. */
function predictionRows(variant, real, currency) {
  const rows = [];
  const add = (name, spread, value, show) => {
    if (value === undefined || value === null) return;
    const so = real.hasEnded ? "" : " so far";
    rows.push([
      name,
      show(spread.p50),
      `${show(value)}${so}`,
      real.hasEnded ? farOff(spread.p50, value, spread) : "",
      `${show(spread.p10)} – ${show(spread.p90)}`,
    ]);
  };
  if (variant.ended) add("Makespan", variant.makespanSeconds, real.until, duration);
  else rows.push(["Makespan", "does not end", duration(real.until), "", ""]);
  add("Node hours used", variant.nodeHours.used, real.nodeHoursUsed, amount);
  add("Node hours in all", variant.nodeHours.held, real.nodeHoursHeld, amount);
  if (variant.cost && currency && real.cost?.currency === currency)
    add(`Cost while tasks ran, ${currency}`, variant.cost.used, real.cost.used, amount);
  add("Wait of a task, p50", variant.waitSeconds.p50, real.waits?.p50, duration);
  add("Wait of a task, p90", variant.waitSeconds.p90, real.waits?.p90, duration);
  const ended = real.ended.at(-1);
  if (!real.hasEnded)
    rows.push([
      "Tasks ended by now",
      number(real.predictedNow),
      number(ended),
      farOff(real.predictedNow, ended),
      "",
    ]);
  return rows;
}

function predictedTable(curves, predictedEnded, real, until) {
  const names = ["ended, predicted", "ended, real", "nodes, predicted", "nodes, real"];
  const known = (at, values, time) => (time > at.at(-1) + 0.01 ? "" : number(valueAt(at, values, time)));
  return table(
    "Predicted and real over time",
    [{ name: "Time passed" }, ...names.map((name) => ({ name, number: true }))],
    Array.from({ length: 13 }, (_, at) => (until * at) / 12).map((time) => [
      passed(time),
      known(curves.seconds, predictedEnded, time),
      known(real.seconds, real.ended, time),
      known(curves.seconds, curves.busy, time),
      known(real.seconds, real.busy, time),
    ]),
  );
}
