"""`kgcv explain` as a person types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from kgcv.cli.explain import name_pictures, show
from kgcv.cli.main import main
from kgcv.config.load import dump_config
from kgcv.config.schema import Config
from kgcv.recipes.explain import Explanation, HeatMap
from kgcv.recipes.predict_one import OnePrediction


def kgcv(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def run(competition: Config, tmp_path: Path) -> Path:
    (tmp_path / "squares.yaml").write_text(dump_config(competition))
    kgcv("train", "squares.yaml", "--run-dir", "run", "--progress", "none")
    return Path("run")


def explanation(heat: np.ndarray, num_maps: int = 1) -> Explanation:
    rgb = np.zeros((*heat.shape, 3), np.float32)
    maps = tuple(HeatMap("cat", "layer4", np.eye(2, dtype=np.float32), heat) for _ in range(num_maps))
    return Explanation(OnePrediction("a.png", {"cat": 0.75, "a dog": 0.25}), "single", rgb, maps, None)


def test_text_pictures_and_json(run: Path) -> None:
    said = kgcv("explain", run, "data/test/0.png", "data/train/bright.0.png").stdout
    assert said.isascii()
    assert "\x1b" not in said
    lines = said.splitlines()
    assert lines[0] == "data/test/0.png"
    assert lines[1].split()[1] in ("bright", "dark")
    assert set(lines[1].split()[2]) == {"#"}
    assert lines[3].startswith("speaks for ") or lines[3].startswith("nothing speaks for ")
    assert lines[-1] == "explained/bright.0.explained.png"
    assert Path("explained/0.explained.png").read_bytes().startswith(b"\x89PNG")

    (one,) = json.loads(kgcv("explain", run, "data/test/0.png", "-o", "other", "--class", "dark", "--json").stdout)
    (asked,) = json.loads(kgcv("predict-one", run, "data/test/0.png", "--fold", 0, "--json").stdout)
    assert {key: one[key] for key in asked} == asked
    assert (one["fold"], one["png"]) == (0, "other/0.explained.png")
    (heat_map,) = one["heat_maps"]
    assert (heat_map["answer"], np.array(heat_map["places"]).ndim) == ("dark", 2)
    assert [*one["first_layer"]["channels"][0]] == ["index", "strength"]


def test_a_class_that_is_not_there(run: Path) -> None:
    said = kgcv("explain", run, "data/test/0.png", "--class", "cat", code=2).stderr
    assert said == "kgcv: --class cat: the run has no such class; it has bright, dark\n"
    assert "no such file" in kgcv("explain", run, "nowhere.png", code=1).stderr
    assert not Path("explained").exists()


def test_pictures_have_names_of_their_own() -> None:
    images = [Path("a/1.jpg"), Path("b/1.png"), Path("b/cat.2.jpg")]
    names = ["out/1.explained.png", "out/1-2.explained.png", "out/cat.2.explained.png"]
    assert name_pictures(images, Path("out")) == [Path(name) for name in names]


def test_without_colours_to_the_character(capsys: pytest.CaptureFixture[str]) -> None:
    show(explanation(np.kron(np.eye(2, dtype=np.float32), np.ones((4, 4), np.float32))), Path("a.png"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:4] == [
        "  0.7500  cat    ######################",
        "  0.2500  a dog  ########",
        "speaks for cat (layer4, 2 x 2)",
    ]
    assert lines[4] == f"  |{'@' * 20}{' ' * 20}|"
    assert lines[23] == f"  |{' ' * 20}{'@' * 20}|"


def test_no_map_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(explanation(np.zeros((8, 8), np.float32), num_maps=0), Path("a.png"))
    assert capsys.readouterr().out.splitlines()[3:] == [
        "no heat map: no place of the image speaks for the answer",
        "a.png",
    ]


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let stdout pass for a terminal of 80 columns."""

    def pretend(colorterm: str = "truecolor") -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)
        for name, value in {
            "FORCE_COLOR": "1",
            "COLORTERM": colorterm,
            "TERM": "xterm-256color",
            "COLUMNS": "80",
        }.items():
            monkeypatch.setenv(name, value)

    return pretend


def test_half_blocks_in_24_bit(colours: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    colours()
    show(explanation(np.zeros((8, 8), np.float32)), Path("a.png"))
    lines = capsys.readouterr().out.splitlines()
    assert "\N{FULL BLOCK}" in lines[1]
    assert lines[3].split("  ")[0] == "image"
    picture = lines[4:-1]
    assert len(picture) == 19  # two of 38 columns, and two between them
    assert all(line.count("\N{UPPER HALF BLOCK}") == 76 for line in picture)
    assert "\x1b[38;2;0;0;0;48;2;0;0;0m" in picture[0]


def test_colours_that_are_not_wanted(colours: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    from kgcv.cli.pictures import shows_pictures

    colours()
    assert shows_pictures()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not shows_pictures()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not shows_pictures()
