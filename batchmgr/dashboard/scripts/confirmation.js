// Asks before something is done that can't be undone.

/** Return whether the user has agreed. `act` is the word on the button. */
function confirmed({ title, text, act, isDangerous = false }) {
  const dialog = byId("confirmation"),
    yes = byId("confirmation-yes"),
    no = byId("confirmation-no");
  setText(byId("confirmation-title"), title);
  setText(byId("confirmation-text"), text);
  setText(yes, act);
  yes.classList.toggle("danger", isDangerous);
  yes.classList.toggle("main", !isDangerous);
  dialog.showModal();
  no.focus();
  return new Promise((resolve) => {
    let answer = false;
    yes.onclick = () => {
      answer = true;
      dialog.close();
    };
    no.onclick = () => dialog.close();
    dialog.onclose = () => resolve(answer);
  });
}
