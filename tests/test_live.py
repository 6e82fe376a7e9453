"""What a live figure is in a notebook's output: complete, alone, and safe to read."""

import base64
import io
import json
import random
import re

import matplotlib.pyplot as plt
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from tools import execute, finish, notebooks, project
from vaebook.live import figure
from vaebook.live.figure import Button, Choice, LiveFigure, Panel, Range

CONTROLS = [
    Range("rate", "learning rate, <r>", -4, 0, 0.25, -2, log=True),
    Choice("samples", "codes, N", [1, 10, 50], 10),
    Button("run", "Train", first=True),
]
WEIGHTS = base64.b64encode(bytes(range(60))).decode()


def scripted(weights=None):
    still, _ = plt.subplots(figsize=(3, 2))
    panels = [Panel("plane", still, 'A "plane" of codes, with contours.', keys={"the key": "orange dashed"})]
    numbers, settings = {"gap": "nats above"}, {"text": "</script><b>"}
    return LiveFigure("training", "Train & see", panels, CONTROLS, numbers, settings, weights, note="3 < 4")


def test_the_output_holds_still_controls_numbers_and_all_scripts_in_order():
    soup = BeautifulSoup(scripted(WEIGHTS)._repr_html_(), "html.parser")
    root = soup.select_one(".vae-live")
    assert root["data-figure"] == "training" and root["aria-label"] == "Train & see"
    image = root.select_one(".panel[data-panel=plane] img")
    with Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2]))) as picture:
        assert picture.format == "PNG" and picture.size == (int(image["width"]), int(image["height"]))
    assert image["alt"] == 'A "plane" of codes, with contours.'
    assert root.select_one(".keys li.dashed").text == "the key"
    slider = root.select_one("fieldset[disabled] label input[type=range]")
    assert (slider["min"], slider["max"], slider["step"], slider["value"]) == ("-4", "0", "0.25", "-2")
    assert "data-log" in slider.attrs and slider.find_parent("label").get_text().startswith("learning rate, <r>")
    assert root.select_one("select option[selected]")["value"] == "10"
    assert root.select_one("button.first[type=button]").text == "Train"
    assert root.select_one("[data-number=gap]") and root.select_one(".status[role=status]").text == ""
    names = [script.get("data-file") for script in root.select("script:not(.settings)")]
    [key] = json.loads(root.select_one("script.settings").text)["weights"]
    assert names == ["maths.js", "panel.js", "stage.js", "training.js", f"{key}.js", None]
    for name, script in zip(names[:4], root.select("script:not(.settings)"), strict=False):
        assert script.text == figure.FILES.joinpath(name).read_text(encoding="utf-8")
    assert root.select("script")[-1].text == "vaeLive.startAll();" and WEIGHTS in root.select("script")[-2].text


def test_weights_are_written_once_and_some_wait_until_they_are_asked_for():
    other = "C" + WEIGHTS[1:]
    live = LiveFigure("training", "Two", [], [], {}, weights=[WEIGHTS], later={"more": [other, WEIGHTS]})
    keys = live.settings["weights"], live.settings["later"]["more"]
    assert keys[1] == [figure.key_of(other), *keys[0]]
    scripts = BeautifulSoup(live._repr_html_(), "html.parser").select("script[data-file]")
    found = {script["data-file"]: "data-later" in script.attrs for script in scripts[-2:]}
    assert found == {f"{keys[0][0]}.js": False, f"{keys[1][0]}.js": True} and len(scripts) == 6


def test_on_the_site_weights_that_wait_are_files_that_nobody_asks_for(tmp_path):
    other = "C" + WEIGHTS[1:]
    panels = [Panel("path", plt.subplots(figsize=(1, 1))[0], "A line.")]
    live = LiveFigure("training", "Two", panels, [], {}, weights=[WEIGHTS], later={"more": [other]})
    soup = BeautifulSoup(finish.live_with_files(live._repr_html_(), tmp_path, waits=True), "html.parser")
    names = [name.rpartition("/")[2] for name in soup.select_one(".vae-live")["data-files"].split()]
    assert f"{figure.key_of(WEIGHTS)}.js" in names and f"{figure.key_of(other)}.js" not in names
    assert other in (tmp_path / "_live" / f"{figure.key_of(other)}.js").read_text()


