-- The rows, and the memory of where they came from.

-- Grain: one line item of a billing file, exactly as often as the file has it. Columns are FOCUS columns in
-- snake_case; `x_` marks ours. A column that a file does not have is NULL. Money is exact: DECIMAL(38,18).
CREATE TABLE charges (
    load_id                            VARCHAR NOT NULL,
    charge_period_start                TIMESTAMPTZ NOT NULL,
    charge_period_end                  TIMESTAMPTZ,
    billing_period_start               TIMESTAMPTZ,
    billing_period_end                 TIMESTAMPTZ,
    billing_account_id                 VARCHAR,
    billing_account_name               VARCHAR,
    sub_account_id                     VARCHAR,
    sub_account_name                   VARCHAR,
    x_user_id                          VARCHAR,
    invoice_id                         VARCHAR,
    invoice_issuer_name                VARCHAR,
    provider_name                      VARCHAR,
    publisher_name                     VARCHAR,
    charge_category                    VARCHAR,
    charge_class                       VARCHAR,
    charge_description                 VARCHAR,
    charge_frequency                   VARCHAR,
    billing_currency                   VARCHAR,
    billed_cost                        DECIMAL(38, 18),
    effective_cost                     DECIMAL(38, 18),
    list_cost                          DECIMAL(38, 18),
    contracted_cost                    DECIMAL(38, 18),
    list_unit_price                    DECIMAL(38, 18),
    contracted_unit_price              DECIMAL(38, 18),
    pricing_category                   VARCHAR,
    pricing_quantity                   DECIMAL(38, 18),
    pricing_unit                       VARCHAR,
    pricing_currency                   VARCHAR,
    pricing_currency_effective_cost    DECIMAL(38, 18),
    pricing_currency_list_unit_price   DECIMAL(38, 18),
    pricing_currency_contracted_unit_price DECIMAL(38, 18),
    consumed_quantity                  DECIMAL(38, 18),
    consumed_unit                      VARCHAR,
    service_category                   VARCHAR,
    service_subcategory                VARCHAR,
    service_name                       VARCHAR,
    x_service_tier                     VARCHAR,
    sku_id                             VARCHAR,
    sku_meter                          VARCHAR,
    sku_price_id                       VARCHAR,
    resource_id                        VARCHAR,
    resource_name                      VARCHAR,
    resource_type                      VARCHAR,
    region_id                          VARCHAR,
    region_name                        VARCHAR,
    availability_zone                  VARCHAR,
    commitment_discount_id             VARCHAR,
    commitment_discount_name           VARCHAR,
    commitment_discount_category       VARCHAR,
    commitment_discount_type           VARCHAR,
    commitment_discount_status         VARCHAR,
    commitment_discount_quantity       DECIMAL(38, 18),
    commitment_discount_unit           VARCHAR,
    capacity_reservation_id            VARCHAR,
    capacity_reservation_status        VARCHAR,
    tags                               MAP(VARCHAR, VARCHAR),
    rescued                            VARCHAR  -- JSON object: every column of the file that no mapping knew
);

-- Grain: one decision about one object version. Append-only; the newest line of a scope is what is in force.
CREATE TABLE ledger (
    entry_id          VARCHAR NOT NULL,          -- this line; of a loaded one, also its load_id
    scope_id          VARCHAR NOT NULL,          -- SHA-256 of scope, the key of the catalog's processed_key
    scope             VARCHAR NOT NULL,          -- what a load replaces as a whole: s3://bucket/key
    state             VARCHAR NOT NULL,          -- loaded, unchanged, stale, removed, kept, skipped, quarantined, missing
    reason            VARCHAR,                   -- why, where the state alone does not say it
    load_id           VARCHAR,                   -- the load whose rows are in force after this line
    previous_load_id  VARCHAR,                   -- the load whose rows were in force before it
    bucket            VARCHAR NOT NULL,
    key               VARCHAR NOT NULL,
    version_id        VARCHAR,
    etag              VARCHAR,
    sequencer         VARCHAR,
    content_sha256    VARCHAR,
    duplicate_of      VARCHAR,                   -- the scope of another object in force with the same content
    size_bytes        BIGINT,
    profile           VARCHAR,
    rows_loaded       BIGINT NOT NULL,
    rows_rejected     BIGINT NOT NULL,
    values_rounded    BIGINT NOT NULL,           -- values with more decimals than DECIMAL(38,18) keeps
    billed_totals     MAP(VARCHAR, DECIMAL(38, 18)),  -- by billing currency; XXX where the file names none
    first_charge_day  DATE,
    last_charge_day   DATE,
    event_name        VARCHAR,
    event_time        TIMESTAMPTZ,
    settled_at        TIMESTAMPTZ NOT NULL,
    consumer_id       VARCHAR NOT NULL
);

-- Grain: one record of a file that did not fit. Append-only; see the view quarantined_rows.
CREATE TABLE rejected_rows (
    entry_id     VARCHAR NOT NULL,  -- the ledger line of the decision; also the load's id, if other rows did fit
    scope        VARCHAR NOT NULL,
    line         BIGINT,        -- 1-based line in the decompressed file where the record begins; NULL if not found
    column_name  VARCHAR,
    raw_value    VARCHAR,
    raw_record   VARCHAR,
    reason       VARCHAR NOT NULL
);

-- Grain: one scope that has rows in force, with the ledger line that put them there.
CREATE VIEW current_loads AS
SELECT l.*
FROM ledger l
WHERE l.state = 'loaded'
  AND NOT EXISTS (
      SELECT 1 FROM ledger r
      WHERE r.previous_load_id = l.load_id AND r.load_id IS DISTINCT FROM l.load_id
  );

-- Grain: one scope, with the ledger line that tells its state. A stale event has changed nothing, so it tells none.
-- DuckLake numbers rows in the order of their commits; an entry_id is older than its commit, and a line that had to
-- wait for another one may have the smaller id.
CREATE VIEW latest_entries AS
SELECT * FROM ledger
WHERE state <> 'stale'
QUALIFY row_number() OVER (PARTITION BY scope_id ORDER BY rowid DESC) = 1;

-- Grain: one rejected record of a load that is in force, or of a file that could not be loaded at all.
CREATE VIEW quarantined_rows AS
SELECT r.*
FROM rejected_rows r
WHERE r.entry_id IN (SELECT load_id FROM current_loads)
   OR r.entry_id IN (SELECT entry_id FROM latest_entries WHERE state = 'quarantined');
