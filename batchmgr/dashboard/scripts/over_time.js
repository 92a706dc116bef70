// How many tasks waited, ran and ended at each time, and on how many nodes.

const SPANS = 240;

class OverTime {
  constructor() {
    this.charts = element("div", {});
    this.node = element(
      "section",
      { "aria-label": "Over time", hidden: true },
      element("h2", {}, "Over time"),
      this.charts,
    );
  }

  show(job, columns) {
    const until = endOfTime(columns);
    setShown(this.node, until > 0);
    if (this.node.hidden || (this.drawnFor === columns && this.isLocal === zone.isLocal)) return;
    Object.assign(this, { drawnFor: columns, isLocal: zone.isLocal });
    const over = countsOverTime(columns, until, SPANS);
    const at = Array.from({ length: SPANS + 1 }, (_, span) => (until * span) / SPANS);
    const layer = (name, values) => ({ name, values });
    const axis = { ...clockAxis(columns, until), unit: "tasks", height: 90 };
    const aMinute = over.endedPerSpan.map((count) => count / (until / SPANS / 60));
    const peak = (values) => number(Math.round(Math.max(...values)));
    const open = Boolean(this.charts.querySelector("details[open]"));
    this.charts.replaceChildren(
      ...[
        legend([
          ["succeeded", "succeeded"],
          ["failed", "failed"],
          ["running", "running"],
          ["waiting", "waiting"],
        ]),
        areas(
          at,
          [
            layer("succeeded", over.succeeded),
            layer("failed", over.failed),
            layer("running", over.running),
            layer("waiting", over.waiting),
          ],
          { ...axis, height: 160, label: `Tasks over time: at most ${peak(over.running)} ran at once` },
        ),
        job.counts?.failed
          ? [
              element("h3", {}, "Failed tasks"),
              areas(at, [layer("failed", over.failed)], {
                ...axis,
                label: `Failed tasks over time: ${peak(over.failed)} in the end`,
              }),
            ]
          : [],
        element("h3", {}, "Nodes with running tasks"),
        areas(at, [layer("nodes", over.nodes)], {
          ...axis,
          unit: "nodes",
          label: `Nodes over time: at most ${peak(over.nodes)} ran tasks at once`,
        }),
        element("h3", {}, "Tasks that ended, a minute"),
        areas(at, [layer("succeeded", aMinute)], {
          ...axis,
          label: `Ended tasks a minute: at most ${peak(aMinute)}`,
        }),
        element(
          "details",
          { open },
          element("summary", {}, "The same as a table"),
          this.table(columns, over),
        ),
      ].flat(),
    );
  }

  table(columns, over) {
    const every = SPANS / 12,
      spans = Array.from({ length: 13 }, (_, at) => at * every);
    const names = ["waiting", "running", "succeeded", "failed", "nodes"];
    const head = [{ name: `Time (${zone.name})` }, ...names.map((name) => ({ name, number: true }))];
    return table(
      "Counts over time",
      head,
      spans.map((span) => [
        clockIn(columns, (over.until * span) / SPANS, over.until),
        ...names.map((name) => number(over[name][span])),
      ]),
    );
  }
}

/** Seconds after the job's origin at which something has happened last. */
function endOfTime(columns) {
  let last = 0;
  for (let row = 0; row < columns.size; row += 1) {
    if (columns.end[row] > last) last = columns.end[row];
    if (columns.start[row] > last) last = columns.start[row];
  }
  for (const end of columns.lost.end) if (end > last) last = end;
  return columns.running >= 0 && columns.state.includes(columns.running) ? Math.max(last, columns.now) : last;
}
