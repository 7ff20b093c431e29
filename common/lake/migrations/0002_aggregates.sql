-- The aggregates: what the aggregator keeps equal to the charges, to the last decimal.
--
-- Shared by the four tables of costs:
-- * charge_day is the UTC day of charge_period_start. billing_currency is NULL for charges that name none, and a NULL
--   dimension is a group of its own. A group without rows is absent.
-- * Each cost is the exact sum over the rows that have one, NULL when no row has; `<measure>_rows` counts them.
--   `savings` is list_cost less effective_cost, over the rows that have both. Never add two currencies.
-- * consumed_quantity is the exact sum by unit ('' where a row names none), as consumed_quantity['tokens'];
--   consumed_rows counts the rows behind it. Rows without a quantity are in neither.

-- Grain: charge_day, billing_currency.
CREATE TABLE daily_costs (
    charge_day         DATE NOT NULL,
    billing_currency   VARCHAR,
    charge_rows        BIGINT NOT NULL,
    billed_cost        DECIMAL(38, 18),
    billed_rows        BIGINT NOT NULL,
    effective_cost     DECIMAL(38, 18),
    effective_rows     BIGINT NOT NULL,
    list_cost          DECIMAL(38, 18),
    list_rows          BIGINT NOT NULL,
    savings            DECIMAL(38, 18),
    savings_rows       BIGINT NOT NULL,
    consumed_quantity  MAP(VARCHAR, DECIMAL(38, 18)) NOT NULL,
    consumed_rows      MAP(VARCHAR, BIGINT) NOT NULL
);

-- Grain: charge_day, billing_currency, x_user_id.
CREATE TABLE user_costs (
    charge_day         DATE NOT NULL,
    billing_currency   VARCHAR,
    x_user_id          VARCHAR,
    charge_rows        BIGINT NOT NULL,
    billed_cost        DECIMAL(38, 18),
    billed_rows        BIGINT NOT NULL,
    effective_cost     DECIMAL(38, 18),
    effective_rows     BIGINT NOT NULL,
    list_cost          DECIMAL(38, 18),
    list_rows          BIGINT NOT NULL,
    savings            DECIMAL(38, 18),
    savings_rows       BIGINT NOT NULL,
    consumed_quantity  MAP(VARCHAR, DECIMAL(38, 18)) NOT NULL,
    consumed_rows      MAP(VARCHAR, BIGINT) NOT NULL
);

-- Grain: charge_day, billing_currency, service_name, x_service_tier, resource_type.
CREATE TABLE service_costs (
    charge_day         DATE NOT NULL,
    billing_currency   VARCHAR,
    service_name       VARCHAR,
    x_service_tier     VARCHAR,
    resource_type      VARCHAR,
    charge_rows        BIGINT NOT NULL,
    billed_cost        DECIMAL(38, 18),
    billed_rows        BIGINT NOT NULL,
    effective_cost     DECIMAL(38, 18),
    effective_rows     BIGINT NOT NULL,
    list_cost          DECIMAL(38, 18),
    list_rows          BIGINT NOT NULL,
    savings            DECIMAL(38, 18),
    savings_rows       BIGINT NOT NULL,
    consumed_quantity  MAP(VARCHAR, DECIMAL(38, 18)) NOT NULL,
    consumed_rows      MAP(VARCHAR, BIGINT) NOT NULL
);

-- Grain: charge_day, billing_currency, region_id.
CREATE TABLE region_costs (
    charge_day         DATE NOT NULL,
    billing_currency   VARCHAR,
    region_id          VARCHAR,
    charge_rows        BIGINT NOT NULL,
    billed_cost        DECIMAL(38, 18),
    billed_rows        BIGINT NOT NULL,
    effective_cost     DECIMAL(38, 18),
    effective_rows     BIGINT NOT NULL,
    list_cost          DECIMAL(38, 18),
    list_rows          BIGINT NOT NULL,
    savings            DECIMAL(38, 18),
    savings_rows       BIGINT NOT NULL,
    consumed_quantity  MAP(VARCHAR, DECIMAL(38, 18)) NOT NULL,
    consumed_rows      MAP(VARCHAR, BIGINT) NOT NULL
);

-- Grain: one load and billing_currency that the newest refresh added or took away. Replaced by each refresh; empty
-- after a rebuild. Counts and costs are differences: negative where the load's rows were taken away.
CREATE TABLE changed_loads (
    load_id           VARCHAR NOT NULL,
    billing_currency  VARCHAR,
    charge_rows       BIGINT NOT NULL,
    billed_cost       DECIMAL(38, 18),
    effective_cost    DECIMAL(38, 18),
    list_cost         DECIMAL(38, 18)
);

-- Grain: one set of aggregates (there is one: 'aggregates'), with what its newest refresh did.
CREATE TABLE watermark (
    name                  VARCHAR NOT NULL,
    snapshot_id           BIGINT NOT NULL,    -- the aggregates hold the charges of this snapshot
    previous_snapshot_id  BIGINT,             -- where the watermark was before; NULL for the first time
    kind                  VARCHAR NOT NULL,   -- refresh, or rebuild: everything was computed anew
    reason                VARCHAR,            -- why a rebuild
    rows_inserted         BIGINT NOT NULL,    -- charges that came, by load; all charges in a rebuild
    rows_deleted          BIGINT NOT NULL,    -- charges that went, by load
    groups_touched        BIGINT NOT NULL,    -- rows of the four tables of costs that were written or removed
    refreshed_at          TIMESTAMPTZ NOT NULL
);
