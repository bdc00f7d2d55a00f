from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kgcv.engine.progress import Progress, debiased
from kgcv.events import EpochDone


def test_steps_are_counted_and_weighed_by_their_images():
    progress = Progress()
    progress.add_step(4)
    progress.add_loss(2.0, 4)
    progress.add_step(2)
    progress.add_loss(1.0, 2)
    assert (progress.step, progress.stage_steps, progress.total_steps) == (2, 2, 2)
    assert progress.num_images == 6
    assert progress.loss_sum / progress.num_images == pytest.approx(10 / 6)


def test_the_smoothed_loss_by_hand():
    progress = Progress()
    progress.add_step(8)
    progress.add_loss(3.0, 8)
    assert debiased(progress.running_loss, progress.stage_steps) == pytest.approx(3.0)
    progress.add_step(8)
    progress.add_loss(1.0, 8)
    # 0.98 * 0.02 * 3 + 0.02 * 1 over 1 - 0.98^2
    assert debiased(progress.running_loss, progress.stage_steps) == pytest.approx(
        (0.98 * 0.02 * 3 + 0.02) / (1 - 0.9604)
    )


def test_a_constant_loss_stays_as_it_is():
    progress = Progress()
    for _ in range(50):
        progress.add_step(1)
        progress.add_loss(0.7, 1)
        assert debiased(progress.running_loss, progress.stage_steps) == pytest.approx(0.7)


def filled() -> Progress:
    progress = Progress(best_score=0.9, stage_best=0.8, epochs_without_gain=2, history=[{"epoch": 0}])
    progress.add_step(4)
    progress.add_loss(1.0, 4)
    return progress


def test_the_end_of_an_epoch_clears_what_belongs_to_it():
    progress, running = filled(), filled().running_loss
    progress.end_epoch()
    assert progress == Progress(
        stage=0,
        epoch=1,
        total_steps=1,
        stage_steps=1,
        running_loss=running,
        best_score=0.9,
        stage_best=0.8,
        epochs_without_gain=2,
        history=[{"epoch": 0}],
    )


def test_the_end_of_a_stage_keeps_the_runs_best_and_its_history():
    progress = filled()
    progress.end_epoch()
    progress.end_stage()
    assert progress == Progress(stage=1, epoch=0, total_steps=1, best_score=0.9, history=[{"epoch": 0}])


def test_progress_survives_a_checkpoint(tmp_path: Path):
    progress = filled()
    torch.save(progress.as_dict(), tmp_path / "p.pt")
    assert Progress(**torch.load(tmp_path / "p.pt", weights_only=True)) == progress


def test_plain_values_are_copies():
    progress = filled()
    values = progress.as_dict()
    progress.history.append({"epoch": 1})
    assert values["history"] == [{"epoch": 0}]


def test_the_record_of_an_epoch_has_nothing_of_the_clock():
    progress = Progress(total_steps=12)
    event = EpochDone(
        stage=1,
        epoch=2,
        num_epochs=4,
        train_loss=0.5,
        valid_loss=0.25,
        scores={"accuracy": 0.75},
        lr=0.01,
        seconds=3.0,
        samples_per_second=100.0,
        is_best=True,
    )
    progress.record(event, image_size=64)
    assert progress.history == [
        {
            "stage": 1,
            "epoch": 2,
            "step": 12,
            "image_size": 64,
            "lr": 0.01,
            "train_loss": 0.5,
            "valid_loss": 0.25,
            "scores": {"accuracy": 0.75},
            "is_best": True,
        }
    ]
