// A simulation, laid over a job: what was predicted, and what happened.

class JobPrediction {
  constructor(jobId) {
    this.jobId = jobId;
    const isOwn = openedSimulation?.prediction?.jobId === jobId;
    this.simulation = report?.prediction ?? (isOwn ? openedSimulation : null);
    this.choice = new SimulationChoice((simulation) => this.take(simulation));
    this.variants = element("select", { change: () => this.draw() });
    this.pool = element("label", { class: "row" }, "Predicted for the pool ", this.variants);
    this.command = element("pre", { tabindex: "0" });
    this.how = element(
      "div",
      { hidden: true },
      element("p", {}, "Was this to be expected? Simulate the job, and open the file here:"),
      this.command,
    );
    this.parts = element("div", {});
    this.node = element(
      "section",
      { "aria-label": "Predicted and real", hidden: true },
      element("h2", {}, "Predicted and real"),
      this.how,
      this.choice.node,
      this.pool,
      this.parts,
    );
  }

  take(simulation) {
    Object.assign(this, { simulation, drawnFor: null });
    this.variants.replaceChildren();
    this.draw();
    this.node.scrollIntoView({ block: "nearest" });
  }

  /** `usage` is null where the app does not know it. */
  show(job, columns, usage) {
    // In a report, whoever reads it has no simulation to bring.
    setShown(this.node, Boolean(job.total) && (!report || this.simulation !== null));
    Object.assign(this, { job, columns, usage });
    // The timeline of a job that runs does not have the tasks that wait: its message has.
    const which = isFinal(job.state)
      ? `--like ${job.jobId}`
      : `job.json --like ${job.jobId} --nodes ${Math.max(columns.nodes.length, 1)}`;
    setText(this.command, `batchmgr simulate ${which} -o json > simulation.json`);
    this.draw();
  }

  draw() {
    setShown(this.how, !this.simulation);
    setShown(this.choice.node, !report);
    setShown(this.pool, this.simulation?.variants.length > 1);
    if (!this.simulation || !this.job || this.node.hidden) return;
    const { variants, job, prices } = this.simulation;
    if (!this.variants.children.length) {
      this.variants.append(
        ...variants.map((one) =>
          element("option", { value: one.name }, one.best ? `${one.name} ★` : one.name),
        ),
      );
      this.variants.value = likeliest(this.simulation, this.job).name;
    }
    const variant = variants.find((one) => one.name === this.variants.value);
    const shown = [variant, this.columns, this.usage];
    if (this.drawnFor?.every((one, at) => one === shown[at])) return;
    this.drawnFor = shown;
    const open = Boolean(this.parts.querySelector("details[open]"));
    this.parts.replaceChildren(
      ...[this.doubts(job.tasks), predictedAndReal(variant, job.tasks, this.real(), prices?.currency)]
        .flat()
        .filter(Boolean),
    );
    if (open) this.parts.querySelector("details").open = true;
  }

  /** What makes the two hard to compare. */
  doubts(predicted) {
    const { state, total, jobId } = this.job;
    const found = [];
    if (predicted !== total)
      found.push(`The simulation has ${plural(predicted, "task")}, and ${jobId} has ${number(total)}.`);
    if (["cancelled", "timed_out", "rejected"].includes(state))
      found.push(`${jobId} did not come to its end: ${STATES[state].toLowerCase()}.`);
    return found.map((text) => element("p", { class: "callout" }, text));
  }

  real() {
    const { job, columns, usage } = this;
    const hasEnded = isFinal(job.state);
    const until = (hasEnded ? endOfTime(columns) : columns.now) || 0;
    const over = countsOverTime(columns, until || 1, SPANS);
    const sum = (hoursOf) => hoursOf && Object.values(hoursOf).reduce((all, some) => all + some, 0);
    const used = sum(usage?.nodeHoursUsed),
      idle = sum(usage?.nodeHoursIdle);
    return {
      until,
      hasEnded,
      seconds: Array.from({ length: SPANS + 1 }, (_, span) => (until * span) / SPANS),
      ended: over.succeeded.map((count, span) => count + over.failed[span]),
      busy: over.nodes,
      nodeHoursUsed: used,
      nodeHoursHeld: used === undefined || idle === undefined ? undefined : used + idle,
      cost: usage?.cost,
      waits: hasEnded ? waitsOf(columns, usage) : null,
    };
  }
}

/** The pool of a simulation that a job is held against first: its own, one of that name, the best, or any. */
function likeliest({ variants, prediction }, job) {
  const own = prediction?.jobId === job.jobId ? prediction.variant : job.poolId;
  return (
    variants.find((one) => one.name === own) ??
    variants.find((one) => one.best) ??
    variants.find((one) => one.ended) ??
    variants[0]
  );
}

/** How long tasks waited; null if some wait for others, of which the app then tells no mean wait. */
function waitsOf(columns, usage) {
  if (!usage?.kinds?.some((one) => one.meanWaitSeconds !== undefined)) return null;
  const waits = columns.start
    .filter((start, row) => start >= 0 && !columns.taskId[row].startsWith("batchmgr-"))
    .sort();
  return waits.length ? { p50: percentile(waits, 0.5), p90: percentile(waits, 0.9) } : null;
}
