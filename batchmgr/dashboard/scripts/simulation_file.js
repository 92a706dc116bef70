// What `batchmgr simulate … -o json` has written: a file that is chosen or dropped. It stays in the browser.

const SIMULATION_KIND = "batchmgr.simulation";
const SIMULATION_VERSION = 1;
const MOST_SIMULATION_BYTES = 32 * 1024 * 1024;
const SPREAD = { p10: "number", p50: "number", p90: "number" };
const SPREADS = (...names) => Object.fromEntries(names.map((name) => [name, SPREAD]));
const COUNTS = (...names) => Object.fromEntries(names.map((name) => [name, ["number"]]));
const ifThere = (shape) => (value, path) =>
  value === null || value === undefined ? null : wrongPart(value, shape, path);

/** What the page reads of a simulation. An array has one shape for all that is in it. */
const SIMULATION = {
  job: {
    name: "string",
    tasks: "number",
    kinds: [{ name: "string", tasks: "number", duration: "string", failure: "number" }],
  },
  assumptions: { resize: "string", boot: "string", startTask: "string", scheduling: "string" },
  runs: "number",
  seed: "number",
  variants: [
    {
      name: "string",
      best: "boolean",
      ended: "number",
      runs: "number",
      ...SPREADS("makespanSeconds", "lowerBoundSeconds", "requeues", "peakNodes"),
      nodeHours: SPREADS("held", "used"),
      shares: SPREADS("used", "idle", "boot", "lost"),
      waitSeconds: SPREADS("p50", "p90", "p99"),
      cost: ifThere(SPREADS("used", "rest")),
      warnings: ["string"],
      curves: COUNTS("seconds", "waiting", "running", "nodes", "busy"),
    },
  ],
  prices: ifThere({ currency: "string", region: "string", asOf: "string", vmSize: "string" }),
  prediction: ifThere({
    jobId: "string",
    variant: "string",
    realSeconds: "number",
    realNodeHoursUsed: "number",
    realCurves: COUNTS("seconds", "ended", "busy"),
    hasEnded: "boolean",
    guesses: ["string"],
  }),
};

/** The one that was opened last, for all views of this tab. */
let openedSimulation = null;

/** Give the simulation in a text. Throw an error that says in a sentence what else the text is. */
function readSimulation(text, name) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error(`${name} is not JSON: batchmgr simulate … -o json writes what is shown here.`);
  }
  if (found?.kind !== SIMULATION_KIND)
    throw new Error(`${name} is not a simulation: batchmgr simulate … -o json writes one.`);
  if (found.version !== SIMULATION_VERSION)
    throw new Error(
      `${name} is a simulation of version ${found.version}, and this page reads version ${SIMULATION_VERSION}: ` +
        "simulate again with the batchmgr of this app.",
    );
  const wrong = wrongPart(found, SIMULATION, "") ?? wrongLengths(found);
  if (wrong) throw new Error(`${name} is a damaged simulation: ${wrong} is not as it should be.`);
  return found;
}

/** The path of the first part that does not have its shape, or null. */
function wrongPart(value, shape, path) {
  if (typeof shape === "function") return shape(value, path);
  if (typeof shape === "string")
    return typeof value === shape && (shape !== "number" || Number.isFinite(value)) ? null : path;
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return path;
    return firstFound(value.keys(), (at) => wrongPart(value[at], shape[0], `${path}[${at}]`));
  }
  if (typeof value !== "object" || value === null) return path || "all of it";
  return firstFound(Object.keys(shape), (name) =>
    wrongPart(value[name], shape[name], path ? `${path}.${name}` : name),
  );
}

function firstFound(values, find) {
  for (const value of values) {
    const found = find(value);
    if (found) return found;
  }
  return null;
}

/** The path of the first curves that are no curves: of different lengths, or empty. */
function wrongLengths({ variants, prediction }) {
  if (!variants.length) return "variants";
  const isWrong = (curves, names) =>
    !curves.seconds.length || names.some((name) => curves[name].length !== curves.seconds.length);
  const wrong = variants.findIndex(({ curves }) => isWrong(curves, ["waiting", "running", "nodes", "busy"]));
  if (wrong >= 0) return `variants[${wrong}].curves`;
  return prediction && isWrong(prediction.realCurves, ["ended", "busy"]) ? "prediction.realCurves" : null;
}

/** A button that opens a file, and what is said of it. `take` gets a simulation. */
class SimulationChoice {
  constructor(take) {
    this.take = take;
    this.input = element("input", {
      type: "file",
      accept: ".json,application/json",
      hidden: true,
      change: () => this.input.files[0] && this.open(this.input.files[0]),
    });
    this.button = element(
      "button",
      { type: "button", click: () => this.input.click() },
      "Open a simulation …",
    );
    this.said = element("p", { role: "alert" });
    this.node = element(
      "div",
      { class: "drop" },
      element(
        "p",
        { class: "row" },
        this.button,
        this.input,
        element("span", { class: "quiet" }, "or drop the file here. It stays in this browser."),
      ),
      this.said,
    );
  }

  async open(file) {
    let simulation = null;
    try {
      if (file.size > MOST_SIMULATION_BYTES)
        throw new Error(`${file.name} has ${bytes(file.size)}: no simulation is larger than 32 MiB.`);
      const text = await file.text().catch(() => {
        throw new Error(`${file.name} can't be read.`);
      });
      simulation = readSimulation(text, file.name);
    } catch (error) {
      setText(this.said, error.message);
      this.said.className = "callout bad";
      return;
    } finally {
      // So that the same file can be chosen again, when it has changed.
      this.input.value = "";
    }
    setText(this.said, "");
    this.said.className = "";
    openedSimulation = simulation;
    this.take(simulation);
  }
}
