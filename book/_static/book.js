// A part that scrolls inside itself can be reached, and so scrolled, with the keyboard; its edge fades where there is more.
const scrollers = "div.math, .table-scroll, .scroller, .pst-scrollable-table-container, .highlight pre, .output pre";
function markScroller(part) {
  const scrolls = part.scrollWidth > part.clientWidth && getComputedStyle(part).overflowX !== "visible";
  if (scrolls) part.tabIndex = 0;
  else part.removeAttribute("tabindex");
  if (part.matches(".scroller")) [part.role, part.ariaLabel] = scrolls ? ["group", "Picture, scrolls sideways"] : [null, null];
  part.classList.toggle("more", scrolls && part.scrollLeft + part.clientWidth < part.scrollWidth - 2);
}
function markScrollers() {
  document.querySelectorAll(scrollers).forEach(markScroller);
}
addEventListener("load", markScrollers);
document.fonts.ready.then(markScrollers);
addEventListener("resize", markScrollers);
addEventListener("toggle", markScrollers, true);
addEventListener("scroll", event => event.target.matches?.(scrollers) && markScroller(event.target), true);

// The theme listens to the first of the buttons of each side bar only, and on most screens that one is hidden.
addEventListener("load", () => {
  for (const side of ["primary", "secondary"]) {
    const [first, ...others] = document.querySelectorAll(`.${side}-toggle`);
    for (const button of others) button.addEventListener("click", () => first.click());
  }
});

// Opened as a file, a page may not read the others: the search then shows titles without excerpts.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
