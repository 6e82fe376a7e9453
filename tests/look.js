// Measures what a window shows of a page. The tests in test_browser.py say what must hold.
async () => {
  const all = selector => [...document.querySelectorAll(selector)];
  const shape = ({width, height}) => width / height;

  // How far what is in view has moved while the page came, as a share of the window (cumulative layout shift).
  const shifts = await new Promise(done => {
    const moved = [], observer = new PerformanceObserver(list => moved.push(...list.getEntries()));
    observer.observe({type: "layout-shift", buffered: true});
    setTimeout(() => {
      observer.disconnect();
      done(moved.map(({value}) => value));
    }, 100);
  });

  // Pictures that wait to come near the screen are fetched.
  const pictures = [...document.images];
  pictures.forEach(picture => { picture.loading = "eager"; });
  await Promise.all(pictures.map(picture => picture.decode().catch(() => {})));
  const natural = ({naturalWidth, naturalHeight}) => naturalWidth / naturalHeight;

  // What reaches over the window's right edge, but for what lies in a part that scrolls inside itself.
  const page = [document.documentElement, document.body];
  const clips = part => !page.includes(part) && getComputedStyle(part).overflowX !== "visible";
  const isClipped = part => { while ((part = part.parentElement)) if (clips(part)) return true; return false; };
  const reachesOut = ({right, width}) => width && right > innerWidth + 1;
  const sticksOut = part => reachesOut(part.getBoundingClientRect()) && !isClipped(part);

  const liesUnderItsNumber = formula => {
    const number = formula.querySelector(".tag")?.getBoundingClientRect();
    const liesOn = part => !part.closest(".tag") && part.getBoundingClientRect().right > number.left;
    return number && [...formula.querySelectorAll(".base")].some(liesOn);
  };
  const scrolls = part => part.scrollWidth > part.clientWidth + 1;

  // Of a picture in a figure: whether it scrolls, and whether all that should say so does.
  const look = drawing => {
    const part = drawing.querySelector(".scroller"), picture = part.firstElementChild;
    return {
      what: picture.alt.slice(0, 80),
      letters: 9 * picture.width / parseFloat(drawing.style.getPropertyValue("--legible")),
      scrolls: scrolls(part),
      says: parseFloat(getComputedStyle(drawing, "::after").height) > 10,
      fades: getComputedStyle(part).maskImage !== "none",
      reached: part.tabIndex === 0 && part.role === "group" && part.ariaLabel.length > 10,
    };
  };

  const words = document.querySelector("main").cloneNode(true);
  words.querySelectorAll("pre, code, script, style, .katex-mathml").forEach(part => part.remove());

  const tick = document.querySelector("ul.ticks > li");

  // Colours that a style sheet names, as red, green and blue.
  const colorOf = name => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(${name})`;
    const color = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
    probe.remove();
    return color;
  };
  const heading = level => [...document.querySelectorAll(`article ${level}`)].map(part => {
    const {fontSize, fontWeight} = getComputedStyle(part);
    return [parseFloat(fontSize), Number(fontWeight)];
  });

  const seen = {
    missing: pictures.filter(picture => !picture.naturalWidth).map(picture => picture.src),
    outOfShape: pictures.filter(picture => picture.width && Math.abs(shape(picture) / natural(picture) - 1) > 0.03)
      .map(picture => picture.alt),
    tooLarge: pictures.filter(picture => picture.width && picture.naturalWidth > 1.6 * picture.width + 1)
      .map(picture => picture.alt),
    drawings: all("figure .drawing").filter(drawing => drawing.clientWidth).map(look),
    shift: shifts.reduce((sum, value) => sum + value, 0),
    fonts: document.fonts.status,
    accent: ["--book-accent", "--pst-color-background", "--pst-color-surface"].map(colorOf),
    linkIsAccent: all("article p > a:not(.headerlink)").every(link => (
      getComputedStyle(link).color.match(/[\d.]+/g).map(Number).join() === colorOf("--book-accent").join())),
    headings: ["h1", "h2", "h3", "h4"].map(heading),
    theme: document.documentElement.dataset.theme,
    background: getComputedStyle(document.body).backgroundColor,
    width: document.documentElement.scrollWidth,
    stickingOut: all("article *").filter(sticksOut).map(part => part.outerHTML.slice(0, 120)),
    underNumbers: all(".katex-html").filter(liesUnderItsNumber).map(formula => formula.textContent),
    words: words.textContent,
    tick: tick && getComputedStyle(tick, "::before").content,
    tickWords: tick?.querySelector(".hidden-text").offsetWidth,
  };

  // What is folded is opened for the rest, and does not fade in.
  all("details").forEach(fold => { fold.open = true; });
  document.getAnimations().forEach(fade => fade.finish());
  seen.scrolling = all("div.math, .table-scroll, .pst-scrollable-table-container, .cell_output .output pre")
    .filter(scrolls).map(part => part.textContent.trim().slice(0, 80));
  return seen;
}
