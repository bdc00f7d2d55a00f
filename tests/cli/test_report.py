import json
import subprocess
import sys

from click.testing import CliRunner

from kgcv.cli.main import main


def run(*arguments):
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def test_the_path_is_printed(write_run, tmp_path):
    folder = write_run(tmp_path / "one")
    result = run(folder, "--ledger", tmp_path / "none.jsonl")
    assert (result.exit_code, result.stderr, result.stdout) == (0, "", f"{folder}/report.html\n")
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_json(write_run, tmp_path):
    folder, page = write_run(tmp_path / "one", "regression"), tmp_path / "page.html"
    value = json.loads(run(folder, "-o", page, "--json").stdout)
    assert value == {
        "path": str(page),
        "bytes": page.stat().st_size,
        "sections": ["summary", "history", "time", "numbers", "samples", "groups", "duplicates"],
    }


def test_what_is_no_run_is_an_expected_failure(tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path}: is not a run folder" in result.stderr


def test_a_run_must_be_named():
    assert run().exit_code == 2


def test_it_needs_no_torch_and_no_data(write_run, tmp_path):
    script = (
        "import sys; from kgcv.cli.main import main; main(sys.argv[1:], standalone_mode=False); "
        "assert not {'torch', 'timm'} & sys.modules.keys()"
    )
    folder = write_run(tmp_path / "one", "multi")
    subprocess.run([sys.executable, "-c", script, "report", str(folder)], check=True, cwd=tmp_path)
