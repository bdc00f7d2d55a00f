import json

from click.testing import CliRunner

from kgcv.cli.main import main


def test_the_sample_is_unpacked_and_then_left_alone(tmp_path):
    folder = tmp_path / "data"
    result = CliRunner().invoke(main, ["sample", "fashion", str(folder)])
    line = f"{folder}: 2000 training and 500 test images, config {folder / 'fashion.yaml'}"
    assert (result.exit_code, result.stdout) == (0, f"{line}\n")
    again = CliRunner().invoke(main, ["sample", "fashion", str(folder)])
    assert (again.exit_code, again.stdout) == (0, f"{line} (already there)\n")
    value = json.loads(CliRunner().invoke(main, ["sample", "fashion", str(folder), "--json"]).stdout)
    assert value == {
        "folder": str(folder),
        "config": str(folder / "fashion.yaml"),
        "num_train": 2000,
        "num_test": 500,
        "is_new": False,
    }


def test_a_folder_in_use_is_an_expected_failure(tmp_path):
    (tmp_path / "x").touch()
    result = CliRunner().invoke(main, ["sample", "fashion", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"kgcv: {tmp_path}: holds files that are not the sample's: x;")


def test_an_unknown_sample_is_a_wrong_command_line(tmp_path):
    assert CliRunner().invoke(main, ["sample", "mnist", str(tmp_path)]).exit_code == 2
