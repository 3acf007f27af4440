// A button that is pressed twice sends its form once.
"use strict";
document.addEventListener("submit", (event) => {
  const sent = event.target.dataset;
  if ("sent" in sent) return event.preventDefault();
  sent.sent = "";
  setTimeout(() => delete sent.sent, 3000); // after "back", or a download, it can be sent again
});
