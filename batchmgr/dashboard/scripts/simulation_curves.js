// The curves of the pools of a simulation, one below the other, on one axis of time.

const SHOWN_AT_FIRST = 6;
const LONGEST_AXIS = 10;

class SimulationCurves {
  constructor(simulation) {
    this.simulation = simulation;
    const { variants } = simulation;
    this.shown = new Set(variants.slice(0, SHOWN_AT_FIRST));
    this.isWhole = false;
    this.choices = variants.map((one) =>
      element("button", { type: "button", click: () => this.toggle(one) }, one.name),
    );
    this.whole = element("input", {
      type: "checkbox",
      change: () => {
        this.isWhole = this.whole.checked;
        this.draw();
      },
    });
    this.wholeLabel = element("label", { class: "row" }, this.whole, "The whole time");
    this.charts = element("div", {});
    this.node = element(
      "section",
      { "aria-label": "Over time" },
      element("h2", {}, "Over time"),
      element("p", { class: "quiet" }, "Of each pool, the run in the middle."),
      element(
        "p",
        { class: "row" },
        variants.length > 1 &&
          element("span", { class: "row", role: "group", "aria-label": "Pools" }, this.choices),
        this.wholeLabel,
      ),
      legend([
        ["ended", "ended"],
        ["running", "running"],
        ["waiting", "waiting"],
        ["nodes", "nodes that run tasks"],
        ["idle", "nodes that boot or idle"],
      ]),
      this.charts,
    );
    this.draw();
  }

  toggle(variant) {
    if (!this.shown.delete(variant)) this.shown.add(variant);
    this.draw();
  }

  draw() {
    const { variants } = this.simulation;
    const shown = variants.filter((one) => this.shown.has(one));
    variants.forEach((one, at) => {
      this.choices[at].setAttribute("aria-pressed", `${this.shown.has(one)}`);
    });
    const latest = Math.max(...shown.map(lastSecond));
    const shortest = Math.min(...shown.filter((one) => one.ended).map(lastSecond));
    const readable = LONGEST_AXIS * shortest;
    setShown(this.wholeLabel, latest > readable);
    const until = this.isWhole ? latest : Math.min(latest, readable);
    this.charts.replaceChildren(
      ...(shown.length
        ? shown.map((one) => this.chartsOf(one, until))
        : [element("p", { class: "quiet" }, "No pool is chosen.")]),
    );
  }

  chartsOf(variant, until) {
    const { seconds, running, waiting, nodes, busy } = variant.curves;
    const ended = endedIn(variant.curves, this.simulation.job.tasks);
    const axis = passedAxis(until, "Time since the start of the job.");
    const layer = (name, values) => ({ name, values });
    const most = (values) => number(Math.max(...values));
    return element(
      "article",
      { "aria-label": variant.name },
      element("h3", {}, poolName(variant), `: ${curvesInWords(variant)}`),
      leftOutOf(variant, until),
      areas(seconds, [layer("ended", ended), layer("running", running), layer("waiting", waiting)], {
        ...axis,
        note: "",
        height: 130,
        unit: "tasks",
        label: `Tasks over time on ${variant.name}: at most ${most(running)} run at once`,
      }),
      areas(
        seconds,
        [
          layer("nodes", busy),
          layer(
            "idle",
            nodes.map((count, at) => Math.max(count - busy[at], 0)),
          ),
        ],
        {
          ...axis,
          height: 70,
          unit: "nodes",
          label: `Nodes over time on ${variant.name}: at most ${most(nodes)}`,
        },
      ),
      element("details", {}, element("summary", {}, "The same as a table"), this.table(variant, ended)),
    );
  }

  table({ name, curves }, ended) {
    const last = curves.seconds.length - 1;
    const rows = [...new Set(Array.from({ length: 13 }, (_, at) => Math.round((last * at) / 12)))];
    const columns = { ended, ...curves };
    const names = ["ended", "running", "waiting", "nodes", "busy"];
    return table(
      `Counts over time on ${name}`,
      [{ name: "Time passed" }, ...names.map((one) => ({ name: one, number: true }))],
      rows.map((row) => [passed(curves.seconds[row]), ...names.map((one) => number(columns[one][row]))]),
    );
  }
}

function lastSecond({ curves }) {
  return curves.seconds.at(-1);
}

function curvesInWords({ ended, makespanSeconds, nodeHours }) {
  const end = ended ? duration(makespanSeconds.p50) : "does not end";
  return `${end}, ${amount(nodeHours.held.p50)} node hours`;
}

/** What the axis, or the end of the curves, leaves out. */
function leftOutOf(variant, until) {
  const last = lastSecond(variant);
  if (last > until + 0.01)
    return element(
      "p",
      { class: "warn" },
      `It goes on after this axis${variant.ended ? `, until ${duration(last)}` : " and does not end"} →`,
    );
  return variant.ended
    ? null
    : element("p", { class: "warn" }, `It does not end. These are its first ${duration(last)}.`);
}
