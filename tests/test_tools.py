"""The notebooks, the listings and the words around them."""

import re

import nbformat
import pytest

from tools import claims, colab, listings, notebooks, project, reading
from tools.project import CHAPTERS, NOTEBOOKS, ROOT


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_conversion_is_deterministic_and_free_of_raw_myst(path):
    notebook = notebooks.convert(path)
    assert nbformat.writes(notebook) == nbformat.writes(notebooks.convert(path))
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert not re.search(r"\{[a-z:]+\}`|^(```|:::)\{|\.md\)|^\([\w-]+\)=", prose, re.MULTILINE)
    assert not re.search(r"!\[[^\]]*\]\((?!https://)|<img", prose)  # a picture that is not there


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_changed_cell_is_noticed(path, tmp_path, monkeypatch):
    stored = nbformat.read(notebooks.file_of(path), as_version=4)
    target = tmp_path / f"{path.stem}.ipynb"
    monkeypatch.setattr(notebooks, "file_of", lambda _: target)

    def noticed():
        target.write_text(nbformat.writes(stored) + "\n", encoding="utf-8")
        return [*project.stale(notebooks.converted([path]))] == [target]

    assert not noticed()
    stored.cells[-1].source += " "
    assert noticed()
    stored.cells[-1].source = stored.cells[-1].source[:-1]
    unchecked = next(cell for cell in stored.cells if cell.cell_type == "code")
    unchecked.outputs = [nbformat.v4.new_output("stream", text="more")]
    assert noticed()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_only_checked_cells_keep_output_and_none_says_false(path):
    stored = nbformat.read(notebooks.file_of(path), as_version=4)
    checked = notebooks.checked_cells(stored)
    assert len(checked) >= (10 if path in CHAPTERS else 2) and all(cell.outputs for cell in checked)
    for cell in checked:
        for output in cell.outputs:
            assert output.output_type == "stream" and output.name == "stdout", cell.source
            assert ": False" not in output.text, output.text


def test_a_stale_listing_is_noticed_and_renewed():
    cell = "```{code-cell} ipython3\n:listing: vaebook.models.hidden_layers\nold = 1\n```\n"
    renewed = listings.with_listings(cell)
    assert "def hidden_layers(sizes):" in renewed and "old" not in renewed
    assert listings.with_listings(renewed) == renewed


