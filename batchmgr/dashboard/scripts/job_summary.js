// A job in words: where it stands, when it may end, why it waits, and how its callback and webhooks do.

const LIVE_PARTS = ["failed", "succeeded", "running", "waiting"];

function countsOf(job) {
  const { failed = 0, succeeded = 0, running = 0, completed = 0 } = job.counts ?? {};
  return { failed, succeeded, running, waiting: Math.max((job.total ?? 0) - completed - running, 0) };
}

/** Whom a job tells of its end or of its events, and how that goes. */
function deliveriesOf(job) {
  return [job.callback, ...(job.otherCallbacks ?? []), ...(job.webhooks ?? [])].filter(Boolean);
}

function jobInWords(job) {
  const { failed, succeeded, running, waiting } = countsOf(job);
  if (!job.total)
    return isFinal(job.state) ? "It had no tasks in Azure Batch." : "Its tasks are not in Azure Batch yet.";
  const all = `${number(succeeded + failed)} of ${plural(job.total, "task")} have ended`;
  const parts = [
    failed ? `${number(failed)} failed` : "none failed",
    running && `${number(running)} ${running === 1 ? "runs" : "run"}`,
    waiting && `${number(waiting)} ${waiting === 1 ? "waits" : "wait"}`,
  ];
  return `${all}: ${parts.filter(Boolean).join(", ")}.`;
}

/** When the job may end, as the app says, and what that follows from; or why nobody knows. */
function endInWords(job) {
  if (isFinal(job.state) || !job.total) return null;
  if (job.counts.completed >= job.total) return { text: "soon: all tasks have ended" };
  if (job.state !== "running") return { text: "unknown while the job is not running" };
  if (job.timeLeft) {
    const seconds = Math.ceil((Date.parse(job.timeLeft.endsAt) - Date.now()) / 1000);
    const text = seconds > 0 ? `in about ${duration(seconds)}, at ${moment(job.timeLeft.endsAt)}` : "soon";
    return { text, basis: job.timeLeft.basis };
  }
  return { text: job.counts.running ? "unknown until some tasks have ended" : "unknown while no task runs" };
}

class JobSummary {
  /** `actions` is the element with what can be done. */
  constructor(actions) {
    this.bar = element(
      "div",
      { class: "progress", role: "img" },
      LIVE_PARTS.map((name) => element("span", { class: name })),
    );
    this.words = element("p", { class: "words" });
    this.top = element("div", {});
    this.more = element("div", {});
    this.node = element(
      "section",
      { "aria-label": "Job" },
      this.top,
      this.words,
      this.bar,
      actions,
      this.more,
    );
  }

  show(job) {
    redraw(this.top, [job.jobId, job.state, job.cancelRequested], () => [
      element("h1", {}, job.jobId),
      element(
        "p",
        {},
        element("strong", { class: toneOf(job.state) }, STATES[job.state] ?? job.state),
        job.cancelRequested && !isFinal(job.state) ? " · being cancelled" : "",
      ),
    ]);
    setText(this.words, jobInWords(job));
    const counts = countsOf(job);
    for (const [at, name] of LIVE_PARTS.entries()) {
      const share = job.total ? counts[name] / job.total : 0;
      // A failed task is seen, however few they are.
      this.bar.children[at].style.flexGrow = name === "failed" && share > 0 ? Math.max(share, 0.006) : share;
    }
    this.bar.setAttribute(
      "aria-label",
      LIVE_PARTS.map((name) => `${number(counts[name])} ${name}`).join(", "),
    );
    const end = endInWords(job);
    const ended = isFinal(job.state) ? job.updatedAt : null;
    const elapsed = ended
      ? (Date.parse(ended) - Date.parse(job.createdAt)) / 1000
      : secondsSince(job.createdAt);
    redraw(
      this.more,
      [job, end?.text, Math.floor(elapsed / (elapsed > 120 ? 10 : 1)), zone.isLocal],
      () =>
        [
          legend(LIVE_PARTS.map((name) => [name, `${number(counts[name])} ${name}`])),
          this.callouts(job),
          facts(
            [
              ["Sent", moment(job.createdAt)],
              [ended ? "Took" : "Elapsed", duration(elapsed)],
              [
                "Ends",
                end && [
                  end.text,
                  end.basis ? element("span", { class: "quiet" }, `: ${end.basis}`) : "",
                ],
              ],
              ["Callback", callbackInWords(job.callback)],
              ...(job.otherCallbacks ?? []).map((one, at) => [`Callback ${at + 2}`, callbackInWords(one)]),
              ...(job.webhooks ?? []).map((one, at) => [at ? `Webhook ${at + 1}` : "Webhook", webhookInWords(one)]),
              ["Workload", job.workload],
              ["Pool", job.poolId],
              [
                "Reruns",
                job.rerunOf ? viewLink(jobPlace(job.rerunOf), { "data-key": "rerun-of" }, job.rerunOf) : "",
              ],
              ["Nodes reach storage until", moment(job.signaturesEnd)],
              [
                "Metadata",
                Object.entries(job.metadata ?? {})
                  .map(([name, value]) => `${name}=${value}`)
                  .join(", "),
              ],
            ].map(([name, value]) => [name, Array.isArray(value) ? element("span", {}, value) : value]),
          ),
        ].flat(),
    );
  }

  callouts(job) {
    const found = [];
    const waits = job.waitingFor;
    if (waits) {
      found.push(
        element(
          "div",
          { class: "callout" },
          element("strong", {}, `It waits: ${waits.code || "a service does not answer"}`),
          waits.place ? `, place ${number(waits.place)} in the line` : "",
          ` since ${moment(waits.since)}.`,
          element("p", {}, waits.reason),
          waits.advice ? element("p", {}, `What to do: ${waits.advice}`) : "",
          job.retryAt ? element("p", {}, `It is tried again at ${moment(job.retryAt)}.`) : "",
        ),
      );
    }
    if (job.error) {
      found.push(
        element(
          "div",
          { class: "callout bad" },
          element("strong", {}, job.error.code),
          ` ${job.error.message}`,
          job.error.field ? element("p", {}, `Field of the message: ${job.error.field}`) : "",
          job.error.category === "BadInput"
            ? element("p", {}, "The input is to blame: whoever sends the job has to act.")
            : "",
        ),
      );
    }
    return found;
  }
}

function callbackInWords(callback) {
  if (!callback) return "";
  const { state, attempts, nextAttemptAt } = callback;
  const tried = plural(attempts, "attempt");
  const said = callback.lastError ? `: ${callback.lastError}` : "";
  if (state === "delivered") return "delivered";
  if (state === "sending") return `being sent, after ${tried}${said}`;
  if (state === "dead") return `given up after ${tried}${said}`;
  const plan = attempts ? `to be sent again, after ${tried}` : "will be sent at the end";
  return `${plan}${nextAttemptAt ? `, at ${moment(nextAttemptAt)}` : ""}${said}`;
}

/** Whom a webhook tells of what, and how that goes. */
function webhookInWords({ receiver, events, state, attempts, nextAttemptAt, lastError }) {
  const tried = plural(attempts, "attempt");
  const said = lastError ? `: ${lastError}` : "";
  const later = nextAttemptAt ? `, at ${moment(nextAttemptAt)}` : "";
  const stands = {
    delivered: "is told of all so far",
    sending: lastError ? `is being told, after ${tried}` : "is being told",
    dead: `given up after ${tried}`,
    pending: attempts ? `to be told again, after ${tried}${later}` : "will be told soon",
  };
  return `${receiver} (${events.join(", ")}) ${stands[state] ?? state}${said}`;
}
