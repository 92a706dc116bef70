// How long tasks ran, by kind: percentiles, a histogram, and the slowest ten.

const BINS = 40;
const SLOWEST = 10;

class RunTimes {
  constructor() {
    this.parts = element("div", {});
    this.node = element(
      "section",
      { "aria-label": "Run times", hidden: true },
      element("h2", {}, "Run times"),
      this.parts,
    );
  }

  show(job, columns) {
    if (this.drawnFor === columns) return;
    this.drawnFor = columns;
    const kinds = runTimesByKind(columns);
    setShown(this.node, kinds.length > 0);
    const numbers = ["Tasks", "Least", "p50", "p90", "p99", "Most", "Mean", "Sum"];
    const head = [
      { name: "Kind" },
      ...numbers.map((name) => ({ name, number: true })),
      { name: "From least to most" },
    ];
    this.parts.replaceChildren(
      element("p", { class: "quiet" }, "Of tasks that have ended: the time of their last attempts."),
      table(
        "Run times by kind",
        head,
        kinds.map((one) => [
          one.kind,
          number(one.count),
          ...[one.least, one.p50, one.p90, one.p99, one.most, one.mean, one.sum].map(duration),
          histogram(one),
        ]),
      ),
      element("h3", {}, `The slowest ${SLOWEST}`),
      element("ol", {}, this.slowest(job, columns)),
    );
  }

  slowest(job, columns) {
    const rows = columns.select({}, "-runTime").subarray(0, SLOWEST);
    return Array.from(rows)
      .filter((row) => columns.runTime(row) >= 0)
      .map((row) =>
        element(
          "li",
          {},
          viewLink(
            jobPlace(job.jobId, { sort: "-runTime", task: columns.taskId[row] }),
            {},
            columns.taskId[row],
          ),
          `, ${duration(columns.runTime(row))}`,
          columns.state[row] === columns.running ? " so far" : "",
        ),
      );
  }
}

function histogram({ kind, times, least, most }) {
  const counts = new Float64Array(BINS),
    width = (most - least) / BINS || 1;
  for (const time of times) counts[Math.min(BINS - 1, Math.floor((time - least) / width))] += 1;
  const highest = Math.max(...counts);
  return drawing(
    "svg",
    {
      width: 160,
      height: 22,
      viewBox: `0 0 ${BINS * 4} 22`,
      role: "img",
      "aria-label": `Histogram of the run times of ${kind}`,
    },
    Array.from(counts, (count, at) =>
      drawing("rect", {
        x: at * 4,
        y: 22 - (count / highest) * 22,
        width: 3,
        height: (count / highest) * 22,
        fill: "currentColor",
        opacity: 0.6,
      }),
    ),
  );
}
