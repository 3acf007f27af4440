// A page that is brought up to date while somebody reads it: what they have opened stays open, and it is said.
"use strict";
let opened = [];
document.addEventListener("htmx:beforeSwap", () => {
  opened = [...document.querySelectorAll("details[id][open]")].map((details) => details.id);
});
for (const event of ["htmx:oobAfterSwap", "htmx:afterSwap"]) {
  document.addEventListener(event, ({ target }) => {
    if (target.id === "gauge") return; // asked for every ten seconds: no news
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    const said = document.getElementById("live-said");
    if (said) said.textContent = said.dataset.said;
  });
}
