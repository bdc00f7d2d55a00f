from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgcv.config.load import config_json_schema, dump_config, load_config, resolved
from kgcv.config.schema import (
    AugmentConfig,
    Config,
    DataConfig,
    ModelConfig,
    SplitConfig,
    StageConfig,
    TestSourceConfig,
    TrainSourceConfig,
)
from kgcv.errors import ConfigError

Load = Callable[..., Config]
Complaints = Callable[..., list[str]]

SHIPPED = Path(__file__).parents[2] / "configs"


def test_a_minimal_file_has_every_default(load: Load) -> None:
    assert load() == Config(
        data=DataConfig(root="d"),
        model=ModelConfig(name="resnet34"),
        stages=(StageConfig(image_size=64, lr=(0.1,)),),
    )


def test_a_single_value_stands_for_a_list_of_one(load: Load) -> None:
    text = """\
data: {root: d, train: {labels: x.csv, label_columns: y}, test: {images: test}}
model: {name: resnet34, hidden: 512, dropout: 0.5}
stages: [{image_size: 64, lr: 1}]
"""
    config = load(text=text)
    assert config.data.train.label_columns == ("y",)
    assert config.data.test == TestSourceConfig(images=("test",))
    assert (config.model.hidden, config.model.dropout) == ((512,), (0.5,))
    assert config.stages[0].lr == (1.0,)


def test_a_plain_list_of_exclusive_tags_is_one_group(load: Load) -> None:
    groups = [
        load(f"decision.exclusive={text}").decision.exclusive
        for text in ("[a, b]", "[[a, b]]", "[[a, b], [c, d]]", "[]")
    ]
    assert groups == [(("a", "b"),), (("a", "b"),), (("a", "b"), ("c", "d")), ()]


MAPPING = """\
data: {root: d}
model: {name: resnet34}
stages: [{image_size: 64, lr: 0.1}]
decision:
  thresholds: prevalence
  prevalence:
    bare ground: 0.3
    no: 1
"""


def test_a_mapping_has_any_names_as_keys(load: Load) -> None:
    config = load("decision.prevalence.haze=0", "decision.prevalence.no=0.5", text=MAPPING)
    assert config.decision.prevalence == {"bare ground": 0.3, "no": 0.5, "haze": 0}
    assert load(text=dump_config(config)) == config


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("no: 1", "no: 1.5", "c.yaml:8:5: decision.prevalence.no: must be at most 1, got 1.5"),
        ("no: 1", "no: often", "c.yaml:8:5: decision.prevalence.no: must be a number, got the text 'often'"),
        ("no: 1", "no: {a: 1}", "c.yaml:8:5: decision.prevalence.no: must be a number, got a section"),
        ("no: 1", "7: 1", "c.yaml:8:5: decision.prevalence: a key must be text, got 7"),
        ("no: 1", "bare ground: 1", "c.yaml:8:5: decision.prevalence.bare ground: given twice, first on line 7"),
        (
            "prevalence:\n    bare ground: 0.3\n    no: 1",
            "prevalence: [0.3, 1]",
            "c.yaml:6:3: decision.prevalence: must be names, each with its value, got a list",
        ),
        (
            "thresholds: prevalence",
            "thresholds: fixed",
            "c.yaml:6:3: decision.prevalence: does nothing here; "
            "it needs data.task: multi or auto, and decision.thresholds: prevalence",
        ),
        (
            "prevalence:\n    bare ground: 0.3\n    no: 1",
            "exclusive: [clear, 3]",
            "c.yaml:6:22: decision.exclusive.1: must be text, got 3; put it in quotes",
        ),
        (
            "prevalence:\n    bare ground: 0.3\n    no: 1",
            "exclusive: [[a, b], [c, 3]]",
            "c.yaml:6:27: decision.exclusive.1.1: must be text, got 3; put it in quotes",
        ),
        (
            "prevalence:\n    bare ground: 0.3\n    no: 1",
            "exclusive: [[a, b], 3]",
            "c.yaml:6:23: decision.exclusive.1: must be text, got 3; put it in quotes",
        ),
        (
            "prevalence:\n    bare ground: 0.3\n    no: 1",
            "exclusive: 3",
            "c.yaml:6:3: decision.exclusive: must be text, got 3; put it in quotes",
        ),
    ],
)
def test_a_problem_inside_a_mapping_or_a_group_is_named_at_its_place(
    complaints: Complaints, old: str, new: str, problem: str
) -> None:
    assert complaints(text=MAPPING) == []
    assert complaints(text=MAPPING.replace(old, new)) == [problem]


