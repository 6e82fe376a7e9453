"""Chapters are executed once, and what is kept of that is what it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import build, execute, notebooks, project
from tools.project import ROOT


def notebook(*sources, tags=(notebooks.CHECKED,)):
    """A notebook with a line of prose and these code cells."""
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": [*tags]}) for source in sources]
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# Title"), *cells], metadata={"kernelspec": notebooks.KERNEL}
    )


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Keep executions, and look for pages, in a folder of this test."""
    monkeypatch.setattr(execute, "BUILD", tmp_path)
    monkeypatch.setattr(execute, "OUTPUTS", tmp_path / "executed")
    return tmp_path


@pytest.fixture
def runs(monkeypatch):
    """The names of the chapters that are executed, in order; no kernel is started."""
    names = []

    class Client:
        def __init__(self, notebook, on_cell_start, **_):
            self.notebook, self.say = notebook, on_cell_start

        def execute(self):
            for place, cell in enumerate(self.notebook.cells):
                self.say(cell=cell, cell_index=place)
            names.append(execute.code_cells(self.notebook)[0].source)

    monkeypatch.setattr(execute, "NotebookClient", Client)
    return names


def test_the_fingerprint_sees_cells_the_package_and_the_data(monkeypatch):
    def now(source="x"):
        execute.surroundings.cache_clear()
        return execute.fingerprint(notebook(source))

    before = now()
    assert now() == before and now("y") != before
    monkeypatch.setattr(execute, "handwritten_digits", lambda: [type("", (), {"name": "other data"})])
    assert now() != before
    monkeypatch.undo()
    assert now() == before
    read_bytes = Path.read_bytes
    changed = {"synthetic.py": b"#"}  # a file in a folder below the package
    monkeypatch.setattr(Path, "read_bytes", lambda path: read_bytes(path) + changed.get(path.name, b""))
    assert now() != before
    monkeypatch.undo()
    assert now() == before


def test_a_chapter_is_executed_once_and_again_where_anything_has_changed(runs, monkeypatch):
    chapters = {"one": notebook("one"), "two": notebook("two")}
    for expected in (["one", "two"], []):
        execute.executed(chapters)
        assert runs == expected
        runs.clear()
    chapters["two"].cells[0].source = "# Another title"
    chapters["one"].cells[1].source = "one, changed"
    execute.executed(chapters)
    assert runs == ["one, changed"]
    runs.clear()
    monkeypatch.setattr(execute, "surroundings", lambda: "another package")
    execute.executed(chapters)
    assert runs == ["one, changed", "two"]


CTRL_C = "import os, signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(60)"


@pytest.mark.parametrize(
    "cell, words", [("never_defined + 1", "never_defined \\+ 1.*NameError"), (CTRL_C, "\n\ninterrupted$")]
)
def test_a_cell_that_fails_is_named_with_its_traceback_and_what_ran_before_is_kept(cell, words, capsys, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "a live notebook")
    see = "import os, time\ntime.sleep(0.3)\n"
    see += "print('JPY_SESSION_NAME' in os.environ, os.path.basename(os.getcwd()))\n'again'"
    chapters = {"good": notebook(see, "print('twice')"), "bad": notebook("1", cell), "after": notebook("3")}
    with pytest.raises(SystemExit, match=rf"(?s)bad stopped in cell 1, after 0:\d\d:.*{words}"):
        execute.executed(chapters)
    kept = execute.kept("good")
    first, second = execute.code_cells(kept)
    assert [output.get("text") or output.data["text/plain"] for output in first.outputs] == [
        "False notebooks\n",
        "'again'",
    ]
    assert 0 <= execute.seconds(second) < execute.seconds(first) < kept.metadata.run.seconds
    assert execute.fresh("good", chapters["good"]) and not execute.kept("bad") and not execute.kept("after")
    assert "good: 2 cells in 0:" in capsys.readouterr().out


