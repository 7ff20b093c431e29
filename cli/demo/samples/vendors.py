"""The cloud vendors of the samples, each with its price list in a TOML file beside this module."""

import tomllib
from decimal import Decimal
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class Sku(BaseModel):
    """One line of a price list. `daily` is what one resource uses on an ordinary day, in `unit`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku_id: str
    meter: str
    service: str
    category: str
    subcategory: str
    resource_type: str
    unit: str
    price: Decimal
    daily: Decimal
    tier: str
    committed: bool = False
    incident: bool = False
    leaks: bool = False
    dearer: bool = False


class Vendor(BaseModel):
    """A cloud vendor and the contract with it. Money is in `currency`.

    `discount` is the negotiated discount as a fraction of the list price. `since_days` is how many days before the
    end the first file came, None for the whole season; `late_days`, how many files of the last days have not come yet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str
    name: str
    currency: str
    billing_account: str
    accounts: tuple[str, ...]
    regions: tuple[tuple[str, str], ...]
    skus: tuple[Sku, ...]
    discount: Decimal
    tax: Decimal = Decimal(0)
    since_days: int | None = None
    late_days: int = 0

    @property
    def committed(self) -> bool:
        """It has a commitment with this vendor."""
        return any(sku.committed for sku in self.skus)


def _vendor(slug: str) -> Vendor:
    return Vendor.model_validate(
        tomllib.loads((files("billstream.cli.demo.samples") / f"{slug}.toml").read_text("utf-8"))
    )


NIMBUS = _vendor("nimbus")
FJORD = _vendor("fjord")
