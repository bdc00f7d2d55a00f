"""Ranges of config values, and the error for keys that contradict each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

STRICT = {"extra": "forbid", "strict": True, "allow_inf_nan": False, "use_attribute_docstrings": True}

Fraction = Annotated[float, Gt(0), Lt(1)]
Probability = Annotated[float, Ge(0), Le(1)]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Count = Annotated[int, Ge(0)]
AtLeastOne = Annotated[int, Ge(1)]
Seed = Annotated[int, Ge(0), Lt(2**32)]  # what numpy.random.RandomState takes


class _AtLeastOneOrAuto:
    """Checks a value in one go, for of two types pydantic would say what is wrong with each."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import PydanticCustomError, core_schema

        def check(value: object) -> object:
            if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
                return value
            raise PydanticCustomError("batch_size", "must be a whole number of at least 1, or auto")

        return core_schema.no_info_plain_validator_function(check, json_schema_input_schema=handler(source))


BatchSize = Annotated[int | Literal["auto"], _AtLeastOneOrAuto()]

Task = Literal["single", "multi", "regression"]
Schedule = Literal["cosine", "one_cycle", "flat_cosine", "constant"]


class WrongKeysError(ValueError):
    """Keys of one section that contradict each other: pairs of a key and what is wrong with it."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{key}: {text}" for key, text in self.problems))