def test_every_problem_of_a_file_is_named_at_its_place_in_one_run(complaints: Complaints) -> None:
    text = """\
data:
  root: 3
  train: {pattern: "(", labels: x.csv}
  task: sinle
model:
  name: resnet34
  dropout: [0.1, 0.2]
stages:
  - {image_size: 64, lr: 0.1, frozen: on}
  - {image_size: 32, lr: [0.1, fast]}
  - {image_size: 32.0, lr: [.inf]}
split: {kind: holdout, num_folds: 3}
trian: 1
resize:
train: {metric: 3, device: *x, seed: 1, seed: 2}
"""
    assert complaints(text=text) == [
        "c.yaml:2:3: data.root: must be text, got 3; put it in quotes",
        "c.yaml:3:11: data.train.pattern: labels come from data.train.labels or a pattern, not from both",
        "c.yaml:3:11: data.train.pattern: not a regular expression: missing ), unterminated subpattern at position 0",
        "c.yaml:4:3: data.task: must be one of auto, single, multi, regression, got the text 'sinle'; "
        "did you mean 'single'?",
        "c.yaml:7:3: model.dropout: needs one value, or one for each of the 1 linear layers of the head "
        "(hidden: []), got 2",
        "c.yaml:9:31: stages.0.frozen: must be true or false, got the text 'on'; "
        "only true and false, unquoted and in small letters, are switches",
        "c.yaml:10:32: stages.1.lr.1: must be a number, got the text 'fast'",
        "c.yaml:11:6: stages.2.image_size: must be a whole number, got 32.0",
        "c.yaml:11:29: stages.2.lr.0: must be a finite number, got Infinity",
        "c.yaml:12:24: split.num_folds: does nothing here; it needs split.kind: folds or forward, "
        "and no split.train_on_all",
        "c.yaml:13:1: trian: unknown key; did you mean 'train'?",
        "c.yaml:14:1: resize: must be a section with keys, got nothing; leave the key out to have its default",
        "c.yaml:15:9: train.metric: must be text, got 3; put it in quotes",
        "c.yaml:15:28: train.device: aliases (*x) are not allowed; write the value out",
        "c.yaml:15:41: train.seed: given twice, first on line 15",
    ]


def test_rules_speak_on_sound_sections_and_are_silent_on_broken_ones(complaints: Complaints) -> None:
    text = """\
data: {root: d}
model: {name: x, num_groups: two}
stages:
  - {image_size: 64, lr: [1, 2], frozen_groups: 9}
  - {image_size: 32, lr: 1}
split: {kind: fodler, folder: v}
"""
    assert complaints(text=text) == [
        "c.yaml:2:18: model.num_groups: must be a whole number, got the text 'two'",
        "c.yaml:5:6: stages.1.image_size: 32 is below the 64 of the stage before; "
        "if that is meant, add may_shrink: true",
        "c.yaml:6:9: split.kind: must be one of holdout, folds, folder, column, last_days, forward, got the text "
        "'fodler'; did you mean 'folder'?",
    ]


