// The door of a meeting: a camera that reads tickets, where the browser can. Without it one types, or a hand scanner does.
"use strict";
const scan = document.getElementById("scan");
const camera = document.getElementById("camera");
const readable = async () =>
  "BarcodeDetector" in window && navigator.mediaDevices && (await BarcodeDetector.getSupportedFormats()).includes("qr_code");

// Sends what was read or typed, and shows the answer in place, so that the camera need not start anew.
async function checkIn(form) {
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const door = page.getElementById("door");
  if (!door) return location.reload(); // signed out, or the meeting is over
  document.querySelector("main > .notice")?.remove();
  const notice = page.querySelector("main > .notice");
  if (notice) document.getElementById("main").prepend(notice);
  document.getElementById("door").replaceWith(door);
  if (!answer.ok) document.getElementById("token").value = "";
  document.getElementById("token").focus();
}

// A hand scanner types the next ticket at once: no page is loaded between two.
document.addEventListener("submit", (event) => {
  if (event.target.id !== "check-in" || event.defaultPrevented) return;
  event.preventDefault();
  checkIn(event.target).catch(() => event.target.submit());
});

async function watch() {
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  let last = "", seen = 0;
  for (;;) {
    await new Promise(requestAnimationFrame);
    const [found] = await detector.detect(camera).catch(() => []);
    if (!found) continue;
    const again = found.rawValue === last && Date.now() - seen < 3000; // it is still held before the camera
    [last, seen] = [found.rawValue, Date.now()];
    if (again) continue;
    document.getElementById("token").value = last;
    await checkIn(document.getElementById("check-in")).catch(() => document.getElementById("check-in").submit());
  }
}

scan.addEventListener("click", async () => {
  try {
    camera.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    scan.hidden = true;
    document.getElementById("no-camera").hidden = false;
    return;
  }
  scan.hidden = true;
  camera.hidden = false;
  await camera.play();
  watch();
});

readable().then((can) => {
  scan.hidden = !can;
  document.getElementById("no-camera").hidden = can;
});
