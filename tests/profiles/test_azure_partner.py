"""Microsoft Partner Center: the daily-rated usage, and the invoice reconciliation that has the same usage by month."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from tests.profiles.harness import SEEDS, Charge, Form, Reader, day, money

DAILY = ["PartnerId", "PartnerName", "CustomerId", "CustomerName", "CustomerDomainName", "CustomerCountry", "MpnId",
         "Tier2MpnId", "InvoiceNumber", "ProductId", "SkuId", "AvailabilityId", "SkuName", "ProductName",
         "PublisherName", "PublisherId", "SubscriptionDescription", "SubscriptionId", "ChargeStartDate",
         "ChargeEndDate", "UsageDate", "MeterType", "MeterCategory", "MeterId", "MeterSubCategory", "MeterName",
         "MeterRegion", "Unit", "ResourceLocation", "ConsumedService", "ResourceGroup", "ResourceURI", "ChargeType",
         "UnitPrice", "Quantity", "UnitType", "BillingPreTaxTotal", "BillingCurrency", "PricingPreTaxTotal",
         "PricingCurrency", "ServiceInfo1", "ServiceInfo2", "Tags", "AdditionalInfo", "EffectiveUnitPrice",
         "PCToBCExchangeRate", "EntitlementId", "EntitlementDescription", "CreditPercentage", "CreditType",
         "BenefitOrderId", "BenefitId", "BenefitType"]  # fmt: skip
DAILY_UNTOLD = {"MeterRegion", "CustomerDomainName", "CustomerCountry", "MpnId", "Tier2MpnId", "ProductId",
                "AvailabilityId",
                "SkuName", "PublisherId", "EntitlementId", "EntitlementDescription", "MeterType", "Unit",
                "ConsumedService", "ResourceGroup", "PricingPreTaxTotal", "ServiceInfo1", "ServiceInfo2",
                "AdditionalInfo", "PCToBCExchangeRate", "CreditPercentage", "CreditType",
                "BenefitOrderId"}  # fmt: skip
INVOICE = ["PartnerId", "CustomerId", "CustomerName", "CustomerDomainName", "CustomerCountry", "InvoiceNumber",
           "MpnId", "ResellerMpnId", "OrderId", "OrderDate", "ProductId", "SkuId", "AvailabilityId", "SkuName",
           "ProductName", "ChargeType", "UnitPrice", "Quantity", "Subtotal", "TaxTotal", "Total", "Currency",
           "PriceAdjustmentDescription", "PublisherName", "PublisherId", "SubscriptionDescription", "SubscriptionId",
           "ChargeStartDate", "ChargeEndDate", "TermAndBillingCycle", "EffectiveUnitPrice", "UnitType", "AlternateId",
           "BillableQuantity", "BillingFrequency", "PricingCurrency", "PCToBCExchangeRate", "PCToBCExchangeRateDate",
           "MeterDescription", "ReservationOrderId", "CreditReasonCode", "SubscriptionStartDate",
           "SubscriptionEndDate", "ReferenceId", "ProductQualifiers", "PromotionId", "ProductCategory"]  # fmt: skip
INVOICE_UNTOLD = {"CustomerDomainName", "CustomerCountry", "MpnId", "ResellerMpnId", "OrderId", "OrderDate",
                  "ProductId", "AvailabilityId", "Quantity", "TaxTotal", "Total", "PriceAdjustmentDescription",
                  "PublisherId", "TermAndBillingCycle", "AlternateId", "BillingFrequency", "PCToBCExchangeRate",
                  "PCToBCExchangeRateDate", "CreditReasonCode", "SubscriptionStartDate", "SubscriptionEndDate",
                  "ReferenceId", "ProductQualifiers", "PromotionId"}  # fmt: skip


def account(choose: Random) -> Charge:
    return {
        "provider_name": "Microsoft",
        "billing_account_id": "partner-1",
        "x_user_id": choose.choice(["Contoso, Ltd.", "Fabrikam"]),
        "invoice_id": "G002297372",
        "publisher_name": "Microsoft",
        "sku_id": choose.choice(["006G", "0001"]),
        "billing_currency": choose.choice(["EUR", "USD"]),
        "billed_cost": money(choose),
        "pricing_currency": "USD",
        "pricing_currency_list_unit_price": money(choose),
        "pricing_currency_contracted_unit_price": money(choose),
    }


def usage(choose: Random) -> Charge:
    return {
        **account(choose),
        "charge_period_start": day(choose),
        "billing_period_start": datetime(2026, 9, 1, tzinfo=UTC),
        "billing_period_end": datetime(2026, 9, 30, tzinfo=UTC),
        "billing_account_name": "Our Partner",
        "sub_account_id": choose.choice(["sub-1", "sub-2"]),
        "sub_account_name": "Production",
        "charge_category": "Usage",
        "charge_description": "Virtual Machines Dv5",
        "consumed_quantity": money(choose, highest=24),
        "consumed_unit": "1 Hour",
        "service_name": choose.choice(["Virtual Machines", "Storage"]),
        "service_subcategory": "Dv5",
        "sku_meter": "D2 v5",
        "sku_price_id": "meter-1",
        "resource_id": f"/providers/Microsoft.Compute/virtualMachines/vm-{(vm := choose.randint(1, 5))}",
        "resource_name": f"vm-{vm}",
        "resource_type": "Microsoft.Compute/virtualMachines",
        "region_id": "westeurope",
        "tags": {"team": choose.choice(["red", "blue"])},
        "commitment_discount_id": "benefit-1",
        "commitment_discount_type": "SavingsPlan",
    }


def written_daily(charge: Charge) -> dict[str, object]:
    return {
        **written_account(charge),
        "PartnerName": charge["billing_account_name"],
        "ProductName": charge["charge_description"],
        "SubscriptionId": charge["sub_account_id"],
        "SubscriptionDescription": charge["sub_account_name"],
        "EntitlementId": "azure-1",
        "ChargeStartDate": "09/01/2026",
        "ChargeEndDate": "09/30/2026",
        "UsageDate": f"{charge['charge_period_start']:%m/%d/%Y}",
        "MeterCategory": charge["service_name"],
        "MeterId": charge["sku_price_id"],
        "MeterSubCategory": charge["service_subcategory"],
        "MeterName": charge["sku_meter"],
        "MeterRegion": "EU West",
        "ResourceLocation": charge["region_id"],
        "ResourceURI": charge["resource_id"],
        "ChargeType": "new",
        "Quantity": charge["consumed_quantity"],
        "UnitType": charge["consumed_unit"],
        "BillingPreTaxTotal": charge["billed_cost"],
        "BillingCurrency": charge["billing_currency"],
        "PricingPreTaxTotal": charge["billed_cost"] * 2,
        "Tags": f'{{"team":"{charge["tags"]["team"]}"}}',
        "BenefitId": charge["commitment_discount_id"],
        "BenefitType": charge["commitment_discount_type"],
    }


def written_account(charge: Charge) -> dict[str, object]:
    return {
        "PartnerId": charge["billing_account_id"],
        "CustomerId": "customer-1",
        "CustomerName": charge["x_user_id"],
        "InvoiceNumber": charge["invoice_id"],
        "SkuId": charge["sku_id"],
        "PublisherName": charge["publisher_name"],
        "UnitPrice": charge["pricing_currency_list_unit_price"],
        "EffectiveUnitPrice": charge["pricing_currency_contracted_unit_price"],
        "PricingCurrency": charge["pricing_currency"],
    }


def purchase(choose: Random) -> Charge:
    refund = {"charge_category": "Adjustment"} if choose.random() < 0.3 else {}
    return {
        **account(choose),
        **refund,
        "charge_period_start": day(choose),
        "charge_period_end": datetime(2027, 8, 31, tzinfo=UTC),
        "sub_account_id": "sub-1",
        "sub_account_name": "Microsoft 365 E5",
        "charge_description": "E5, annual",
        "service_name": "Microsoft 365",
        "service_category": choose.choice(["Software", "Azure"]),
        "sku_meter": "Seats",
        "pricing_quantity": Decimal(choose.randint(1, 500)),
        "pricing_unit": "License",
        "commitment_discount_id": "order-1",
    }


def written_invoice(charge: Charge) -> dict[str, object]:
    cost = charge["billed_cost"]
    return {
        **written_account(charge),
        "OrderDate": "2026-01-01T00:00:00Z",
        "SkuName": charge["charge_description"],
        "ProductName": charge["service_name"],
        "ChargeType": "cancelImmediate" if "charge_category" in charge else "cycleFee",
        "Quantity": 1,
        "Subtotal": cost,
        "TaxTotal": cost / 5,
        "Total": cost + cost / 5,
        "Currency": charge["billing_currency"],
        "SubscriptionDescription": charge["sub_account_name"],
        "SubscriptionId": charge["sub_account_id"],
        "ChargeStartDate": f"{charge['charge_period_start']:%Y-%m-%dT%H:%M:%SZ}",
        "ChargeEndDate": f"{charge['charge_period_end']:%Y-%m-%dT%H:%M:%SZ}",
        "UnitType": charge["pricing_unit"],
        "BillableQuantity": charge["pricing_quantity"],
        "MeterDescription": charge["sku_meter"],
        "ReservationOrderId": charge["commitment_discount_id"],
        "ProductCategory": charge["service_category"],
    }


FORMS = {
    "daily": Form("azure_partner_daily", DAILY, {*DAILY} - DAILY_UNTOLD, usage, written_daily),
    "invoice": Form("azure_partner_invoice", INVOICE, {*INVOICE} - INVOICE_UNTOLD, purchase, written_invoice),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_read_as_the_charges_that_it_was_written_from(read: Reader, form: str, seed: int) -> None:
    FORMS[form].trip(read, seed)


def test_a_purchase_without_a_period_is_dated_on_its_order(read: Reader) -> None:
    found = read(
        "CustomerId,InvoiceNumber,OrderDate,ChargeType,Subtotal,TaxTotal,Total,Currency,ChargeStartDate,ChargeEndDate\n"
        "c,G1,2026-09-03,new,10.00,2.00,12.00,EUR,,\n"
    )
    assert found.profile == "azure_partner_invoice"
    assert found.total() == {"EUR": Decimal(10)}
    assert found.load.first_charge_day == datetime(2026, 9, 3, tzinfo=UTC).date()
