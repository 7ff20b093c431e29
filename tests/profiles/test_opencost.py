"""OpenCost's CSV export, and allocations of OpenCost and Kubecost that are flattened to CSV."""

import json
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Form, Reader, day, money

HEADER = ["Date", "Namespace", "ControllerKind", "ControllerName", "Pod", "Container", "CPUCoreUsageAverage",
          "CPUCoreRequestAverage", "RAMBytesUsageAverage", "RAMBytesRequestAverage", "NetworkReceiveBytes",
          "NetworkTransferBytes", "GPUs", "PVBytes", "CPUCost", "RAMCost", "NetworkCost", "PVCost", "GPUCost",
          "TotalCost", "Labels", "Label_app"]  # fmt: skip
FLAT = ["name", "properties.cluster", "properties.node", "properties.namespace", "properties.controller",
        "properties.controllerKind", "properties.pod", "properties.container", "window.start", "window.end", "minutes",
        "cpuCost", "ramCost", "sharedCost", "externalCost", "totalCost", "totalEfficiency", "label.team",
        "label.app"]  # fmt: skip
TOLD = {"Date", "Namespace", "ControllerKind", "ControllerName", "Pod", "Container", "TotalCost", "Labels", "Label_app"}


def charge(choose: Random) -> Charge:
    pod, namespace = f"web-{choose.randint(1, 9)}", choose.choice(["shop", "__idle__"])
    return {
        "charge_period_start": day(choose),
        "provider_name": "OpenCost",
        "service_name": "Kubernetes",
        "charge_category": "Usage",
        "sub_account_id": namespace,
        "sub_account_name": namespace,
        "sub_account_type": "Namespace",
        "resource_id": pod,
        "resource_name": "web",
        "resource_type": choose.choice(["deployment", "statefulset"]),
        "allocated_method_id": "OpenCost",
        "allocated_resource_id": pod,
        "allocated_resource_name": "app",
        "effective_cost": money(choose, decimals=15, highest=10),
        "tags": {"team": choose.choice(["red", "ü"]), "app": choose.choice(["web", "db"])},
    }


def written(charge: Charge) -> dict[str, object]:
    return {
        "Date": f"{charge['charge_period_start']:%Y-%m-%d}",
        "Namespace": charge["sub_account_id"],
        "ControllerKind": charge["resource_type"],
        "ControllerName": charge["resource_name"],
        "Pod": charge["resource_id"],
        "Container": charge["allocated_resource_name"],
        "CPUCost": charge["effective_cost"],
        "RAMCost": 0,
        "TotalCost": charge["effective_cost"],
        "Labels": json.dumps({"team": charge["tags"]["team"]}),
        "Label_app": charge["tags"]["app"],
    }


def allocation(choose: Random) -> Charge:
    made = charge(choose)
    return {
        **made,
        "charge_period_end": made["charge_period_start"] + timedelta(days=1),
        "billing_account_name": "cluster-one",
        "charge_description": f"{made['sub_account_id']}/{made['resource_id']}/app",
    }


def written_flat(charge: Charge) -> dict[str, object]:
    return {
        "name": charge["charge_description"],
        "properties.cluster": charge["billing_account_name"],
        "properties.node": "node-1",
        "properties.namespace": charge["sub_account_id"],
        "properties.controller": charge["resource_name"],
        "properties.controllerKind": charge["resource_type"],
        "properties.pod": charge["resource_id"],
        "properties.container": charge["allocated_resource_name"],
        "window.start": f"{charge['charge_period_start']:%Y-%m-%dT%H:%M:%SZ}",
        "window.end": f"{charge['charge_period_end']:%Y-%m-%dT%H:%M:%SZ}",
        "cpuCost": charge["effective_cost"],
        "totalCost": charge["effective_cost"],
        "label.team": charge["tags"]["team"],
        "label.app": charge["tags"]["app"],
    }


FORMS = {
    "export": Form("opencost", HEADER, TOLD, charge, written),
    "flat": Form("opencost", FLAT, {*written_flat(allocation(Random(1)))} - {"cpuCost"}, allocation, written_flat),  # noqa: S311
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_read_as_the_charges_that_it_was_written_from(read: Reader, form: str, seed: int) -> None:
    FORMS[form].trip(read, seed)


@pytest.mark.parametrize(
    "header", ["Date,Namespace,TotalCost", "Date,Pod,CPUCost,TotalCost", "Start,Controller,Total Cost"]
)
def test_an_allocated_cost_is_never_a_billed_one(read: Reader, header: str) -> None:
    cells = ["2026-09-13", "x", *("0.5" for _ in header.split(",")[2:])]
    found = read(f"{header}\n{','.join(cells)}\n")
    assert found.profile == "opencost"
    assert (found.total(), found.total("effective_cost")) == ({}, {None: Decimal("0.5")})
