import pytest
import torch

from kgcv.engine.device_memory import explained_memory
from kgcv.errors import OutOfMemoryError

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_one_line_says_where_and_what_helps(error):
    line = (
        "^out of memory on cpu in stage 2/3 at 224 px, batches of 64; "
        "try train: batch_size: 32 with accumulate: 2, or batch_size: auto with total_batch_size: 64$"
    )
    with pytest.raises(OutOfMemoryError, match=line), explained_memory("in stage 2/3 at 224 px", CPU, 64):
        raise error


def test_the_cpus_allocator_is_understood():
    line = "^out of memory on cpu while predicting, batches of 1; smaller images or a smaller model may fit$"
    with pytest.raises(OutOfMemoryError, match=line), explained_memory("while predicting", CPU, 1):
        torch.empty(1 << 60)


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shapes do not fit"), explained_memory("here", CPU, 1):
        raise RuntimeError("shapes do not fit")
