"""How fast the VAE of chapter 4 trains in a page: steps a second, and the work of a frame, in headless Chromium.

    python -m benchmarks.live

The issue that asked for it: at least 400 steps a second with batch 200 and N = 1, at most 8 ms of work a frame.
"""

import tempfile
import time
from pathlib import Path

SECONDS = 3
PAGE = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><body style="width: 760px">{}</body></html>'
FRAMES = """() => {
  const stage = document.querySelector(".vae-live").stage, timed = stage.timed.bind(stage);
  window.frames_ = [];
  stage.timed = act => {
    const start = performance.now(), result = timed(act);
    window.frames_.push(performance.now() - start);
    return result;
  };
}"""


def measured(page, samples):
    """Steps a second, and the milliseconds of work in each frame, from the moment when the code is warm."""

    def step():
        return int(page.locator("[data-number=step]").inner_text())

    page.select_option("[data-control=samples]", str(samples))
    page.click("[data-control=again]")
    page.click("[data-control=run]")
    page.wait_for_timeout(500)
    page.evaluate("window.frames_.length = 0")
    first, start = step(), time.perf_counter()
    while time.perf_counter() - start < SECONDS and step() < 1900:
        page.wait_for_timeout(50)
    rate = (step() - first) / (time.perf_counter() - start)
    frames = sorted(page.evaluate("window.frames_"))
    page.click("[data-control=again]")
    return rate, frames


def main():
    from playwright.sync_api import sync_playwright

    from tests.browser import SWITCHES, find_browser
    from vaebook import live

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=SWITCHES)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        file = Path(folder, "live.html")
        file.write_text(PAGE.format(live.training()._repr_html_()), encoding="utf-8")
        page.goto(file.as_uri())
        page.evaluate(FRAMES)
        for samples in (1, 10, 50):
            rate, frames = measured(page, samples)
            above = sum(frame > 8 for frame in frames) / len(frames)
            print(
                f"N = {samples}: {rate:.0f} steps a second; work of a frame: median {frames[len(frames) // 2]:.1f} ms, "
                f"longest {frames[-1]:.1f} ms, above 8 ms: {above:.1%} of {len(frames)}"
            )
        browser.close()


if __name__ == "__main__":
    main()
