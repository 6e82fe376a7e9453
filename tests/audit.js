// Has axe-core search the page, which takes it some seconds: what it finds that is serious or critical becomes `audit`.
() => {
  // It takes longest over the contrast of thousands of words in code and formulas. The contrast of a word follows from
  // its own looks and from all the grounds below it. So of the words in one block of which all these agree, one is
  // enough; the others keep their place and are not painted. Words in such blocks have no name or role to be checked.
  const looks = ["color", "fontSize", "fontWeight", "textShadow"];
  const grounds = ["backgroundColor", "backgroundImage", "filter", "opacity"];
  const described = (part, names) => {
    const style = getComputedStyle(part);
    return names.map(name => style[name]).join();
  };
  const known = new Map();  // from a part of the page to all the grounds it has
  const ground = part => {
    if (!part) return "";
    if (!known.has(part)) {
      const own = described(part, grounds);
      known.set(part, (own === "rgba(0, 0, 0, 0),none,none,1" ? "" : own) + ground(part.parentElement));
    }
    return known.get(part);
  };
  for (const block of document.querySelectorAll("pre, .katex-html, ul.ticks")) {
    const seen = new Set();
    for (const word of block.querySelectorAll("span:not(:has(*), a *)")) {
      const look = described(word, looks) + ground(word);
      if (seen.has(look)) word.style.visibility = "hidden";
      seen.add(look);
    }
  }
  const serious = ({violations}) => violations
    .filter(({impact}) => ["serious", "critical"].includes(impact))
    .flatMap(({id, nodes}) => nodes.map(({html, any}) => [id, html.slice(0, 200), any.map(({data}) => data)]));
  const soon = new Promise(done => setTimeout(done));  // the test goes on at once, with other windows
  window.audit = soon.then(() => axe.run({resultTypes: ["violations"]})).then(serious);
}
