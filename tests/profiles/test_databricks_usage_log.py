"""Databricks: the billable usage log, which has DBUs and no money."""

import json
from datetime import timedelta
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Reader, csv_text, day, money, same

HEADER = [
    "workspaceId",
    "timestamp",
    "clusterId",
    "clusterName",
    "clusterNodeType",
    "clusterOwnerUserId",
    "clusterCustomTags",
    "sku",
    "dbus",
    "machineHours",
    "clusterOwnerUserName",
    "tags",
]


def charges(choose: Random) -> list[Charge]:
    return [
        {
            "charge_period_start": day(choose) + timedelta(hours=23, minutes=59, seconds=59, milliseconds=999),
            "provider_name": "Databricks",
            "charge_category": "Usage",
            "sub_account_id": "1234567890123456",
            "x_user_id": "a@x.example",
            "consumed_quantity": money(choose, decimals=8),
            "consumed_unit": "DBU",
            "service_name": (
                sku := choose.choice(["STANDARD_ALL_PURPOSE_COMPUTE", "ENTERPRISE_JOBS_COMPUTE_(PHOTON)"])
            ),
            "sku_id": sku,
            "resource_id": f"0405-{number}",
            "resource_name": "Shared, Autoscaling",
            "resource_type": "m4.16xlarge",
            "tags": choose.choice([None, {"dept": "mktg"}, {"dept": "mktg", "Vendor": "Databricks"}]),
        }
        for number in range(8)
    ]


def written(charge: Charge) -> dict[str, object]:
    return {
        "workspaceId": charge["sub_account_id"],
        "timestamp": f"{charge['charge_period_start']:%Y-%m-%dT%H:%M:%S}.999Z",
        "clusterId": charge["resource_id"],
        "clusterName": charge["resource_name"],
        "clusterNodeType": charge["resource_type"],
        "clusterOwnerUserId": "77",
        "sku": charge["sku_id"],
        "dbus": charge["consumed_quantity"],
        "machineHours": "12.345",
        "clusterOwnerUserName": charge["x_user_id"],
        "tags": json.dumps(charge["tags"]) if charge["tags"] else None,
    }


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_file_is_read_as_the_charges_that_it_was_written_from(read: Reader, seed: int) -> None:
    choose = Random(seed)  # noqa: S311 - the same file every time
    known = charges(choose)
    same(
        read(csv_text(HEADER, ([written(charge).get(name) for name in HEADER] for charge in known))),
        "databricks_usage_log",
        known,
    )


def test_an_older_log_names_the_user_by_number_and_has_custom_tags_alone(read: Reader) -> None:
    header = HEADER[:-2]
    cells = {
        "workspaceId": "1",
        "timestamp": "2019-02-22T09:59:59Z",
        "clusterOwnerUserId": "77",
        "sku": "S",
        "dbus": "1.5",
        "clusterCustomTags": '{"dept":"mktg"}',
    }
    found = read(csv_text(header, [[cells.get(name) for name in header]]))
    assert found.profile == "databricks_usage_log"
    assert (found.charges[0]["x_user_id"], found.charges[0]["tags"]) == ("77", {"dept": "mktg"})
