"""Guesses for a competition of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from kgcv.data.csv_table import CsvTable
from kgcv.data.labels import LabelSet, encode_labels
from kgcv.data.samples import SampleTable
from kgcv.data.survey import ImageFolder
from kgcv.recipes.guessing.answer_form import Answer, guess_answer, guess_metric
from kgcv.recipes.guessing.files import Files
from kgcv.recipes.guessing.guess import Guess, Instead, Sheet, counted, quoted_some
from kgcv.recipes.guessing.images_to_predict import TestSource, find_test_source
from kgcv.recipes.guessing.label_columns import TaskGuess, guess_task
from kgcv.recipes.guessing.side_columns import dates_remark, find_class_names, guess_groups, unread_columns
from kgcv.recipes.guessing.train_source import TrainSource, find_train_source
from kgcv.recipes.guessing.training import (
    guess_augment,
    guess_batch_size,
    guess_model,
    guess_resize,
    guess_stages,
    look_at_images,
)

RARE = 10
"""A class with this many times fewer images than the most frequent one is worth a word."""


def image_sheet(files: Files) -> Sheet:
    """Guesses at every key that the files speak of, in the order of a config.

    Raises:
        DataError: nothing tells where the labels are, or several things do.
    """
    train, tests = find_train_source(files)
    test = find_test_source(files, train, tests)
    task = _guess_task(train, files)
    labels = _read_labels(train, task)
    answer = _guess_answer(files, task, labels)
    folders = [train.folder, *(() if test is None else test.folders)]
    root = files.survey.root
    facts = look_at_images(root, [f"{folder.name}/{file}" for folder in folders for file in folder.files])
    return Sheet(
        (
            Guess("data.root", str(root)),
            *_train_guesses(train, files, task, tests.table),
            *_test_guesses(test, files),
            *_sample_guesses(files),
            Guess("data.task", task.task, task.because, task.instead),
            Guess("data.task", because=find_class_names(files.survey, labels.class_names)),
            *_split_guesses(train, files),
            guess_resize(facts),
            *guess_model(facts),
            *guess_augment(),
            guess_batch_size(len(labels.targets)),
            guess_metric(answer.form, labels.task, labels.class_names),
            *_balance_guesses(labels),
            guess_stages(facts),
            Guess("tta.views", "flip", "the mirrored image beside the plain one; `kgcv tta RUN --compare` tells more"),
            *_decision_guesses(labels, answer),
            *answer.guesses,
        )
    )


def _guess_task(train: TrainSource, files: Files) -> TaskGuess:
    if train.match is None or train.columns is None:
        return TaskGuess("single", "a file has one name, and lies in one folder")
    return guess_task(train.match.table, train.columns.names, files.sample)


def _read_labels(train: TrainSource, task: TaskGuess) -> LabelSet:
    """The labels as kgcv understands them; files that are missing or too many do not count here."""
    columns: tuple[str, ...] = ()
    if train.match is not None and train.columns is not None:
        columns = train.columns.names
        rows = list(zip(*(train.match.table.column(name) for name in columns), strict=True))
        if task.task == "multi" and len(columns) == 1:
            rows = [tuple(tag.strip() for tag in row[0].split(task.separator) if tag.strip()) for row in rows]
    elif train.pattern is not None:
        rows = [(name,) for name in train.pattern.counts.elements()]
    else:
        rows = [(file.split("/", 1)[0],) for file in train.folder.files]
    ids = tuple(str(number) for number in range(len(rows)))
    samples = SampleTable(ids, (), tuple(rows), columns)
    return encode_labels(samples, task.task)  # type: ignore[arg-type]  # one of the three words


def _guess_answer(files: Files, task: TaskGuess, labels: LabelSet) -> Answer:
    if files.sample is None:
        return Answer(None, ())
    return guess_answer(files.sample, labels.task, labels.class_names, task.separator)


def _train_guesses(train: TrainSource, files: Files, task: TaskGuess, test: CsvTable | None) -> Iterator[Guess]:
    others = tuple(Instead(match.folder.name, "the same ids") for match in train.others)
    yield Guess("data.train.images", train.folder.name, _describe_folder(train), others)
    if train.match is not None and train.columns is not None:
        yield from _table_guesses(train, files, task)
        used = (train.match.column, *train.columns.names)
        yield Guess("data.train.label_columns", because=unread_columns(train.match.table, used, test))
    elif train.pattern is not None:
        examples = " or ".join(train.pattern.examples)
        because = f"all {len(train.folder.files):,} are named like {examples}"
        yield Guess("data.train.pattern", train.pattern.pattern, because)
    yield _suffix_guess("data.train.suffix", train.suffix, [train.folder], has_ids=train.match is not None)


def _describe_folder(train: TrainSource) -> str:
    amount = counted(len(train.folder.files), "image")
    if train.match is not None or train.pattern is not None:
        return amount
    classes = train.folder.class_folders
    return f"{amount} in {len(classes)} folders, which are the classes: {quoted_some(classes, 6)}"


def _table_guesses(train: TrainSource, files: Files, task: TaskGuess) -> Iterator[Guess]:
    match, columns = train.match, train.columns
    assert match is not None and columns is not None, "the caller saw to it"
    table, num_rows = match.table, len(match.table.column(match.column))
    yield Guess("data.train.labels", files.name(table), counted(num_rows, "row"))
    because = f"{len(match.ids):,} of {match.num_cells:,} have an image"
    yield Guess("data.train.id_column", match.column, because)
    yield Guess("data.train.label_columns", list(columns.names), columns.because)
    if task.separator not in (None, " "):
        yield Guess("data.train.label_separator", task.separator, "stands between the tags")


def _suffix_guess(key: str, suffix: str, folders: Sequence[ImageFolder], *, has_ids: bool) -> Guess:
    found: Counter[str] = Counter()
    for folder in folders:
        found += folder.count_suffixes()
    seen = ", ".join(f"{count:,} {name}" for name, count in found.most_common(4))
    if suffix:
        return Guess(key, suffix, f"ids have none, and {seen}" if has_ids else seen)
    return Guess(key, "", f"ids have it already ({seen})" if has_ids else f"several, which stay in the ids: {seen}")


def _test_guesses(test: TestSource | None, files: Files) -> Iterator[Guess]:
    if test is None:
        yield Guess("data.test", todo="no folder holds images to predict; without it nothing can be submitted")
        return
    names = [folder.name for folder in test.folders]
    amounts = ", ".join(counted(len(folder.files), "image") for folder in test.folders)
    asked = f"; the sample submission asks for {test.num_asked:,}" if test.num_asked else ""
    yield Guess("data.test.images", names[0] if len(names) == 1 else names, amounts + asked, todo=test.trouble)
    yield _suffix_guess("data.test.suffix", test.suffix, test.folders, has_ids=bool(test.num_asked))
    if test.ids is not None:
        yield Guess("data.test.ids", files.name(test.ids), "names those of the images that are to be predicted")


def _sample_guesses(files: Files) -> Iterator[Guess]:
    if files.sample is None:
        yield Guess("data.sample_submission", todo="no file called submission; it shows ids, columns and order")
        return
    columns = quoted_some(files.sample.names, 5)
    num_rows = len(files.sample.columns[files.sample.names[0]])
    others = tuple(Instead(name, "called a submission, too") for name in files.other_samples)
    yield Guess("data.sample_submission", files.name(files.sample), f"{columns}; {counted(num_rows, 'row')}", others)


def _split_guesses(train: TrainSource, files: Files) -> Iterator[Guess]:
    valid = [folder for folder in files.survey.folders if folder.role == "valid"]
    same = [folder for folder in valid if folder.class_folders and set(folder.class_folders) <= set(_classes(train))]
    if len(same) == 1:
        yield Guess("split.kind", "folder", "there is one for validation, with the same classes")
        yield Guess("split.folder", same[0].name, counted(len(same[0].files), "image"))
        return
    other = Instead("folds", "in place of valid_fraction: five networks, each validated on another fifth")
    yield Guess("split.kind", "holdout", "classes keep their shares", (other,))
    yield Guess("split.valid_fraction", 0.2, "a fifth validates")
    if train.match is not None and train.columns is not None:
        used = (train.match.column, *train.columns.names)
        yield guess_groups(train.match.table, used)
        yield Guess("split.column", because=dates_remark(train.match.table, used))


def _classes(train: TrainSource) -> tuple[str, ...]:
    return train.folder.class_folders if train.match is None and train.pattern is None else ()


def _balance_guesses(labels: LabelSet) -> Iterator[Guess]:
    """What a rare class or tag suggests."""
    if labels.task == "regression":
        return
    counts = _class_counts(labels)
    rarest, commonest = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[rarest] * RARE > counts[commonest]:
        return
    seen = f"{rarest} has {counted(counts[rarest], 'image')}, {commonest} {counts[commonest]:,}"
    key, value = ("class_weights", "balanced") if labels.task == "single" else ("pos_weight", "counts")
    reason = f"{seen}; if rare ones count as much as others, which distorts probabilities"
    yield Guess(f"train.{key}", instead=(Instead(value, reason),))


def _class_counts(labels: LabelSet) -> dict[str, int]:
    if labels.task == "single":
        return dict(Counter(labels.class_names[number] for number in labels.targets.tolist()))
    return dict(zip(labels.class_names, labels.targets.sum(axis=0).astype(int).tolist(), strict=True))


def _decision_guesses(labels: LabelSet, answer: Answer) -> Iterator[Guess]:
    if labels.task != "multi" or answer.form == "probabilities":
        return
    other = Instead("per_class", "with thousands of images")
    yield Guess("decision.thresholds", "global", "one threshold for all tags, fitted by `kgcv decide RUN`", (other,))
    if bool((labels.targets.sum(axis=1) > 0).all()):
        yield Guess("decision.never_empty", True, "every labelled image has a tag")