def test_before_it_starts_it_says_what_it_will_do_and_how_long_that_took(runs, scratch, capsys):
    measured = project.CHAPTERS[0].stem
    chapters = {"kept": notebook("kept"), "changed": notebook("changed"), measured: notebook("new")}
    execute.executed({name: chapters[name] for name in ("kept", "changed")})
    assert "`make preview`" in capsys.readouterr().out
    record = execute.kept("changed")
    record.metadata.run.update(seconds=154.4, machine="a slow machine")
    nbformat.write(record, execute.OUTPUTS / "changed.ipynb")
    chapters["changed"].cells[1].source = "changed since"
    (scratch / "html").mkdir()
    (scratch / "html" / "index.html").touch()
    execute.executed(chapters)
    said = capsys.readouterr().out
    assert "to execute: changed (when last timed: 2:34 on a slow machine)" in said
    assert f"to execute: {measured} (when last timed: {project.minutes(measured)})" in said
    assert "kept: kept\n" in said and re.search(r"already written.*html: index.html\n", said)
    execute.executed(chapters)
    assert "to execute" not in capsys.readouterr().out


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_rewrites_its_line_on_a_terminal_and_is_rare_in_a_log(terminal, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    clock = iter(range(0, 1000, 20))  # 20 s a cell
    monkeypatch.setattr(execute.time, "monotonic", lambda: next(clock))
    say = execute.Progress("2_mnist", 5)
    for kind in ("markdown", "code", "code", "markdown", "code", "code", "code"):
        say(nbformat.NotebookNode(cell_type=kind), None)
    said = capsys.readouterr().out
    places = re.findall(r"\[book\] 2_mnist: cell (\d) of 5, (\d:\d\d)", said)
    times = [("0", "0:20"), ("1", "0:40"), ("2", "1:00"), ("3", "1:20"), ("4", "1:40")]
    assert places == times if terminal else places == [times[1], times[3]]
    assert said.count("\r") == 5 * terminal and said.count("\n") == 2 * (not terminal)


def executed(*costs):
    """An executed notebook whose cells cost these seconds."""
    ran = notebook(*(f"import a\n\n# about\ncell_{place}()" for place in range(len(costs))))
    for cell, cost in zip(execute.code_cells(ran), costs, strict=True):
        times = {"busy": "2026-01-01T00:00:00.000000Z", "idle": f"2026-01-01T00:00:{cost:09.6f}Z"}
        cell.metadata["execution"] = {f"iopub.status.{state}": when for state, when in times.items()}
    ran.metadata["run"] = {"seconds": sum(costs), "machine": "a machine", "ended": "today", "fingerprint": ""}
    return ran


def test_the_profile_shows_the_dearest_cells_first(capsys, monkeypatch):
    ran = executed(1, 30, 9)
    del execute.code_cells(ran)[0].metadata["execution"]  # as an empty cell has none
    monkeypatch.setattr(execute, "executed", lambda chapters: {"1_a": ran, "2_b": executed(50)})
    monkeypatch.setattr(build.sys, "argv", ["build", "profile", "2"])
    build.main()
    _, first, *cells, _, second, last = capsys.readouterr().out.splitlines()
    assert first == "1_a: 40 s on a machine, today" and second.startswith("2_b: 50 s")
    shown = [line.split() for line in [*cells, last]]
    assert shown == [
        ["30.0", "s", "75%", "cell", "1", "cell_1()"],
        ["9.0", "s", "22%", "cell", "2", "cell_2()"],
        ["50.0", "s", "100%", "cell", "0", "cell_0()"],
    ]


@pytest.mark.parametrize(
    "facts, words",
    [
        (
            "model name\t: Intel(R) Xeon(R) CPU @ 2.20GHz\nflags : hypervisor",
            "a virtual machine with 2 cores (Intel Xeon)",
        ),
        ("model name\t: AMD EPYC 7B13 64-Core Processor\nflags : fpu\n", "a machine with 2 cores (AMD EPYC 7B13)"),
        ("", "a machine with 2 cores (arm)"),
    ],
)
def test_a_machine_is_named_by_its_processor(facts, words, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(execute.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(execute.platform, "processor", lambda: "arm")
    monkeypatch.setattr(Path, "exists", lambda path: bool(facts))
    monkeypatch.setattr(Path, "read_text", lambda path: facts)
    assert execute.machine.__wrapped__() == words


def test_a_machine_with_a_gpu_is_named_by_it(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "NVIDIA H100")
    assert execute.machine.__wrapped__() == "a GPU (NVIDIA H100)"


def test_a_new_time_leaves_those_of_other_machines(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "BOOK", tmp_path)
    (tmp_path / "chapter_times.json").write_text('{"1_a": {"a quiet machine": 2.4, "b": 9.9}, "2_b": {"c": 1.0}}')
    notebooks.save_time("1_a", 156.0, "b")
    notebooks.save_time("3_c", 3.0, "b")
    assert project.minutes("1_a") == "about 2.4 minutes on a quiet machine and about 2.6 minutes on b"
    assert project.minutes("2_b") == "about 1.0 minutes on c" and project.minutes("3_c") == "about 0.1 minutes on b"
    assert project.minutes("4_d") == "a time that is not yet measured"


def test_make_notebooks_stores_what_was_executed_its_time_and_its_animations(tmp_path, monkeypatch):
    cell = "```{code-cell} ipython3\n:tags: [%s]\n%s\n```\n"
    (tmp_path / "1_a.md").write_text(
        "# Title\n\n" + cell % ("save-film", "film") + cell % (notebooks.CHECKED, "print(1)")
    )
    (tmp_path / "chapter_times.json").write_text("{}")
    (tmp_path / "_static").mkdir()
    for where, name, value in [
        (project, "BOOK", tmp_path),
        (project, "NOTEBOOKS", [tmp_path / "1_a.md"]),
        (notebooks, "set_up", lambda: "set_up()"),
        (notebooks, "file_of", lambda path: tmp_path / f"{path.stem}.ipynb"),
        (notebooks.sys, "argv", ["notebooks"]),
    ]:
        monkeypatch.setattr(where, name, value)
    monkeypatch.setattr("vaebook.data.mnist", lambda split: None)
    executions = []

    def run(name, notebook):  # as tools.execute does, with outputs that it need not compute
        film = {"text/html": '<img src="data:image/gif;base64,R0lG">'}
        outputs = [], [nbformat.v4.new_output("display_data", film)], [shown("1\n")]
        facts = {"fingerprint": execute.fingerprint(notebook), "seconds": 90.0, "machine": "a machine"}
        execute.OUTPUTS.mkdir(exist_ok=True)
        nbformat.write(with_outputs(notebook, *outputs, **facts), execute.OUTPUTS / f"{name}.ipynb")
        executions.append(name)

    monkeypatch.setattr(execute, "run", run)
    notebooks.main()
    stored = nbformat.read(tmp_path / "1_a.ipynb", as_version=4)
    assert [len(cell.outputs) for cell in execute.code_cells(stored)] == [0, 0, 1]
    assert "execution" not in str(stored.metadata) and "run" not in stored.metadata
    assert project.minutes("1_a") == "about 1.5 minutes on a machine"
    assert (tmp_path / "_static" / "film.gif").read_bytes() == b"GIF"
    notebooks.main()
    execute.executed({"1_a": notebooks.convert(tmp_path / "1_a.md")})  # as `make book` does then
    assert executions == ["1_a"]


def shown(text, kind="stream"):
    error = {"ename": "ValueError", "evalue": text, "traceback": [text]}
    return nbformat.v4.new_output(kind, **(error if kind == "error" else {"text": text}))


def with_outputs(ran, *outputs, **run):
    """The notebook with an output in each code cell, as if it had been executed."""
    for place, (cell, output) in enumerate(zip(execute.code_cells(ran), outputs, strict=True), start=1):
        cell.outputs, cell.execution_count = output, place
    ran.metadata.update(run={"ended": "lately", **run} if run else {})
    return ran


def test_nbval_holds_a_kept_execution_against_what_is_stored_and_runs_what_has_changed(tmp_path):
    """Seven notebooks with the cells `x = 1`, which is not compared, and `print(x)`, which is."""
    left_out = shutil.ignore_patterns(".*", "_build", "__pycache__", "*.egg-info", "notebooks")
    copy = shutil.copytree(ROOT, tmp_path / "copy", ignore=left_out)
    for folder in ("notebooks", "_build/executed"):
        (copy / folder).mkdir(parents=True)
    right = shown("1\n")
    for name, stored, kept in [
        ("same", [right], [shown("0\r1"), shown("\n")]),  # merged as nbval merges what a kernel sends
        ("other_output", [right], [shown("2\n")]),
        ("no_output", [right], []),
        ("one_more", [right], [right, shown("oh", "error")]),
        ("error", [shown("oh", "error")], [shown("oh", "error")]),
        ("other_code", [right], [shown("2\n")]),
        ("never_run", [shown("2\n")], None),
    ]:
        nbformat.write(with_outputs(notebook("x = 1", "print(x)"), [], stored), copy / "notebooks" / f"{name}.ipynb")
        ran = notebook("x = 1" if name != "other_code" else "x = 2", "print(x)")
        if kept is not None:
            ran = with_outputs(ran, [], kept, fingerprint=execute.fingerprint(ran))
            nbformat.write(ran, copy / "_build" / "executed" / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "--replay", "notebooks", "-rA", "-p", "no:cacheprovider"]
    said = subprocess.run(command, cwd=copy, capture_output=True, text=True).stdout
    verdicts = {name: word for word, name in re.findall(r"^(PASSED|FAILED) notebooks/(\w+)\.ipynb::Cell 1", said, re.M)}
    green = {name for name, word in verdicts.items() if word == "PASSED"}
    assert len(verdicts) == 7 and green == {"same", "other_code"}, said
    assert said.count("has changed since its last run, so runs again") == 2
    assert said.count("held against its run of lately") == 5
    assert len(re.findall(r"^PASSED .*::Cell 0", said, re.MULTILINE)) == 7
