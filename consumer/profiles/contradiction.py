"""Rows that no file of a kind has, although its header and its name fit: evidence that it is of another kind."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Contradiction(BaseModel):
    """A row that no file of the profile's kind has. One such row refuses the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    where: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], str] = Field(
        min_length=1, description="Columns of `charges` and the text that each has, in any case; `*` is any text."
    )
    not_zero: Literal["billed_cost", "effective_cost", "list_cost", "contracted_cost"] = Field(
        description="The cost that such a row never has."
    )
    reason: str = Field(
        min_length=1,
        description="What such a row means, and what to do; `{export}` is the export's own name, in quotes.",
    )

    @property
    def columns(self) -> frozenset[str]:
        """The columns of `charges` that it is about."""
        return frozenset({*self.where, self.not_zero})
