"""What runs the book's commands: workflows that are valid, pinned and permitted little, the Makefile, commit hooks."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent
TARGETS = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs():
    return [
        pytest.param(job, id=f"{path.stem}-{name}") for path in WORKFLOWS for name, job in load(path)["jobs"].items()
    ]


def run(*command, **options):
    return subprocess.run([BIN / command[0], *command[1:]], capture_output=True, text=True, **options)


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
    order = ["tools.stamp --check --repository", "make book", "--nbval --replay notebooks/", "upload-pages-artifact"]
    places = [next(place for place, step in enumerate(steps) if part in step) for part in order]
    assert places == sorted(places)
    assert publish["deploy"]["if"] == "github.event_name == 'release'" and publish["deploy"]["needs"] == "build"


def on_pull_requests():
    """The jobs of the workflows that a pull request starts, by name."""
    loaded = [load(path) for path in WORKFLOWS]
    return {name: job for flow in loaded if "pull_request" in flow[True] for name, job in flow["jobs"].items()}


def test_a_pull_request_reaches_a_runner_of_ours_only_past_a_reviewer():
    jobs = on_pull_requests()
    ours = {name for name, job in jobs.items() if not job["runs-on"].startswith("ubuntu-")}
    assert ours == {"gpu"} and jobs["gpu"]["environment"] == "gpu" and jobs["gpu"]["needs"] == "guard"
    assert "if" not in jobs["gpu"]  # else it could run although `guard` failed or was skipped
    assert jobs["guard"]["if"] == "github.event_name == 'pull_request' && vars.GPU_RUNNER != ''"
    assert jobs["gpu"]["runs-on"] == "${{ vars.GPU_RUNNER }}"
    steps = "".join(step.get("run", "") for step in jobs["gpu"]["steps"])
    assert "cuda.get_device_name()" in steps and "pytest --nbval notebooks/" in steps


@pytest.mark.parametrize(
    "rules, goes", [(["required_reviewers", "branch_policy"], True), (["branch_policy"], False), ([], False)]
)
def test_the_guard_refuses_an_environment_without_reviewers(tmp_path, rules, goes):
    gh = tmp_path / "gh"  # GitHub's command line, which prints the types of the environment's rules
    gh.write_text("#!/bin/sh\n" + "".join(f"echo {rule}\n" for rule in rules))
    gh.chmod(0o755)
    command = on_pull_requests()["guard"]["steps"][0]["run"]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_REPOSITORY": "a/b"}
    result = subprocess.run(["bash", "-e", "-c", command], env=environment, capture_output=True)
    assert (result.returncode == 0) == goes


def test_the_targets_that_workflows_make_exist():
    made = set(re.findall(r"run: make (\w+)", "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)))
    assert made and made <= set(TARGETS)


def test_make_alone_lists_every_target_with_what_it_does():
    shown = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True).stdout
    listed = dict(re.findall(r"^make (\w+)  +(\S.*)$", shown, re.MULTILINE))
    assert set(listed) == set(TARGETS) and len(listed) == len(shown.splitlines())


def test_commit_hooks_run_what_the_lock_file_installs():
    path = ROOT / ".pre-commit-config.yaml"
    assert run("pre-commit", "validate-config", path).returncode == 0
    (repository,) = load(path)["repos"]
    assert repository["repo"] == "local"  # no version is pinned a second time
    commands = [hook["entry"].split() for hook in repository["hooks"]]
    assert {command for command, *_ in commands} >= {".venv/bin/ruff", ".venv/bin/python"}
    for command, *options in commands:
        assert command.startswith(".venv/bin/") and (BIN / command.removeprefix(".venv/bin/")).exists()
        if options[:1] == ["-m"]:
            assert run("python", *options, "--help", cwd=ROOT).returncode == 0
