// Starts the page, and shows what its address asks for.

let view = null;
let shownJob = null;

function showView() {
  const jobId = report ? report.jobId : address.get("job");
  if (jobId === shownJob && view) {
    view.changed();
    return;
  }
  view?.stop();
  freshness.at = null;
  shownJob = jobId;
  view = jobId ? new JobPage(jobId) : new JobList();
  if (!jobId) document.title = "Jobs · batchmgr";
  byId("main").replaceChildren(view.node);
  scrollTo(0, 0);
}

function showZone() {
  setText(byId("zone"), `Times: ${zone.name}`);
  byId("zone").setAttribute("aria-pressed", `${zone.isLocal}`);
}

function listenToHeader() {
  byId("zone").onclick = () => {
    zone.toggle();
    showZone();
    freshness.show();
    view.changed();
  };
  byId("refresh").onclick = () => view.refresh();
  byId("change-key").onclick = () => askForKey(key.read() ? "A key is set." : "No key is set.");
  byId("show-help").onclick = () => byId("help").showModal();
  byId("close-help").onclick = () => byId("help").close();
  byId("close-key").onclick = () => byId("key-dialog").close();
  byId("forget-key").onclick = () => {
    key.write("");
    byId("key").value = "";
    byId("key-dialog").close();
    view.refresh();
  };
  byId("home").onclick = (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (!report) address.set(Object.fromEntries([...address.own.keys()].map((name) => [name, ""])));
  };
  byId("key-form").onsubmit = (event) => {
    event.preventDefault();
    key.write(byId("key").value.trim());
    byId("key").value = "";
    byId("key-dialog").close();
    view.refresh();
  };
  for (const id of ["refresh", "change-key"]) setShown(byId(id), !report);
}

key.takeFromLink();
addEventListener("hashchange", () => {
  key.takeFromLink();
  view.refresh();
});
listenToHeader();
listenToKeys(() => view);
setInterval(() => {
  freshness.show();
  view.tick?.();
}, 1000);
showZone();
address.listeners.push(showView);
showView();
