// The pools of a simulation, beside each other: as the command prints them.

/** Two tables: what the job takes on each pool, and how it comes to that. */
function poolTables({ variants, prices }) {
  const spread = ({ p10, p90 }, show) => `${show(p10)} – ${show(p90)}`;
  const held = (one) => one.nodeHours.held.p50;
  const cost = ({ cost: of }) => (of ? `${amount(of.used.p50)} + ${amount(of.rest.p50)}` : "no price");
  return [
    numbersOf(
      "Time and node hours",
      variants,
      ["Makespan, p50", "p10–p90", "Node hours, p50", "p10–p90", "Used", "Idle", "Boot", "Lost"].concat(
        prices ? [`Cost, used + rest, in ${prices.currency}`] : [],
      ),
      (one) => [
        one.ended ? duration(one.makespanSeconds.p50) : element("strong", { class: "bad" }, "does not end"),
        one.ended ? spread(one.makespanSeconds, duration) : "",
        amount(held(one)),
        spread(one.nodeHours.held, amount),
        ...["used", "idle", "boot", "lost"].map((part) => `${Math.round(one.shares[part].p50 * 100)} %`),
        ...(prices ? [cost(one)] : []),
      ],
    ),
    numbersOf(
      "Waits and nodes",
      variants,
      ["Wait, p50", "p90", "p99", "Most nodes", "Requeues", "At best"],
      (one) => [
        ...["p50", "p90", "p99"].map((percent) => duration(one.waitSeconds[percent].p50)),
        number(Math.round(one.peakNodes.p50)),
        number(Math.round(one.requeues.p50)),
        duration(one.lowerBoundSeconds.p50),
      ],
    ),
  ];
}

/** A table with a row of numbers for each pool. */
function numbersOf(caption, variants, names, row) {
  return element(
    "div",
    { class: "figures" },
    table(
      caption,
      [{ name: "Pool" }, ...names.map((name) => ({ name, number: true }))],
      variants.map((one) => [poolName(one), ...row(one)]),
    ),
  );
}

function poolName(variant) {
  return element(
    "span",
    {},
    variant.name,
    variant.best ? element("strong", { class: "good" }, " ★ best") : "",
  );
}

/** An amount of hours, or of money, with three digits that count. */
function amount(value) {
  if (!value) return "0";
  if (value < 10) return value.toFixed(2);
  return value < 100 ? value.toFixed(1) : number(Math.round(value));
}

/** What the words in the table mean. */
function poolTablesInWords({ variants, prices }) {
  const best =
    variants.length > 1 && variants.some((one) => one.best)
      ? `★ best: no other pool here takes both less time and less ${prices ? "money" : "node hours"}. `
      : "";
  return (
    `${best}Used, idle, boot and lost: shares of the node hours. Wait: from when a task could run to when it did. ` +
    "At best: the longest chain of tasks, or all the work on all slots; no scheduler can beat it."
  );
}

function warningsOf(variants) {
  return variants.flatMap((one) =>
    one.warnings.map((warning, at) =>
      element(
        "div",
        { class: at === 0 && one.ended < one.runs ? "callout bad" : "callout" },
        element("strong", {}, `${one.name}: `),
        warning,
      ),
    ),
  );
}
