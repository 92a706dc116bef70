// What the job has used, by kind of task, on which nodes, and what that has cost. docs/usage.md defines the figures.

const USAGE_HEAD = [
  { name: "Kind" },
  ...["Tasks", "Failed", "Run time", "Longest", "Mean wait", "Lost attempts"].map((name) => ({
    name,
    number: true,
  })),
];

class UsageView {
  constructor() {
    this.parts = element("div", {});
    this.node = element(
      "section",
      { "aria-label": "Usage", hidden: true },
      element("h2", {}, "Usage and cost"),
      this.parts,
    );
  }

  show(usage) {
    setShown(this.node, Boolean(usage?.tasks));
    if (!usage?.tasks) return;
    redraw(this.parts, usage, () => [
      element("p", { class: "quiet" }, "Of the tasks that have ended, each counted once."),
      table(
        "Usage by kind",
        USAGE_HEAD,
        (usage.kinds ?? []).map((one) => [
          one.kind,
          number(one.tasks),
          number(one.failed ?? 0),
          duration(one.taskSeconds),
          duration(one.longestSeconds),
          duration(one.meanWaitSeconds),
          number(one.lostAttempts ?? 0),
        ]),
      ),
      facts([
        ["Nodes", nodesInWords(usage)],
        ["Node hours used", hoursInWords(usage.nodeHoursUsed)],
        ["Node hours idle", hoursInWords(usage.nodeHoursIdle)],
        ["Slots in use", usage.utilisation === undefined ? "" : `${Math.round(usage.utilisation * 100)} %`],
        ["Core hours", usage.coreHours === undefined ? "" : hours(usage.coreHours)],
        ["Cost", costInWords(usage.cost)],
      ]),
    ]);
  }
}

function nodesInWords({ vmSize, os, slotsPerNode }) {
  return vmSize ? `${vmSize}, ${os}, ${plural(slotsPerNode, "slot")} a node` : "";
}

function hours(value) {
  return value < 0.01 && value > 0 ? "less than 0.01" : value.toFixed(2);
}

function hoursInWords(some) {
  if (!some) return "";
  const names = { dedicated: "dedicated", spot: "spot", unknown: "of nodes that were gone" };
  const told = Object.entries(names)
    .filter(([name]) => some[name] > 0)
    .map(([name, what]) => `${hours(some[name])} ${what}`);
  return told.join(", ") || "0";
}

function costInWords(cost) {
  if (!cost) return "";
  const amount = (value) => `${value.toFixed(2)} ${cost.currency}`;
  const idle = cost.idle === undefined ? "" : `, and ${amount(cost.idle)} while nodes were idle`;
  return `${amount(cost.used)} while tasks ran${idle} (${cost.region}, prices of ${cost.asOf.slice(0, 10)})`;
}
