#!/usr/bin/env python3
"""Commits a model before and after it is fused, in a new repository with the hook of Phasor.

    pip install -r requirements.txt
    python commit.py                       with the hook that uses the Phasor of this environment
    python commit.py --hook phasor-fuse    with the hook that installs Phasor, which takes minutes

makes the repository `repository` in the working directory, which has the model in `model.onnx`. The hook comes from the checkout that this
script is in, at its latest commit; a project names the address of a repository there.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys

HOOKS = ["phasor-fuse-system", "phasor-fuse"]
CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
CONFIG = """repos:
  - repo: {source}
    rev: {revision}
    hooks:
      - id: {hook}
"""


def git(*words, folder, env=None):
    """The output of a git command that ends well."""
    done = subprocess.run(["git", *words], cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: git {words[0]} failed: {done.stderr}")
    return done.stdout.strip()


def commits(folder, env, message):
    """Whether the hook lets a commit pass."""
    git("add", "-A", folder=folder)
    done = subprocess.run(["git", "commit", "-m", message], cwd=folder, env=env, capture_output=True, text=True)
    print(done.stdout + done.stderr)
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hook", choices=HOOKS, default=HOOKS[0])
    args = parser.parse_args()
    model, folder = pathlib.Path("model.onnx").resolve(), pathlib.Path("repository").resolve()
    # Environments of hooks stay with the example, and so does the name of who commits.
    who = {f"GIT_{role}_{what}": f"example{end}" for role in ("AUTHOR", "COMMITTER") for what, end in (("NAME", ""), ("EMAIL", "@localhost"))}
    env = {**os.environ, **who, "PRE_COMMIT_HOME": str(folder.parent / "pre-commit")}
    folder.mkdir()
    git("init", folder=folder)
    revision = git("rev-parse", "HEAD", folder=CHECKOUT)
    (folder / ".pre-commit-config.yaml").write_text(CONFIG.format(source=CHECKOUT, revision=revision, hook=args.hook))
    subprocess.run(["pre-commit", "install"], cwd=folder, env=env, check=True)

    shutil.copy(model, folder)
    if commits(folder, env, "Add a model"):
        sys.exit("error: a model that is not fused was committed")
    subprocess.run([sys.executable, "-m", "phasor", "fuse", model, "-o", folder / "model.onnx", "--force"], check=True)
    if not commits(folder, env, "Add a fused model"):
        sys.exit("error: a fused model was not committed")


if __name__ == "__main__":
    main()