TAUGHT = {  # what each chapter must show of the package
    "1_modules": """layers.AddKLGradient layers.KullbackLeiblerDivergence layers.Reparameterize
        layers.ReparameterizationSampler layers.GaussianHead models.mirrored_networks models.BernoulliPixels
        models.ModularVAE distributions.kl_standard_normal distributions.bernoulli_log_likelihood
        objectives.modular_negative_elbo objectives.log_joint objectives.log_likelihood_on_grid
        training.falling_kl_weight""",
    "2_mnist": """distributions.sample_latents models.BernoulliVAE objectives.negative_elbo
        objectives.importance_log_weights objectives.importance_weighted_loss objectives.importance_weighted_bound
        objectives.log_likelihood_on_grid objectives.active_units training.minibatches training.one_cycle
        training.fit distributions.bernoulli_log_likelihood distributions.kl_standard_normal""",
    "3_denoising": "layers.FlipPixels layers.BernoulliNoise comparisons.paired",
    "4_gaussian": """distributions.sample_latents distributions.gaussian_log_likelihood models.GaussianMLP
        models.GaussianVAE models.LinearGaussianVAE models.probabilistic_pca objectives.negative_elbo
        objectives.importance_weighted_loss quadrature.exact_parts quadrature.sigma_points""",
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_chapter_lists_the_code_it_teaches(path):
    text = path.read_text(encoding="utf-8")
    listed = {name for match in listings.CELL.finditer(text) for name in match["names"].split()}
    assert {f"vaebook.{name}" for name in TAUGHT.get(path.stem, "").split()} <= listed
    assert listings.with_listings(text) == text


@pytest.mark.parametrize(
    "myst, plain",
    [
        ("as {cite:t}`burda2016` say", "as [Burda et al. (2016)](https://arxiv.org/abs/1509.00519) say"),
        ("so it is {cite:p}`kingma2014`", "so it is ([Kingma & Welling, 2014](https://arxiv.org/abs/1312.6114))"),
        (
            "{cite:p}`rose1998,collobert2011`",
            "([Rose, 1998](https://doi.org/10.1109/5.726788); Collobert et al., 2011)",
        ),
        ("```{admonition} Mind\n:class: tip\nthe sum\n```", "> **Mind**\n>\n> the sum"),
        (":::{note}\na\n\nb\n:::", "> **Note**\n>\n> a\n>\n> b"),
        ("(target)=\n# Title", "# Title"),
        ("see [there](2_mnist.md)", "see [there](2_mnist.ipynb)"),
        ("on the page [Notation](notation.md).", f"on the page [Notation]({project.SITE}notation.html)."),
    ],
)
def test_myst_becomes_plain_markdown(myst, plain):
    assert colab.plain_markdown(myst) == plain


@pytest.mark.parametrize("myst", ["{glue}`x`", "```{figure} a.png\n```"])
def test_what_has_no_translation_is_an_error(myst):
    with pytest.raises(ValueError, match="no translation"):
        colab.plain_markdown(myst)


def test_the_opening_says_what_a_chapter_costs():
    text = colab.plain_markdown("```{opening} 4_gaussian\n```")
    assert reading.cost("4_gaussian") in text and f"({project.SITE}4_gaussian.html)" in text
    assert re.fullmatch(r"about \d+\.\d minutes on .+", project.minutes("4_gaussian"))


def test_words_alone_can_change_without_a_run_but_code_cannot():
    path = CHAPTERS[3]
    stored = nbformat.read(notebooks.file_of(path), as_version=4)
    kept = nbformat.reads(notebooks.with_outputs(notebooks.convert(path), stored), as_version=4)
    assert notebooks.checked_cells(kept) == notebooks.checked_cells(stored)
    notebooks.checked_cells(stored)[0].source += "\nmore"
    with pytest.raises(ValueError, match="a new or changed cell has no output yet"):
        notebooks.with_outputs(notebooks.convert(path), stored)


def test_a_compared_cell_that_prints_nothing_is_refused():
    ran = nbformat.read(notebooks.file_of(CHAPTERS[3]), as_version=4)
    notebooks.checked_cells(ran)[0].outputs = []
    with pytest.raises(ValueError, match="printed nothing"):
        notebooks.with_outputs(notebooks.convert(CHAPTERS[3]), ran)


@pytest.mark.parametrize("tag", ["hide-input", "hide-cell"])
def test_what_a_page_folds_is_folded_in_colab_and_in_jupyter(tag, tmp_path):
    chapter = tmp_path / "chapter.md"
    cell = "```{code-cell} ipython3\n%sx = 1\n```\n"
    chapter.write_text("# Title\n\n" + cell % f":tags: [{tag}, mnist]\n" + cell % "")
    _, folded, open_one = notebooks.cells_of(chapter)
    fold = {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert folded.metadata == {"tags": [tag, "mnist"], **fold} and open_one.metadata == {}


def test_own_cells_are_formatted_and_listings_and_magics_left_alone():
    cell = "```{{code-cell}} ipython3\n{}\n```\n"
    own = "---\ntags: [hide-input]\n---\nx=1", ":tags: [a]\n%time f( 1)\ny=2;"
    left = "left=3\n", ":listing: vaebook.a\nz=3", ":tags: [columns]\n:listing: vaebook.a\nz=3"
    text = left[0] + "".join(cell.format(code) for code in (*own, *left[1:]))
    renewed = listings.formatted(text)
    assert renewed == text.replace("x=1", "x = 1").replace("y=2", "y = 2")
    assert listings.formatted(renewed) == renewed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_piece_of_code_that_is_shown_has_a_test(path):
    assert [name for name in claims.taught(path.stem) if not claims.tests_of(name)] == []


def test_a_claim_is_found_with_its_section_and_nbval_s_number():
    stored = nbformat.read(ROOT / "notebooks" / "4_gaussian.ipynb", as_version=4)
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    found = claims.compared_cells("4_gaussian")
    assert len(found) == len(notebooks.checked_cells(stored))
    for section, lines, cell, place in found:
        assert section and lines and code[place].id == cell.id
        assert lines[0] in code[place].outputs[0].text


def test_tests_are_found_through_helpers_and_not_by_chance():
    from_gaussian = claims.tests_of("vaebook.models.GaussianVAE")
    assert len(from_gaussian) > 1 and all(file.startswith("test_") for file, _ in from_gaussian)
    by_its_caller = claims.tests_of("vaebook.training.fit")
    assert claims.tests_of("vaebook.training.History") == by_its_caller
    assert claims.tests_of("vaebook.models.no_such_name") == []
    evaluate = claims.tests_of("vaebook.training.evaluate")  # and not what evaluates a script in a page
    assert evaluate and not any(file in ("test_browser.py", "test_site.py") for file, _ in evaluate)
