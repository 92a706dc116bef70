// Keys: one letter each, where nobody types.

function isTyping(target) {
  return target.closest?.("input, select, textarea, dialog") !== null;
}

function moveInList(by) {
  const links = [...document.querySelectorAll("#job-groups a.open")];
  const at = links.indexOf(document.activeElement);
  links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
}

/** `view()` is what is shown: the list of jobs, or a job. */
function listenToKeys(view) {
  const onJob = (act) => () => view() instanceof JobPage && act(view());
  const keys = {
    "/": () => byId("search")?.focus(),
    j: () => (view() instanceof JobPage ? view().tasks.move(1) : moveInList(1)),
    k: () => (view() instanceof JobPage ? view().tasks.move(-1) : moveInList(-1)),
    f: () =>
      view() instanceof JobPage
        ? view().toggleFailed()
        : view() instanceof JobList &&
          address.set({ jobs: address.get("jobs") === "failed" ? "" : "failed" }, { replace: true }),
    l: onJob((page) => {
      if (!address.get("task")) page.tasks.open();
      byId("log")?.focus();
    }),
    r: () => view().refresh?.(),
    "?": () => byId("help").showModal(),
    Escape: () => address.get("task") && address.set({ task: "", file: "" }),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target.id === "search") event.target.blur();
    else if (isTyping(event.target)) return;
    else if (event.key === "Enter" && !event.target.closest("a, button, summary"))
      onJob((page) => page.tasks.open())();
    else if (event.key in keys) {
      event.preventDefault();
      keys[event.key]();
    }
  });
}
