// Failed tasks in groups: one bug in 4,000 tasks is one group. The largest comes first, and is open.

class FailedGroups {
  constructor() {
    this.list = element("div", {});
    this.node = element(
      "section",
      { "aria-label": "Failures", hidden: true },
      element("h2", {}, "Why tasks failed"),
      this.list,
    );
  }

  /** `failures` is the body of /failures; or an ApiError, and then `job` still says how many failed. */
  show(job, failures) {
    const failed = job.counts?.failed ?? 0;
    const isMissing = failures instanceof ApiError;
    const groups = isMissing || !failures ? [] : failures.groups;
    setShown(this.node, failed > 0 || groups.length > 0);
    redraw(this.list, [groups, failed, isMissing && failures.message], () => {
      if (isMissing)
        return element(
          "p",
          { class: "quiet" },
          `${plural(failed, "task")} failed. Groups of failures are not known: ${sentence(failures)}`,
        );
      const counted = groups.reduce((sum, group) => sum + group.count, 0);
      const lead =
        `${plural(failures?.failed ?? failed, "task")} failed, for ${plural(groups.length, "reason")}.` +
        (counted < (failures?.failed ?? failed) ? ` ${number(counted)} of them are in these groups.` : "");
      return [
        element("p", {}, groups.length ? lead : "Their reasons are not known yet."),
        ...groups.map((group, at) => this.group(job, group, at === 0)),
      ];
    });
  }

  group(job, group, isFirst) {
    const text = (title, value) =>
      value && [element("h3", {}, title), element("pre", { tabindex: "0" }, value)];
    const details = [
      ...(text("The end of stderr", group.stderr) || []),
      ...(text("Traceback", group.traceback) || []),
    ];
    const show = (values) => jobPlace(job.jobId, values);
    const tasks = group.tasks?.length ? group.tasks : [group.firstTask].filter(Boolean);
    return element(
      "article",
      { class: "group" },
      element("h3", {}, `${plural(group.count, "task")}: ${group.type}`),
      element("p", { class: "mono" }, group.message),
      facts([
        ["Who has to act", CATEGORIES[group.category] ?? group.category],
        ["Exit code", group.exitCode ?? ""],
        ["First", moment(group.firstAt)],
        [
          "Tasks",
          element(
            "span",
            {},
            tasks.flatMap((id, at) => [
              at ? ", " : "",
              viewLink(
                show({ state: "failed", error: group.type, task: id }),
                { "data-key": `${group.type}-${id}` },
                id,
              ),
            ]),
            group.count > tasks.length ? ` and ${number(group.count - tasks.length)} more` : "",
          ),
        ],
      ]),
      viewLink(
        show({ state: "failed", error: group.type }),
        { "data-key": `all-${group.type}-${group.message}` },
        `List all tasks with ${group.type}`,
      ),
      details.length
        ? element(
            "details",
            { open: isFirst, "data-key": `${group.type} ${group.message}` },
            element("summary", {}, "What the first one wrote"),
            details,
          )
        : "",
    );
  }
}

const CATEGORIES = {
  UserError: "the author of the task",
  BadInput: "the sender of the job: its input is wrong",
  Infrastructure: "the operator: the node or its software",
  Retryable: "nobody, if it was a bad moment: run it again",
  TimeLimit: "the sender or the author: it took too long",
  ServerError: "Azure Batch itself failed",
};
