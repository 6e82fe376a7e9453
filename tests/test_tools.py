"""The notebooks, the listings and the words around them."""

import os
import re
import subprocess
import sys

import nbformat
import pytest

import vaebook
from tools import claims, colab, listings, notebooks, project, stamp
from tools.project import CHAPTERS, ROOT


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_conversion_is_deterministic_and_free_of_raw_myst(path):
    notebook = notebooks.convert(path)
    assert nbformat.writes(notebook) == nbformat.writes(notebooks.convert(path))
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert not re.search(r"\{[a-z:]+\}`|^(```|:::)\{|\.md\)|^\([\w-]+\)=", prose, re.MULTILINE)
    assert not re.search(r"!\[[^\]]*\]\((?!https://)|<img", prose)  # a picture that is not there


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
                  "layers.ReparameterizationSampler", "layers.GaussianHead", "models.ModularVAE",
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
    ("on the page [Notation](notation.md).", f"on the page [Notation]({project.SITE}notation.html)."),
])
def test_myst_becomes_plain_markdown(myst, plain):
    assert colab.plain_markdown(myst) == plain


@pytest.mark.parametrize("myst", ["{glue}`x`", "```{figure} a.png\n```"])
def test_what_has_no_translation_is_an_error(myst):
    with pytest.raises(ValueError, match="no translation"):
        colab.plain_markdown(myst)


def test_the_opening_says_what_a_chapter_costs():
    text = colab.plain_markdown("```{opening} 4_gaussian\n```")
    assert project.minutes("4_gaussian") in text and f"({project.SITE}4_gaussian.html)" in text
    assert re.fullmatch(r"about \d+\.\d minutes on .+", project.minutes("4_gaussian"))


def run_setup_cell(monkeypatch, modules):
    """What the set-up cell asks pip for, with these modules loaded."""
    from IPython.core.interactiveshell import InteractiveShell

    asked, shell = [], InteractiveShell.instance()
    monkeypatch.setattr(shell, "run_line_magic", lambda name, line, **_: asked.append((name, line)))
    for name in modules:
        monkeypatch.setitem(sys.modules, name, object())
    for path in CHAPTERS:
        first = next(cell for cell in notebooks.convert(path).cells if cell.cell_type == "code")
        assert shell.run_cell(first.source).success
    return asked


def test_the_first_cell_does_nothing_at_home(monkeypatch):
    assert run_setup_cell(monkeypatch, []) == []


def test_the_first_cell_installs_the_notebook_s_own_release_in_colab(monkeypatch):
    asked = run_setup_cell(monkeypatch, ["google.colab"])
    assert asked == [("pip", f'install --quiet "vaebook @ {project.PACKAGE}"')] * len(CHAPTERS)
    assert project.PACKAGE == f"{project.REPOSITORY}/archive/refs/tags/v{vaebook.__version__}.zip"


def test_what_the_first_cell_installs_runs_without_the_repository(tmp_path):
    """The package, made from the tracked files alone as pip makes it from the release, imports what chapters import."""
    release = tmp_path / "release.zip"
    subprocess.run(["git", "archive", "--prefix", "vaebook-release/", "-o", release, "HEAD"], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
                    "--disable-pip-version-check", "--target", tmp_path / "site", release], check=True)
    code = "\n".join(cell.source for path in CHAPTERS for cell in notebooks.convert(path).cells)
    imports = sorted(set(re.findall(r"^from vaebook[.\w]* import (?:\([^)]*\)|.*)", code, re.MULTILINE)))
    assert len(imports) > 10
    where = "import vaebook; print(vaebook.__file__)"
    result = subprocess.run([sys.executable, "-c", "\n".join([*imports, where])], cwd=tmp_path, text=True,
                            capture_output=True, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")})
    assert result.stdout.startswith(str(tmp_path)), result.stderr


REPEATED = """Read https://github.com/old-name/old/issues at https://old-name.github.io/old/ or in
https://colab.research.google.com/github/old-name/old/blob/v0.0.1/notebooks/1_modules.ipynb
version: 0.0.1
"""


def test_the_address_is_stamped_wherever_it_is_repeated():
    text = stamp.stamped(REPEATED)
    assert "old" not in text and "0.0.1" not in text and stamp.stamped(text) == text
    for address in (f"{project.REPOSITORY}/issues", project.SITE, project.in_colab("1_modules")):
        assert address in text
    assert f"version: {vaebook.__version__}\n" in text


def test_a_changed_address_is_stamped_into_files_and_notebooks(monkeypatch):
    assert stamp.refusals() == []
    monkeypatch.setattr(project, "REPOSITORY", "https://github.com/someone/else")
    monkeypatch.setattr(project, "SITE", "https://someone.github.io/else/")
    monkeypatch.setattr(project, "PACKAGE", "https://github.com/someone/else/archive/refs/tags/v9.zip")
    found = "\n".join(stamp.refusals())
    assert all(name in found for name in ["README.md", "CITATION.cff", "index.md", *(path.stem for path in CHAPTERS)])


@pytest.mark.parametrize("repository, tag, words", [
    ("someone/else", project.RELEASE, "this is the repository someone/else"),
    (f"{project.OWNER}/{project.NAME}", "v99.0.0", "this is the release v99.0.0"),
])
def test_publishing_is_refused_under_another_name(repository, tag, words):
    assert stamp.refusals(f"{project.OWNER}/{project.NAME}", project.RELEASE) == []
    assert any(words in sentence for sentence in stamp.refusals(repository, tag))


def test_the_address_stands_in_one_place_only():
    """Beside pyproject.toml, only what `make stamp` writes may name an address of the project."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    written = {*stamp.FILES, *(f"notebooks/{path.stem}.ipynb" for path in CHAPTERS), "pyproject.toml"}
    names = rf"github(?:\.com)?/{project.OWNER}/{project.NAME}\b|{project.OWNER}\.github\.io"
    found = {name for name in tracked if name.endswith((".md", ".py", ".yml", ".toml", ".cff", ".ipynb", ".css", ".js"))
             and re.search(names, (ROOT / name).read_text(encoding="utf-8"))}
    assert found == written


def test_words_alone_can_change_without_a_run_but_code_cannot(tmp_path, monkeypatch):
    path = CHAPTERS[3]
    stored = nbformat.read(ROOT / "notebooks" / f"{path.stem}.ipynb", as_version=4)
    kept = notebooks.keep_checked_outputs(notebooks.convert(path), stored)
    assert [cell.outputs for _, cell in notebooks.checked_cells(kept)] == [
        cell.outputs for _, cell in notebooks.checked_cells(stored)]
    notebooks.checked_cells(stored)[0][1].source += "\nmore"
    with pytest.raises(ValueError, match="the output of a changed cell cannot be kept"):
        notebooks.keep_checked_outputs(notebooks.convert(path), stored)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
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
    by_its_layer = claims.tests_of("vaebook.layers.KullbackLeiblerDivergence")
    assert claims.tests_of("vaebook.layers.AddKLGradient") == by_its_layer
    assert claims.tests_of("vaebook.models.no_such_name") == []
    evaluate = claims.tests_of("vaebook.training.evaluate")  # and not what evaluates a script in a page
    assert evaluate and not any(file in ("test_browser.py", "test_site.py") for file, _ in evaluate)
