// A simulation, from a file: pools beside each other, warnings, curves, and what really happened if it knows.

class SimulationView {
  constructor() {
    this.choice = new SimulationChoice((simulation) => this.show(simulation));
    this.parts = element("div", {});
    this.node = element(
      "div",
      {},
      report ? "" : element("p", {}, viewLink(listPlace(), {}, "← All jobs")),
      element(
        "section",
        { "aria-label": "Simulation" },
        (this.top = element("div", {})),
        report ? "" : this.choice.node,
      ),
      this.parts,
    );
    this.show(report ? report.simulation : openedSimulation);
  }

  takeFile(file) {
    this.choice.open(file);
  }

  stop() {}

  changed() {}

  show(simulation) {
    document.title = `${simulation ? `${simulation.job.name}, simulated` : "Simulation"} · batchmgr`;
    this.top.replaceChildren(...(simulation ? simulationInWords(simulation) : withoutSimulation()));
    this.parts.replaceChildren(
      ...(simulation
        ? [
            element(
              "section",
              { "aria-label": "Pools" },
              element("h2", {}, "Pools compared"),
              poolTables(simulation),
              element("p", { class: "quiet note" }, poolTablesInWords(simulation)),
              warningsOf(simulation.variants),
            ),
            simulation.prediction ? this.happened(simulation) : null,
            new SimulationCurves(simulation).node,
            assumed(simulation),
          ].filter(Boolean)
        : []),
    );
  }

  /** What the job really took that was simulated on its own pool. */
  happened({ prediction, variants, job, prices }) {
    const { jobId, guesses } = prediction;
    const variant = variants.find((one) => one.name === prediction.variant);
    if (!variant) return null;
    const { seconds, ended, busy } = prediction.realCurves;
    const real = {
      until: prediction.realSeconds,
      hasEnded: prediction.hasEnded,
      nodeHoursUsed: prediction.realNodeHoursUsed,
      ...{ seconds, ended, busy },
    };
    return element(
      "section",
      { "aria-label": "Predicted and real" },
      element("h2", {}, "Predicted and real: ", report ? jobId : viewLink(jobPlace(jobId), {}, jobId)),
      predictedAndReal(variant, job.tasks, real, prices?.currency),
      guesses.length ? element("p", { class: "quiet" }, `Guessed: ${guesses.join("; ")}.`) : "",
    );
  }
}

function withoutSimulation() {
  return [
    element("h1", {}, "Simulation"),
    element("p", {}, "What would a job take, on which pool? Simulate it, and open the file here:"),
    element(
      "pre",
      { tabindex: "0" },
      "batchmgr simulate job.json --duration 10m --nodes 1,10,50 -o json > simulation.json",
    ),
  ];
}

function simulationInWords({ job, variants, runs, seed }) {
  const pools = variants.length === 1 ? "one pool" : `${number(variants.length)} pools`;
  const each = `${plural(runs, "run")}${variants.length === 1 ? "" : " of each"}, seed ${seed}`;
  return [
    element("h1", {}, `${job.name}, simulated`),
    element(
      "p",
      { class: "words" },
      `${plural(job.tasks, "task")} on ${pools}, ${each}. p10–p90: eight of ten runs are between.`,
    ),
  ];
}

function assumed({ job, assumptions, prices }) {
  return element(
    "section",
    { "aria-label": "Assumed" },
    element("h2", {}, "What was assumed"),
    element(
      "div",
      { class: "figures" },
      table(
        "Tasks by kind",
        [
          { name: "Kind" },
          { name: "Tasks", number: true },
          { name: "Each takes" },
          { name: "Runs that fail", number: true },
        ],
        job.kinds.map((one) => [
          one.name,
          number(one.tasks),
          one.duration,
          one.failure ? `${(one.failure * 100).toFixed(1)} %` : "none",
        ]),
      ),
    ),
    facts([
      ["Until Azure has machines", assumptions.resize],
      ["Until a machine is up", assumptions.boot],
      ["Start task of a node", assumptions.startTask],
      ["Until a chosen node starts a task", assumptions.scheduling],
      [
        "Prices",
        prices && `${prices.vmSize} in ${prices.region}, as of ${prices.asOf}, in ${prices.currency}`,
      ],
    ]),
  );
}
