import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main
from kgcv.cli.submit import describe
from kgcv.recipes.submit import SubmitResult


@pytest.fixture
def files(tmp_path):
    """A submission file and the sample file it fits."""
    mine, sample = tmp_path / "mine.csv", tmp_path / "sample.csv"
    mine.write_text("id,label\na,cat\nb,dog\n")
    sample.write_text("id,label\nb,cat\na,cat\n")
    return mine, sample


def test_a_file_that_fits_is_said_to(files):
    mine, sample = files
    result = CliRunner().invoke(main, ["submit", str(mine), "--check", "--sample", str(sample)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{mine}: 2 rows, 2 columns, format file: fits the sample file\n"


def test_json(files, tmp_path):
    mine, sample = files
    output = tmp_path / "out.csv"
    arguments = ["submit", str(mine), "--check", "--sample", str(sample), "-o", str(output), "--json"]
    value = json.loads(CliRunner().invoke(main, arguments).stdout)
    assert value.pop("sha256")
    assert value == {
        "path": str(output),
        "num_rows": 2,
        "columns": ["id", "label"],
        "format": "file",
        "competition": None,
        "warnings": [],
    }
    assert output.read_text() == "id,label\nb,dog\na,cat\n"


def test_warnings_and_the_upload_command_follow_the_result():
    result = SubmitResult(Path("a.csv"), 2, ("id", "tags"), "tags", "0", "planet", ("1 of 2 images have no tag",))
    assert describe(result) == (
        "a.csv: 2 rows, 2 columns, format tags: fits the sample file\n"
        "note: 1 of 2 images have no tag\n"
        "upload it with: kaggle competitions submit -c planet -f a.csv -m TEXT"
    )


def test_a_file_that_does_not_fit_is_an_expected_failure(files):
    mine, sample = files
    sample.write_text("id,label\na,cat\nb,cat\nc,cat\n")
    result = CliRunner().invoke(main, ["submit", str(mine), "--check", "--sample", str(sample)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"kgcv: {mine}: 1 ids missing: c\n"


def test_without_check_nothing_is_done(files):
    result = CliRunner().invoke(main, ["submit", str(files[0]), "--sample", str(files[1])])
    assert result.exit_code == 2
    assert "uploading is not built yet: add --check" in result.stderr


def test_a_file_without_sample_is_a_wrong_command_line(files):
    result = CliRunner().invoke(main, ["submit", str(files[0]), "--check"])
    assert result.exit_code == 2
    assert "name it with --sample" in result.stderr


def test_submitting_loads_no_torch(files):
    mine, sample = files
    script = (
        "import sys\n"
        "from kgcv.cli.main import main\n"
        f"main(['submit', {str(mine)!r}, '--check', '--sample', {str(sample)!r}], standalone_mode=False)\n"
        "assert not {'torch', 'timm', 'pandas', 'matplotlib', 'kaggle'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