def test_a_missing_section_is_reported_at_the_start_of_the_file(complaints: Complaints) -> None:
    assert complaints(text="# a comment\nmodel: {}\n") == [
        "c.yaml:1:1: data: required, but not given",
        "c.yaml:1:1: stages: required, but not given",
        "c.yaml:2:1: model.name: required, but not given",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "c.yaml:1:1: the file is empty; a config needs data, model and stages"),
        ("# later\n", "c.yaml:1:1: the file is empty; a config needs data, model and stages"),
        ("- a\n", "c.yaml:1:1: the file holds no keys; a config needs data, model and stages"),
        ("data", "c.yaml:1:1: the file holds no keys; a config needs data, model and stages"),
        (
            "data: [1",
            "c.yaml:1:9: not valid YAML: while parsing a flow sequence: expected ',' or ']', but got '<stream end>'",
        ),
    ],
)
def test_a_file_without_keys_is_one_line(complaints: Complaints, text: str, problem: str) -> None:
    assert complaints("train.seed=1", text=text) == [problem]


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("data: 1\nname: café\n".encode("latin-1"))
    for path, problem in [
        (tmp_path / "missing.yaml", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (Path("/dev/zero"), "cannot be read: is no regular file"),
    ]:
        with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: {problem}$"):
            load_config(path)
    (tmp_path / "large.yaml").write_text("#" * (1 << 20) + "\n")
    with pytest.raises(ConfigError, match=r"large\.yaml: is larger than 1 MB, which no config is$"):
        load_config(tmp_path / "large.yaml")
    with pytest.raises(ConfigError, match=r"latin\.yaml:2: not UTF-8 text: byte 0xe9$"):
        load_config(tmp_path / "latin.yaml")


def test_a_byte_order_mark_moves_no_column(complaints: Complaints) -> None:
    assert complaints(text="\ufeffdata: {root: 1}\nmodel: {name: a}\nstages: [{image_size: 1, lr: 1}]\n") == [
        "c.yaml:1:8: data.root: must be text, got 1; put it in quotes"
    ]


def test_a_config_error_has_exit_code_2(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load("train.seed=-1", "train.workers=-1")
    assert caught.value.exit_code == 2
    assert str(caught.value).count("\n") == 1


UNUSUAL = Config(
    competition="1e-3",
    data=DataConfig(
        root="on",
        train=TrainSourceConfig(pattern=r"(?P<label>'\"|\d+): #"),
        test=TestSourceConfig(images=("a", "b c"), suffix=".jpg"),
    ),
    model=ModelConfig(name="resnet34", weights="w.pth", hidden=(512, 10), dropout=(0.1, 0.2, 0.3)),
    stages=(
        StageConfig(image_size=64, lr=(1e-05,), frozen=True, precompute=True, augment=AugmentConfig()),
        StageConfig(image_size=32, lr=(1e-5, 1e-4, 1e-3), frozen_groups=2, may_shrink=True, batch_size=3),
    ),
    split=SplitConfig(kind="column", file="010.csv"),
    augment=AugmentConfig(preset="top_down", cutmix=1.0),
)


def test_a_dumped_config_loads_back_to_the_same(load: Load) -> None:
    assert load(text=dump_config(UNUSUAL)) == UNUSUAL


def test_a_dump_leaves_out_what_does_nothing_and_what_is_not_given() -> None:
    tree = resolved(UNUSUAL)
    assert tree["split"] == {
        "kind": "column",
        "column": "valid",
        "file": "010.csv",
        "allow_twins": False,
        "train_on_all": False,
    }
    assert tree["data"]["train"] == {"images": "train", "suffix": "", "pattern": r"(?P<label>'\"|\d+): #"}
    assert tree["stages"][0]["augment"] == {"preset": "none", "mixup": 0.0, "cutmix": 0.0}
    assert "pretrained" not in tree["model"]
    assert "augment" not in tree["stages"][1]
    assert tree["tta"] == {"views": "identity"}


def test_a_section_without_keys_left_is_not_dumped() -> None:
    config = dataclasses.replace(UNUSUAL, data=DataConfig(root="d", task="single"))
    assert "decision" not in resolved(config)


def test_the_json_schema_describes_every_key() -> None:
    schema = config_json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    sections = [schema, *schema["$defs"].values()]
    assert len(sections) == 35  # 18 of them are steps of features
    bare = [
        key
        for section in sections
        for key, value in section["properties"].items()
        if "description" not in value and "$ref" not in value
    ]
    assert bare == []
    assert all("description" in section for section in sections)
    assert all(section["additionalProperties"] is False for section in sections)


def test_the_json_schema_describes_mappings_and_groups() -> None:
    decision = config_json_schema()["$defs"]["DecisionConfig"]["properties"]
    assert decision["prevalence"]["additionalProperties"] == {"maximum": 1, "minimum": 0, "type": "number"}
    group = {"type": "array", "items": {"type": "string"}}
    assert decision["exclusive"]["anyOf"] == [group, {"type": "array", "items": group}]


def test_the_json_schema_gives_types_ranges_and_defaults_and_allows_a_single_value_for_a_list() -> None:
    stage = config_json_schema()["$defs"]["StageConfig"]
    rate = {"exclusiveMinimum": 0, "type": "number"}
    assert stage["properties"]["lr"]["anyOf"] == [rate, {"type": "array", "items": rate, "minItems": 1}]
    assert "type" not in stage["properties"]["lr"]
    assert stage["properties"]["num_cycles"]["minimum"] == 1
    assert stage["properties"]["num_cycles"]["default"] == 1
    assert stage["required"] == ["lr"]
    assert config_json_schema()["properties"]["stages"]["type"] == "array"
    json.dumps(config_json_schema())


DAMAGE = [
    *"[]{}:-\"'#\t\n?|x0\0\\\ud7ff",
    *("&a ", "*a", "!!int ", "<<: ", "---\n", ": "),
    *("1e999", ".nan", "null", "-1", "1" * 400, "on", "true"),
]


def _mutate(text: str, rng: random.Random) -> str:
    """One to four small damages: a character, a token, a line, or two lines changing places."""
    for _ in range(rng.randint(1, 4)):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        words = re.split(r"([\s,:]+)", lines[at])
        match rng.randrange(5):
            case 0:
                position = rng.randrange(len(text) + 1)
                text = text[:position] + rng.choice(DAMAGE) + text[position + rng.randint(0, 2) :]
                continue
            case 1:
                words[rng.randrange(len(words))] = rng.choice(DAMAGE)
                lines[at] = "".join(words)
            case 2:
                del lines[at]
            case 3:
                lines.insert(at, rng.choice(lines))
            case _:
                other = rng.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
        text = "\n".join(lines)
    return text


@pytest.mark.no_cover  # the tests above go through the same code, fault by fault
@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.yaml")), ids=lambda path: path.stem)
def test_a_damaged_file_gives_a_config_or_lines_and_nothing_else(path: Path, load: Load) -> None:
    rng = random.Random(path.stem)
    text = "\n".join(line for line in path.read_text().split("\n") if not line.startswith("#"))
    outcomes = {"sound": 0, "refused": 0}
    for _ in range(2000 // text.count("\n")):  # long files are slow to read, and not damaged in other ways
        try:
            config: Any = load(text=_mutate(text, rng))
            assert isinstance(config, Config)
            outcomes["sound"] += 1
        except ConfigError as error:
            assert error.problems
            assert all(line.startswith("c.yaml:") and "\n" not in line for line in error.problems)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0
