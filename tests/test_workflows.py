"""The workflows: valid, pinned, with least permissions, and running the same commands as a reader does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs():
    return [
        pytest.param(job, id=f"{path.stem}-{name}") for path in WORKFLOWS for name, job in load(path)["jobs"].items()
    ]


def run(*command):
    return subprocess.run([BIN / command[0], *command[1:]], capture_output=True, text=True)


def test_all_three_are_there():
    assert [path.stem for path in WORKFLOWS] == ["publish", "test", "weekly"]


def test_an_audit_for_security_finds_nothing(tmp_path):
    audit = ["zizmor", "--offline", "--no-progress", "--no-exit-codes", "--format", "json-v1"]
    assert run(*audit, *WORKFLOWS).stdout.strip() == "[]"
    loose = tmp_path / ".github" / "workflows" / "loose.yml"  # and it would find something
    loose.parent.mkdir(parents=True)
    loose.write_text(re.sub(r"@[0-9a-f]{40}", "@v4", WORKFLOWS[0].read_text(encoding="utf-8")))
    assert "unpinned-uses" in run(*audit, loose).stdout


def test_each_fits_the_schema():
    result = run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_commit_and_says_its_version(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if re.search(r"\buses:", line)]
    assert lines and all(re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in lines)


@pytest.mark.parametrize("job", jobs())
def test_no_job_keeps_the_right_to_write_to_the_repository(job):
    for step in job["steps"]:
        assert "actions/checkout" not in step.get("uses", "") or step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_is_permitted_but_by_a_job(path):
    assert load(path)["permissions"] == {}


@pytest.mark.parametrize("job", jobs())
def test_a_job_reads_only_and_ends(job):
    writes = {name for name, level in job["permissions"].items() if level == "write"}
    deploys = any("deploy-pages" in step.get("uses", "") for step in job["steps"])
    assert writes == ({"pages", "id-token"} if deploys else set())
    assert job["timeout-minutes"] <= 90


def test_publishing_refuses_before_it_builds_and_deploys_on_a_release_only():
    publish = load(ROOT / ".github" / "workflows" / "publish.yml")["jobs"]
    assert "vars.GPU_RUNNER" in publish["build"]["runs-on"]
    steps = [step.get("run", step.get("uses", "")) for step in publish["build"]["steps"]]
    order = ["tools.stamp --check --repository", "--nbval notebooks/", "make book", "upload-pages-artifact"]
    places = [next(place for place, step in enumerate(steps) if part in step) for part in order]
    assert places == sorted(places)
    assert publish["deploy"]["if"] == "github.event_name == 'release'" and publish["deploy"]["needs"] == "build"


def test_the_targets_that_workflows_make_exist():
    made = set(re.findall(r"run: make (\w+)", "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert made and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in made)
