// A part that scrolls inside itself can be reached, and so scrolled, with the keyboard.
const scrollers = ".math, .table-scroll, .cell_output, .pst-scrollable-table-container";
function markScrollers() {
  for (const part of document.querySelectorAll(scrollers)) {
    if (part.scrollWidth > part.clientWidth && getComputedStyle(part).overflowX !== "visible") part.tabIndex = 0;
    else part.removeAttribute("tabindex");
  }
}
addEventListener("load", markScrollers);
addEventListener("resize", markScrollers);

// Opened as a file, a page may not read the others: the search then shows titles without excerpts.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
