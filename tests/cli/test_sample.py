import json

import pytest
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


def test_satellite_is_painted_in_the_number_asked_for(tmp_path):
    folder = tmp_path / "data"
    arguments = ["sample", "satellite", str(folder), "--num-train", "3", "--num-test", "2", "--seed", "1"]
    result = CliRunner().invoke(main, [*arguments, "--progress", "plain"])
    line = f"{folder}: 3 training and 2 test images, config {folder / 'satellite.yaml'}"
    assert (result.exit_code, result.stdout) == (0, f"{line}\n")
    assert "satellite: 5 tiles" in result.stderr
    again = CliRunner().invoke(main, [*arguments, "--json"])
    value = json.loads(again.stdout)
    assert (value["num_train"], value["num_test"], value["is_new"]) == (3, 2, False)
    other = CliRunner().invoke(main, ["sample", "satellite", str(folder)])
    assert other.exit_code == 1
    found = "holds the sample with num_train 3, num_test 2, seed 1, not with num_train 1200, num_test 400, seed 42"
    assert other.stderr == f"kgcv: {folder}: {found}; name a new or empty folder\n"


def test_the_numbers_are_those_of_satellite_alone(tmp_path):
    result = CliRunner().invoke(main, ["sample", "fashion", str(tmp_path / "x"), "--num-train", "5", "--seed", "1"])
    assert result.exit_code == 2
    assert "fashion is as it is; --num-train, --seed is for satellite" in result.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("arguments", [["--num-train", "0"], ["--num-test", "0"], ["--seed", "-1"]])
def test_there_is_at_least_one_tile_of_each_part(tmp_path, arguments):
    assert CliRunner().invoke(main, ["sample", "satellite", str(tmp_path / "x"), *arguments]).exit_code == 2
    assert not (tmp_path / "x").exists()
