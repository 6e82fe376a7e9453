"""The notebooks, the listings and the words around them."""

import re
import tomllib
from pathlib import Path

import nbformat
import pytest

from tools import colab, listings, notebooks

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((ROOT / "book").glob("[0-9]_*.md"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_conversion_is_deterministic_and_free_of_raw_myst(path):
    notebook = notebooks.convert(path)
    assert nbformat.writes(notebook) == nbformat.writes(notebooks.convert(path))
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert not re.search(r"\{[a-z:]+\}`|^(```|:::)\{|\.md\)|^\([\w-]+\)=", prose, re.MULTILINE)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_changed_cell_is_noticed(path, tmp_path, monkeypatch):
    stored = nbformat.read(ROOT / "notebooks" / f"{path.stem}.ipynb", as_version=4)
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    target = tmp_path / "notebooks" / f"{path.stem}.ipynb"
    target.write_text(nbformat.writes(stored) + "\n", encoding="utf-8")
    assert notebooks.differences(path) == []
    stored.cells[-1].source += " "
    target.write_text(nbformat.writes(stored) + "\n", encoding="utf-8")
    assert notebooks.differences(path) == [f"{target.name} is not what {path.name} converts to"]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_only_checked_cells_keep_output_and_none_says_false(path):
    stored = nbformat.read(ROOT / "notebooks" / f"{path.stem}.ipynb", as_version=4)
    checked = [cell for _, cell in notebooks.checked_cells(stored)]
    assert len(checked) >= 10 and all(cell.outputs for cell in checked)
    for cell in checked:
        for output in cell.outputs:
            assert output.output_type == "stream" and output.name == "stdout", cell.source
            assert ": False" not in output.text, output.text


def test_a_stale_listing_is_noticed_and_renewed():
    cell = "```{code-cell} ipython3\n:listing: vaebook.models.hidden_layers\nold = 1\n```\n"
    renewed = listings.with_listings(cell)
    assert "def hidden_layers(sizes):" in renewed and "old" not in renewed
    assert listings.with_listings(renewed) == renewed


TAUGHT = {
    "1_modules": {"layers.AddKLGradient", "layers.KullbackLeiblerDivergence", "layers.Reparameterize",
                  "layers.ReparameterizationSampler", "layers.GaussianHead", "models.modular_vae",
                  "objectives.modular_negative_elbo", "objectives.kl_standard_normal",
                  "objectives.bernoulli_log_likelihood", "objectives.log_likelihood_on_grid",
                  "objectives.torn_pairs", "training.falling_price"},
    "2_mnist": {"models.BernoulliVAE", "training.fit", "objectives.negative_elbo",
                "objectives.importance_weighted_bound", "models.sample_latents"},
    "3_denoising": {"layers.FlipPixels", "layers.BernoulliNoise"},
    "4_gaussian": {"models.GaussianMLP", "models.GaussianVAE", "models.LinearGaussianVAE", "models.sample_latents",
                   "objectives.gaussian_log_likelihood", "objectives.monte_carlo_negative_elbo",
                   "objectives.importance_weighted_loss"},
}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_lists_the_code_it_teaches(path):
    text = path.read_text(encoding="utf-8")
    listed = {name for match in listings.CELL.finditer(text) for name in match["names"].split()}
    assert {f"vaebook.{name}" for name in TAUGHT[path.stem]} <= listed
    assert listings.with_listings(text) == text


@pytest.mark.parametrize("myst, plain", [
    ("as {cite:t}`burda2016` say", "as [Burda et al. (2016)](https://arxiv.org/abs/1509.00519) say"),
    ("so it is {cite:p}`kingma2014`", "so it is ([Kingma & Welling, 2014](https://arxiv.org/abs/1312.6114))"),
    ("{cite:p}`rose1998,collobert2011`",
     "([Rose, 1998](https://doi.org/10.1109/5.726788); Collobert et al., 2011)"),
    ("```{admonition} Mind\n:class: tip\nthe sum\n```", "> **Mind**\n>\n> the sum"),
    (":::{note}\na\n\nb\n:::", "> **Note**\n>\n> a\n>\n> b"),
    ("(target)=\n# Title", "# Title"),
    ("see [there](2_mnist.md)", "see [there](2_mnist.ipynb)"),
    ("on the page [Notation](notation.md).", "on the page Notation."),
])
def test_myst_becomes_plain_markdown(myst, plain):
    assert colab.plain_markdown(myst) == plain


@pytest.mark.parametrize("myst", ["{glue}`x`", "```{figure} a.png\n```"])
def test_what_has_no_translation_is_an_error(myst):
    with pytest.raises(ValueError, match="no translation"):
        colab.plain_markdown(myst)


def test_the_repository_has_one_address():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project["urls"]["Repository"].removeprefix("https://github.com/")
    for path in [ROOT / "README.md", ROOT / "_config.yml", ROOT / "CITATION.cff", *(ROOT / "book").glob("*.md")]:
        text = path.read_text(encoding="utf-8")
        found = set(re.findall(r"github(?:\.com)?/([\w-]+/[\w.-]+?)(?=[/@)\s\"]|\.git|$)", text, re.MULTILINE))
        assert found <= {address}, f"{path.name} names {found - {address}}, pyproject.toml says {address}"
