"""What `kgcv init` finds in competitions of tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgcv.config.load import load_config
from kgcv.config.schema import Config
from kgcv.errors import DataError
from kgcv.recipes.init import init

HEADER = "PassengerId,Survived,Pclass,Name,Sex,Age,Fare"


def write_table(path: Path, header: str, rows: list[str]) -> None:
    path.write_text("\n".join([header, *rows]) + "\n")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "titanic").mkdir()
    return Path("titanic")


def titanic(root: Path) -> None:
    rows = [
        (n % 2, 1 + n % 3, f"Passenger {n}", ["male", "female"][n % 2], "NA" if n == 3 else 20 + n) for n in range(30)
    ]
    train = [f"{n + 1},{','.join(map(str, row))},{7.25 + n}" for n, row in enumerate(rows)]
    test = [f"{n + 31},{','.join(map(str, row[1:]))},{7.5 + n}" for n, row in enumerate(rows[:6])]
    write_table(root / "train.csv", HEADER, train)
    write_table(root / "test.csv", HEADER.replace("Survived,", ""), test)
    write_table(root / "gender_submission.csv", "PassengerId,Survived", [f"{n + 31},{n % 2}" for n in range(6)])


def guess(root: Path) -> tuple[Config, str]:
    result = init(root)
    assert result.problems == ()
    return load_config(result.path), result.path.read_text()


def refusal(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        init(root)
    return str(caught.value)


def test_classes_words_for_missing_values_and_names(root: Path) -> None:
    titanic(root)
    config, text = guess(root)
    assert (config.data.target, config.data.id_column, config.data.task) == ("Survived", "PassengerId", "single")
    assert config.data.missing_words == ("NA",)
    assert (config.submission.format, config.train.metric) == ("label", "accuracy")
    assert set(config.columns.categories) == {"Pclass", "Sex", "Age_na"}
    assert set(config.columns.numbers) == {"Age", "Fare"}
    assert "# left out: Name: nearly a value a row" in text
    assert config.split.kind == "holdout"


def test_a_date_of_another_form_is_read_and_days_among_the_others_are_drawn(root: Path) -> None:
    days = [f"{1 + n % 28:02d}.{1 + n // 28:02d}.2024" for n in range(56)]
    write_table(root / "train.csv", "day,y", [f"{day},{n}.5" for n, day in enumerate(days)])
    write_table(root / "test.csv", "id,day", [f"{n},{day}" for n, day in enumerate(days[10:14])])
    config, _ = guess(root)
    assert [step.step for step in config.features] == ["read_date", "date_parts"]
    assert (config.data.date_column, config.data.target, config.data.task) == ("day", "y", "regression")
    assert config.split.kind == "holdout"


def test_side_tables_are_joined_over_one_another(root: Path) -> None:
    write_table(root / "train.csv", "shop,y", [f"{n % 4},{n}.5" for n in range(40)])
    write_table(root / "test.csv", "id,shop", ["1,0", "2,3"])
    write_table(root / "shops.csv", "shop,city", ["0,A", "1,B", "2,A", "3,B"])
    write_table(root / "cities.csv", "city,people", ["A,10.5", "B,20.5"])
    write_table(root / "days.csv", "city,day,rain", ["A,1,0", "A,1,1"])
    config, text = guess(root)
    assert [(step.right, step.on) for step in config.features if step.step == "join"] == [
        ("shops", ("shop",)),
        ("cities", ("city",)),
    ]
    assert set(config.columns.categories) == {"shop", "city", "people"} - {"people"}
    assert config.columns.numbers == ("people",)
    assert "not joined, for no shared columns tell its rows apart: days" in text


def test_two_columns_that_only_train_has_need_a_sample(root: Path) -> None:
    titanic(root)
    (root / "gender_submission.csv").unlink()
    lines = (root / "train.csv").read_text().splitlines()
    write_table(root / "train.csv", f"{lines[0]},Boat", [f"{line},1" for line in lines[1:]])
    assert refusal(root) == (
        "train.csv: it has several columns, 'Survived', 'Boat' that test.csv has not, and no sample submission tells "
        "which is to be predicted"
    )


def test_a_sample_of_two_targets_is_refused(root: Path) -> None:
    write_table(root / "train.csv", "id,a,b,c", ["1,1,2,3", "2,3,4,5"])
    write_table(root / "test.csv", "id,a", ["3,1", "4,3"])
    write_table(root / "sample_submission.csv", "id,b,c", ["3,0,0", "4,0,0"])
    assert "asks for 'b', 'c', and kgcv learns one column of a table" in refusal(root)


def test_a_table_without_rows_to_predict_is_refused(root: Path) -> None:
    write_table(root / "train.csv", "id,y", ["1,2"])
    expected = "titanic: train.csv; missing: a CSV file called test, with the rows to predict"
    assert refusal(root) == expected


def test_a_column_per_class_in_the_sample_tells_the_target(root: Path) -> None:
    write_table(root / "train.csv", "id,f,target", [f"{n},{n}.5,Class_{1 + n % 3}" for n in range(30)])
    write_table(root / "test.csv", "id,f", ["31,1.5", "32,2.5"])
    write_table(root / "sampleSubmission.csv", "id,Class_1,Class_2,Class_3", ["31,1,0,0", "32,1,0,0"])
    config, _ = guess(root)
    assert (config.data.target, config.submission.format, config.train.metric) == (
        "target",
        "probabilities",
        "log_loss",
    )
