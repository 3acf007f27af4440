// The auditor's slider says at once which event it stands on; htmx then fetches what that event changed.
const slider = document.getElementById('event');
const links = [...document.querySelectorAll('#events a')];

slider.addEventListener('input', () => {
  for (const link of links) link.removeAttribute('aria-current');
  const link = links[slider.value - 1];
  link.setAttribute('aria-current', 'step');
  link.scrollIntoView({ block: 'nearest' });
  const words = link.textContent.trim().replace(/\s+/g, ' ');
  slider.setAttribute('aria-valuetext', `${slider.value} / ${slider.max} ${words}`);
});
