// What an operator looks at: whether the app works, who stands in the line, and what was given up.

const IN_LINE = "ActiveJobAndScheduleQuotaReached";
const PLACES_ASKED = 10;

class Operations {
  constructor() {
    const part = () => element("div", {});
    Object.assign(this, { health: part(), line: part(), letters: part() });
    this.node = element(
      "section",
      { "aria-label": "Operations" },
      element("h2", {}, "The app"),
      this.health,
      this.line,
      this.letters,
    );
  }

  /** Each part by itself: one that is missing does not keep the others away. */
  async read(active, signal) {
    await Promise.all([
      this.part(this.health, "Health", async () =>
        this.healthParts(await (await ask("health/details", { signal, accept: [503] })).json()),
      ),
      this.part(this.line, "Line for the quota", () => this.lineParts(active, signal)),
      this.part(this.letters, "Dead letters", async () =>
        this.letterParts(await read("dead-letters", { query: { limit: 50 }, signal })),
      ),
    ]);
  }

  async part(node, title, read) {
    let content;
    try {
      content = await read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      content = {
        title,
        data: error.message,
        build: () => element("p", { class: "quiet" }, `Not known: ${sentence(error)}`),
      };
    }
    redraw(node, [content.data, zone.isLocal], () => [element("h3", {}, content.title), content.build()]);
  }

  healthParts(health) {
    const wrong = Object.entries(health.checks ?? {}).filter(([, said]) => said !== "ok");
    const poison = Object.entries(health.poison ?? {});
    return {
      title: "Health",
      data: health,
      build: () =>
        [
          element(
            "p",
            { class: health.status === "healthy" ? "good" : "bad" },
            health.status === "healthy"
              ? "Healthy: storage and Azure Batch answer."
              : health.status === "degraded"
                ? "Degraded: jobs go on."
                : "Unhealthy: jobs can't go on.",
          ),
          wrong.length ? facts(wrong) : null,
          poison.length
            ? element(
                "p",
                { class: "warn" },
                `Messages in poison queues: ${poison.map((one) => one.join(" ")).join(", ")}.`,
              )
            : null,
        ].filter(Boolean),
    };
  }

  async lineParts(active, signal) {
    const waiting = active.filter((job) => job.waitingFor?.code === IN_LINE);
    const asked = await Promise.all(
      waiting.slice(-PLACES_ASKED).map((job) => read(jobPath(job.jobId), { signal }).catch(() => job)),
    );
    const placed = asked
      .filter((job) => job.waitingFor?.place)
      .sort((a, b) => a.waitingFor.place - b.waitingFor.place);
    const places = placed.map((job) => [job.waitingFor.place, job.jobId]);
    return {
      title: "Line for the quota",
      data: [waiting.length, places],
      build: () =>
        waiting.length
          ? [
              element(
                "p",
                {},
                `Of the jobs shown above, ${number(waiting.length)} stand in it: the account has as many ` +
                  "active jobs as it may.",
              ),
              element(
                "ul",
                {},
                places.map(([place, id]) =>
                  element(
                    "li",
                    {},
                    `Place ${number(place)}: `,
                    viewLink(jobPlace(id), { "data-key": `line-${id}` }, id),
                  ),
                ),
              ),
            ]
          : element("p", { class: "quiet" }, "Nobody of those shown above waits in it."),
    };
  }

  letterParts(page) {
    const head = [{ name: "When" }, { name: "What" }, { name: "Where" }, { name: "Why", wide: true }];
    const rows = () =>
      page.deadLetters.map((letter) => [
        moment(letter.time),
        letter.kind,
        letter.jobId
          ? viewLink(jobPlace(letter.jobId), { "data-key": `letter-${letter.id}` }, letter.jobId)
          : (letter.queue ?? ""),
        letter.receiver ? `${letter.receiver}: ${letter.reason}` : letter.reason,
      ]);
    return {
      title: "Dead letters",
      data: page,
      build: () =>
        page.deadLetters.length
          ? [
              table("Dead letters", head, rows()),
              page.nextLink
                ? element("p", { class: "quiet" }, "The newest 50 are shown; there are more.")
                : "",
            ]
          : element("p", { class: "quiet" }, "None: nothing was given up."),
    };
  }
}
