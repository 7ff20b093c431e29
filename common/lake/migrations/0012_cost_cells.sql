-- The finest aggregate, cost_cells, from which the insights tell savings, sources and the share of charges that a sum covers;
-- and the contracted cost in every aggregate.
--
-- The columns savings and savings_rows go: list cost less effective cost over all charges counts a purchase and the usage that
-- it pays for (FOCUS, ListCost). The savings of the insights are of usage alone.

-- Grain: charge_day, billing_currency and the columns up to costs_told.
CREATE TABLE cost_cells (
    charge_day                  DATE NOT NULL,
    billing_currency            VARCHAR,
    provider_name               VARCHAR,
    billing_account_id          VARCHAR,
    sub_account_id              VARCHAR,
    service_name                VARCHAR,
    service_category            VARCHAR,
    region_id                   VARCHAR,
    x_user_id                   VARCHAR,
    charge_category             VARCHAR,
    charge_class                VARCHAR,
    commitment_discount_status  VARCHAR,
    pricing_category            VARCHAR,
    costs_told                  VARCHAR NOT NULL,
    charge_rows                 BIGINT NOT NULL,
    billed_cost                 DECIMAL(38, 18),
    billed_rows                 BIGINT NOT NULL,
    effective_cost              DECIMAL(38, 18),
    effective_rows              BIGINT NOT NULL,
    list_cost                   DECIMAL(38, 18),
    list_rows                   BIGINT NOT NULL,
    consumed_quantity           MAP(VARCHAR, DECIMAL(38, 18)) NOT NULL,
    consumed_rows               MAP(VARCHAR, BIGINT) NOT NULL,
    contracted_cost             DECIMAL(38, 18),
    contracted_rows             BIGINT
);

ALTER TABLE daily_costs DROP COLUMN savings;
ALTER TABLE daily_costs DROP COLUMN savings_rows;
ALTER TABLE daily_costs ADD COLUMN contracted_cost DECIMAL(38, 18);
ALTER TABLE daily_costs ADD COLUMN contracted_rows BIGINT;
ALTER TABLE user_costs DROP COLUMN savings;
ALTER TABLE user_costs DROP COLUMN savings_rows;
ALTER TABLE user_costs ADD COLUMN contracted_cost DECIMAL(38, 18);
ALTER TABLE user_costs ADD COLUMN contracted_rows BIGINT;
ALTER TABLE service_costs DROP COLUMN savings;
ALTER TABLE service_costs DROP COLUMN savings_rows;
ALTER TABLE service_costs ADD COLUMN contracted_cost DECIMAL(38, 18);
ALTER TABLE service_costs ADD COLUMN contracted_rows BIGINT;
ALTER TABLE region_costs DROP COLUMN savings;
ALTER TABLE region_costs DROP COLUMN savings_rows;
ALTER TABLE region_costs ADD COLUMN contracted_cost DECIMAL(38, 18);
ALTER TABLE region_costs ADD COLUMN contracted_rows BIGINT;

-- The next refresh computes every aggregate from all charges, with the new columns; until then there is nothing to verify.
DELETE FROM watermark;

COMMENT ON TABLE cost_cells IS 'Costs and usage by charge_day, billing_currency, provider, accounts, service, region, user, kind of charge and the costs that the charges have: the finest aggregate. Costs are exact sums; a NULL dimension is a group of its own; a group without charges is absent.';
COMMENT ON COLUMN cost_cells.charge_day IS 'UTC day of charge_period_start.';
COMMENT ON COLUMN cost_cells.billing_currency IS 'Currency of the costs; NULL for charges that name none.';
COMMENT ON COLUMN cost_cells.provider_name IS 'First of provider_name, service_provider_name, invoice_issuer_name and publisher_name that the charge has; NULL when it has none.';
COMMENT ON COLUMN cost_cells.billing_account_id IS 'Account that the provider invoices; NULL for charges that name none.';
COMMENT ON COLUMN cost_cells.sub_account_id IS 'Account, subscription or project that used the service; NULL for charges that name none.';
COMMENT ON COLUMN cost_cells.service_name IS 'Service as the provider calls it; NULL for charges that name none.';
COMMENT ON COLUMN cost_cells.service_category IS 'Broad category of the service; NULL for charges that name none.';
COMMENT ON COLUMN cost_cells.region_id IS 'Region, as the provider identifies it; NULL for charges that name none.';
COMMENT ON COLUMN cost_cells.x_user_id IS 'User who caused the charges; NULL for charges that name none.';
COMMENT ON COLUMN cost_cells.charge_category IS 'Kind of charge: Usage, Purchase, Tax, Credit or Adjustment; NULL where the file does not tell.';
COMMENT ON COLUMN cost_cells.charge_class IS 'Correction for charges that correct an earlier billing period; else NULL.';
COMMENT ON COLUMN cost_cells.commitment_discount_status IS 'Used or Unused, for charges that belong to a commitment; else NULL.';
COMMENT ON COLUMN cost_cells.pricing_category IS 'Pricing model: Standard, Dynamic, Committed or Other; NULL where the file does not tell.';
COMMENT ON COLUMN cost_cells.costs_told IS 'Costs that every charge of the group has, as letters: B billed, E effective, L list, C contracted. In BEL the contracted cost is NULL.';
COMMENT ON COLUMN cost_cells.charge_rows IS 'Rows of charges in the group.';
COMMENT ON COLUMN cost_cells.billed_cost IS 'Sum of charges.billed_cost; NULL when no row has one.';
COMMENT ON COLUMN cost_cells.billed_rows IS 'Rows that have a billed_cost.';
COMMENT ON COLUMN cost_cells.effective_cost IS 'Sum of charges.effective_cost; NULL when no row has one.';
COMMENT ON COLUMN cost_cells.effective_rows IS 'Rows that have an effective_cost.';
COMMENT ON COLUMN cost_cells.list_cost IS 'Sum of charges.list_cost; NULL when no row has one.';
COMMENT ON COLUMN cost_cells.list_rows IS 'Rows that have a list_cost.';
COMMENT ON COLUMN cost_cells.contracted_cost IS 'Sum of charges.contracted_cost; NULL when no row has one.';
COMMENT ON COLUMN cost_cells.contracted_rows IS 'Rows that have a contracted_cost.';
COMMENT ON COLUMN cost_cells.consumed_quantity IS 'Sum of charges.consumed_quantity by consumed_unit; the unit is empty where a row names none.';
COMMENT ON COLUMN cost_cells.consumed_rows IS 'Rows that have a consumed_quantity, by consumed_unit.';
COMMENT ON COLUMN daily_costs.contracted_cost IS 'Sum of charges.contracted_cost; NULL when no row has one.';
COMMENT ON COLUMN daily_costs.contracted_rows IS 'Rows that have a contracted_cost.';
COMMENT ON COLUMN user_costs.contracted_cost IS 'Sum of charges.contracted_cost; NULL when no row has one.';
COMMENT ON COLUMN user_costs.contracted_rows IS 'Rows that have a contracted_cost.';
COMMENT ON COLUMN service_costs.contracted_cost IS 'Sum of charges.contracted_cost; NULL when no row has one.';
COMMENT ON COLUMN service_costs.contracted_rows IS 'Rows that have a contracted_cost.';
COMMENT ON COLUMN region_costs.contracted_cost IS 'Sum of charges.contracted_cost; NULL when no row has one.';
COMMENT ON COLUMN region_costs.contracted_rows IS 'Rows that have a contracted_cost.';