def test_a_switch_is_a_native_checkbox_and_a_choice_may_have_words():
    soup = BeautifulSoup(figure.Switch("centre", "centred", True).html(), "html.parser")
    assert soup.select_one("label input[type=checkbox][checked][data-control=centre]")
    soup = BeautifulSoup(figure.Choice("digit", "digit", {0: "a <7>", 1: "a 2"}, 1).html(), "html.parser")
    assert [option.text for option in soup.select("option")] == ["a <7>", "a 2"]
    assert soup.select_one("option[selected]")["value"] == "1"


def test_the_size_of_weights_is_told_as_they_are_sent():
    assert figure.megabytes(["A" * 3_000_000]) == "0.0\N{NO-BREAK SPACE}MB"
    noise = base64.b64encode(bytes(range(256)) * 2).decode()
    assert figure.megabytes(["".join(random.Random(1).choices(noise, k=1_000_000))]) == "0.8\N{NO-BREAK SPACE}MB"


def test_the_output_asks_for_no_address():
    html = scripted(WEIGHTS)._repr_html_()
    assert set(re.findall(r'(?:src|href)="([^"]{5})', html)) == {"data:"}
    assert not re.search(r"<iframe|<link|\bfetch\(|\bimport\b[ (]|XMLHttpRequest|url\(", html)


def test_settings_cannot_end_their_script():
    soup = BeautifulSoup(scripted()._repr_html_(), "html.parser")
    assert json.loads(soup.select_one("script.settings").text)["text"] == "</script><b>"
    for name in (path.name for path in project.ROOT.glob("vaebook/live/*.js")):
        assert "</script" not in figure.FILES.joinpath(name).read_text(encoding="utf-8"), name


def test_drawing_a_live_figure_leaves_no_figure_open():
    before = plt.get_fignums()
    scripted()
    assert plt.get_fignums() == before


def test_on_the_site_scripts_weights_and_stills_become_files(tmp_path):
    html = scripted(WEIGHTS)._repr_html_().replace("the live figures", "an older text of it")
    soup = BeautifulSoup(finish.live_with_files(html, tmp_path, waits=True), "html.parser")
    root = soup.select_one(".vae-live")
    assert [script["class"] for script in root.select("script")] == [["settings"]] and "base64" not in str(soup)
    files = root["data-files"].split()
    assert [name.rpartition("/")[2] for name in files[:4]] == ["maths.js", "panel.js", "stage.js", "training.js"]
    for name in files[:4]:  # the package's own text, not that of the day when the chapter was executed
        assert (tmp_path / name).read_text() == figure.FILES.joinpath(name.rpartition("/")[2]).read_text()
    assert WEIGHTS in (tmp_path / files[4]).read_text()
    image = root.select_one("img")
    assert image["loading"] == "lazy" and Image.open(tmp_path / image["src"]).format == "WEBP"


def test_a_live_figure_without_scripts_or_stills_stops_the_build(tmp_path):
    html = scripted()._repr_html_()
    for gone in (r"(?s)<script(?! type).*?</script>", r"<img[^>]*>"):
        with pytest.raises(finish.ExtensionError, match="it is not there"):
            finish.live_with_files(re.sub(gone, "", html), tmp_path, waits=False)


def test_a_changed_script_does_not_make_chapters_stale():
    """Pages take scripts from the package as it is, so only what Python does is part of an execution."""
    hashed = {path.suffix for path in execute.sources()}
    assert ".py" in hashed and ".js" not in hashed
    chapter = notebooks.convert(project.CHAPTERS[0])
    before = execute.fingerprint(chapter)
    for cell, changes in zip(execute.code_cells(chapter)[:2], (False, True), strict=True):
        cell.source += "\n# changed"  # first in the set-up cell, which carries the scripts, then in one of the chapter
        assert (execute.fingerprint(chapter) != before) == changes
