// The list of jobs: active apart from ended, the newest first, with search and filters.

const JOBS_A_PAGE = 50;
const LIST_PAUSE = 10;
const SINCE = { "": "any time", 1: "the last day", 7: "the last 7 days", 30: "the last 30 days" };
const GROUPS = { active: "Active", ended: "Ended" };

/** A search is the beginning of an id, or KEY=VALUE of the metadata. */
function listQuery(group) {
  const search = address.get("q").trim(),
    at = search.indexOf("="),
    days = address.get("since");
  const query = { state: group, limit: JOBS_A_PAGE };
  if (at > 0) query[`metadata.${search.slice(0, at)}`] = search.slice(at + 1);
  else if (search) query.prefix = search;
  if (days in SINCE && days)
    query.since = new Date(Date.now() - days * 86_400_000).toISOString().replace(/\.\d+/, "");
  return query;
}

/** Whether a job is one that was asked for: an app that knows no filters answers with all jobs. */
function isListed(job, group) {
  const search = address.get("q").trim(),
    at = search.indexOf("=");
  if (group === "failed" ? toneOf(job.state) !== "bad" : isFinal(job.state) !== (group === "ended"))
    return false;
  if (at > 0) return job.metadata?.[search.slice(0, at)] === search.slice(at + 1);
  return job.jobId.toLowerCase().startsWith(search.toLowerCase());
}

class JobList {
  constructor() {
    this.groups = {};
    this.results = element("div", { id: "job-groups" });
    this.search = element("input", {
      id: "search",
      type: "search",
      placeholder: "beginning of an id, or key=value of the metadata",
      value: address.get("q"),
      input: () => this.filter({ q: this.search.value }),
      keydown: (event) => event.key === "Enter" && this.openExact(),
    });
    this.since = element(
      "select",
      { change: () => this.filter({ since: this.since.value }) },
      Object.entries(SINCE).map(([days, text]) =>
        element("option", { value: days, selected: days === address.get("since") }, text),
      ),
    );
    this.states = ["", "active", "ended", "failed"].map((state) =>
      element(
        "button",
        {
          type: "button",
          "data-state": state,
          click: () => this.filter({ jobs: state }),
        },
        { "": "All", active: "Active", ended: "Ended", failed: "Failed" }[state],
      ),
    );
    this.node = element(
      "div",
      {},
      element(
        "section",
        { "aria-label": "Jobs" },
        element(
          "div",
          { class: "row apart" },
          element("h1", {}, "Jobs"),
          viewLink({ ...listPlace(), view: "simulation" }, {}, "Open a simulation"),
        ),
        element(
          "form",
          { class: "row", role: "search", submit: (event) => event.preventDefault() },
          element("label", { class: "grow" }, "Search ", this.search),
          element("span", { class: "row", role: "group", "aria-label": "State" }, this.states),
          element("label", {}, "Sent in ", this.since),
        ),
        this.results,
      ),
    );
    this.operations = new Operations();
    this.node.append(this.operations.node);
    this.show();
    this.follower = new Follower((look) => this.read(look));
  }

  stop() {
    this.follower.stop();
  }

  get shown() {
    const wanted = address.get("jobs");
    return wanted === "failed" ? ["failed"] : wanted ? [wanted] : ["active", "ended"];
  }

  refresh() {
    this.follower.now();
  }

  filter(values) {
    address.set(values, { replace: true });
  }

