// Has axe-core search the page, which takes it some seconds: what it finds that is serious or critical becomes `audit`.
() => {
  // It takes longest over the contrast of words in code, thousands of which look alike. A block of code has one ground,
  // so that of the words that look alike in it one is enough: the others keep their place and are not painted.
  const looks = ["color", "backgroundColor", "backgroundImage", "opacity", "fontSize", "fontWeight", "textShadow", "filter"];
  for (const code of document.querySelectorAll("pre")) {
    const seen = new Set();
    for (const word of code.querySelectorAll(":scope > span:not(:has(*))")) {
      const style = getComputedStyle(word);
      const look = looks.map(name => style[name]).join();
      if (seen.has(look)) word.style.visibility = "hidden";
      seen.add(look);
    }
  }
  window.audit = axe.run({resultTypes: ["violations"]}).then(({violations}) => violations
    .filter(({impact}) => ["serious", "critical"].includes(impact))
    .flatMap(({id, nodes}) => nodes.map(({html, any}) => [id, html.slice(0, 200), any.map(({data}) => data)])));
}
