// The files that a job has left, and what its tasks have published.

class Results {
  constructor() {
    this.parts = element("div", {});
    this.node = element(
      "section",
      { "aria-label": "Results", hidden: true },
      element("h2", {}, "Results"),
      this.parts,
    );
  }

  show(job, result) {
    const files = result?.results ?? [],
      published = result?.taskResults ?? [];
    setShown(this.node, files.length + published.length > 0);
    redraw(this.parts, [job.jobId, files, published, result?.outcomeUri], () =>
      [
        files.length
          ? element(
              "ul",
              {},
              files.map((file) =>
                element(
                  "li",
                  {},
                  report
                    ? file.name
                    : element(
                        "button",
                        {
                          type: "button",
                          "data-key": `result-${file.name}`,
                          click: () => this.open(job.jobId, file.name),
                        },
                        file.name,
                      ),
                ),
              ),
            )
          : null,
        (this.said = element("p", { role: "status", class: "quiet" })),
        published.length
          ? element(
              "details",
              { "data-key": "published" },
              element("summary", {}, `Published by ${plural(published.length, "task")}`),
              published
                .map((one) => [
                  element("h3", {}, one.taskId),
                  element("pre", { tabindex: "0" }, JSON.stringify(one.result, null, 2)),
                ])
                .flat(),
            )
          : null,
        result?.outcomeUri
          ? element(
              "p",
              { class: "quiet" },
              `Not all results fit here. All of them are in the blob ${result.outcomeUri}.`,
            )
          : null,
      ].filter(Boolean),
    );
  }

  /** Have the file opened by a link that is signed for minutes. */
  async open(jobId, name) {
    try {
      const link = await read(jobPath(jobId, "results", ...name.split("/").map(part)), {
        query: { redirect: "false" },
      });
      const uri = new URL(link.uri);
      if (!["https:", "http:"].includes(uri.protocol)) throw new ApiError("refused", "the link is none");
      element("a", {
        href: uri.href,
        target: "_blank",
        rel: "noopener noreferrer",
        download: name.split("/").at(-1),
      }).click();
      setText(this.said, `${name}: the link holds until ${moment(link.expiresAt)}.`);
    } catch (error) {
      setText(this.said, `${name} can't be opened: ${sentence(error)}`);
    }
  }
}