  /** The address has changed. */
  changed() {
    if (this.search.value !== address.get("q")) this.search.value = address.get("q");
    this.since.value = address.get("since");
    this.show();
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.follower.now(), 250);
  }

  async read({ signal }) {
    const groups = this.shown;
    const states = { failed: "failed,partial,timed_out,rejected" };
    const pages = await Promise.all(
      groups.map((group) =>
        read("jobs", {
          query: { ...listQuery(group), state: states[group] ?? group },
          signal,
        }),
      ),
    );
    groups.forEach((group, at) => {
      this.keep(group, pages[at]);
    });
    this.show();
    await this.operations.read(this.groups.active?.jobs ?? [], signal);
    return LIST_PAUSE;
  }

  /** Keep a first page, and what was loaded after it. */
  keep(group, page) {
    const jobs = page.jobs.filter((job) => isListed(job, group));
    const query = JSON.stringify(listQuery(group));
    const before = this.groups[group]?.query === query ? this.groups[group] : null;
    const fresh = new Set(jobs.map((job) => job.jobId));
    const more = before?.hasMore
      ? before.jobs.filter((job) => !fresh.has(job.jobId) && isListed(job, group))
      : [];
    this.groups[group] = {
      query,
      hasMore: before?.hasMore ?? false,
      next: before?.hasMore ? before.next : page.nextLink,
      jobs: [...jobs, ...more].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1)),
    };
  }

  async loadMore(group) {
    const kept = this.groups[group];
    try {
      const page = await read("jobs", { query: nextQuery(kept.next) });
      const known = new Set(kept.jobs.map((job) => job.jobId));
      kept.jobs = [...kept.jobs, ...page.jobs.filter((job) => !known.has(job.jobId) && isListed(job, group))];
      Object.assign(kept, { next: page.nextLink, hasMore: true });
      this.show();
    } catch (error) {
      freshness.failed(error, LIST_PAUSE);
    }
  }

  openExact() {
    const id = this.search.value.trim();
    if (/^[A-Za-z0-9_-]{1,64}$/.test(id)) address.set(jobPlace(id));
  }

  show() {
    for (const button of this.states)
      button.setAttribute("aria-pressed", `${button.dataset.state === address.get("jobs")}`);
    const groups = this.shown.map((group) => [group, this.groups[group]]);
    redraw(this.results, [groups, zone.isLocal], () =>
      groups.map(([group, kept]) => this.group(group, kept)),
    );
  }

  group(group, kept) {
    const title = element("h2", {}, GROUPS[group] ?? "Failed");
    if (!kept) return element("section", {}, title, element("p", { class: "quiet" }, "Loading …"));
    if (!kept.jobs.length)
      return element("section", {}, title, element("p", { class: "quiet" }, "No such jobs."));
    const more =
      kept.next &&
      element(
        "p",
        {},
        element(
          "button",
          { type: "button", "data-key": `more-${group}`, click: () => this.loadMore(group) },
          "Show more",
        ),
        ` ${number(kept.jobs.length)} are shown, the newest first; there are more.`,
      );
    return element(
      "section",
      {},
      title,
      element(
        "div",
        { class: "scroll" },
        element(
          "table",
          {},
          element("caption", { hidden: true }, `${GROUPS[group] ?? "Failed"} jobs`),
          element(
            "thead",
            {},
            element(
              "tr",
              {},
              ["State", "Job", "Tasks", "Sent", "Workload"].map((name, at) =>
                element("th", { scope: "col", class: at > 2 && "optional" }, name),
              ),
            ),
          ),
          element(
            "tbody",
            {},
            kept.jobs.map((job) => this.job(job)),
          ),
        ),
      ),
      more,
    );
  }

  job(job) {
    const { failed, completed } = job.counts ?? {};
    const tasks = job.total ? `${number(completed)} of ${number(job.total)}` : "";
    return element(
      "tr",
      { class: "item" },
      element(
        "td",
        { class: toneOf(job.state) },
        STATES[job.state] ?? job.state,
        job.waitingFor ? ", waits" : "",
      ),
      element(
        "td",
        { class: "wide" },
        viewLink(jobPlace(job.jobId), { class: "open", "data-key": job.jobId }, job.jobId),
      ),
      element("td", {}, tasks, failed ? element("span", { class: "bad" }, `, ${number(failed)} failed`) : ""),
      element("td", { class: "optional" }, moment(job.createdAt)),
      element("td", { class: "optional" }, job.workload),
    );
  }
}
