-- What each load covers: which accounts, months, days and costs. Two exports of the same account, month and cost add up to
-- twice the truth, and only this table can tell.

-- Spellings of one provider. Grain: one spelling, in lower case.
CREATE TABLE provider_names (
    name      VARCHAR NOT NULL,
    provider  VARCHAR NOT NULL
);
-- Ten rows at a time stay in the catalog: a new lake needs no file for them.
INSERT INTO provider_names VALUES
    ('aws', 'AWS'), ('amazon', 'AWS'), ('amazon web services', 'AWS'),
    ('amazon web services, inc.', 'AWS'), ('amazon web services inc.', 'AWS'), ('amazon web services emea sarl', 'AWS'),
    ('microsoft', 'Microsoft'), ('azure', 'Microsoft'), ('microsoft azure', 'Microsoft'),
    ('microsoft corporation', 'Microsoft');
INSERT INTO provider_names VALUES
    ('gcp', 'Google Cloud'), ('google', 'Google Cloud'), ('google cloud', 'Google Cloud'),
    ('google cloud platform', 'Google Cloud'), ('oci', 'Oracle'), ('oracle', 'Oracle'),
    ('oracle cloud', 'Oracle'), ('oracle cloud infrastructure', 'Oracle'), ('alibaba', 'Alibaba Cloud'),
    ('alibaba cloud', 'Alibaba Cloud');
INSERT INTO provider_names VALUES
    ('aliyun', 'Alibaba Cloud'), ('tencent', 'Tencent Cloud'), ('tencent cloud', 'Tencent Cloud'),
    ('ibm', 'IBM Cloud'), ('ibm cloud', 'IBM Cloud'), ('digitalocean', 'DigitalOcean'),
    ('digital ocean', 'DigitalOcean');

-- Grain: a load's charges of one provider, account, sub account, billing month and currency, apart by set_aside.
-- Append-only as the ledger, but for loads of which rows are set aside or come back: active_loads says which loads count.
CREATE TABLE load_coverage (
    load_id             VARCHAR NOT NULL,
    export              VARCHAR NOT NULL,
    dataset             VARCHAR,
    whole_period        BOOLEAN NOT NULL,
    set_aside           BOOLEAN NOT NULL,
    provider_name       VARCHAR,
    billing_account_id  VARCHAR,
    sub_account_id      VARCHAR,
    provider            VARCHAR,
    account             VARCHAR,
    sub_account         VARCHAR,
    billing_month       DATE NOT NULL,
    billing_currency    VARCHAR,
    days                DATE[] NOT NULL,
    charge_rows         BIGINT NOT NULL,
    billed_cost         DECIMAL(38, 18),
    effective_cost      DECIMAL(38, 18),
    list_cost           DECIMAL(38, 18),
    contracted_cost     DECIMAL(38, 18)
);

-- Grain: one preference. The newest of an operator comes first, then those of the file of rules, in its order.
CREATE TABLE export_preferences (
    preference_id  VARCHAR NOT NULL,
    source         VARCHAR NOT NULL,
    priority       BIGINT NOT NULL,
    preferred      VARCHAR[] NOT NULL,
    provider       VARCHAR,
    account        VARCHAR,
    first_month    DATE,
    last_month     DATE,
    decided_at     TIMESTAMPTZ NOT NULL,
    decided_by     VARCHAR NOT NULL,
    undone_at      TIMESTAMPTZ
);

-- Rows of active loads that do not count, because a preferred export has the same charges. A row is here or in charges.
CREATE TABLE set_aside_charges AS FROM charges LIMIT 0;

INSERT INTO load_coverage
WITH loads AS (
    SELECT
        a.load_id,
        a.profile AS dataset,
        d.scope IS NOT NULL AS whole_period,
        -- As consumer.exports.naming does.
        CASE
            WHEN d.scope IS NOT NULL THEN regexp_replace(d.scope, '/[^/]*$', '')
            ELSE regexp_extract(
                    a.scope, '^([a-z0-9]+://(?:[^/]*/)*?)(?:(?:[A-Za-z_][^/=]*=|(?:19|20)[0-9]{2}(?:[^A-Za-z/]|/))[^\n]*|[^/]*)$', 1
                ) || '#' || regexp_replace(coalesce(a.profile, ''), '^focus_1_[0-9]+$', 'focus')
        END AS export
    FROM active_loads AS a
    LEFT JOIN ledger AS d ON d.entry_id = a.delivery_id AND d.state = 'delivered'
),
days AS (
    SELECT
        load_id, provider_name, billing_account_id, sub_account_id,
        date_trunc('month', coalesce(billing_period_start, charge_period_start))::DATE AS billing_month,
        billing_currency,
        charge_period_start::DATE AS charge_day,
        count(*) AS charge_rows, sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
        sum(list_cost) AS list_cost, sum(contracted_cost) AS contracted_cost
    FROM charges
    GROUP BY ALL
),
lines AS (
    SELECT
        load_id, provider_name, billing_account_id, sub_account_id, billing_month, billing_currency,
        list(charge_day ORDER BY charge_day) AS days, sum(charge_rows)::BIGINT AS charge_rows,
        sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost, sum(list_cost) AS list_cost,
        sum(contracted_cost) AS contracted_cost
    FROM days
    GROUP BY ALL
)
SELECT
    load_id, export, regexp_replace(dataset, '^focus_1_[0-9]+$', 'focus'), whole_period, false, provider_name,
    billing_account_id, sub_account_id,
    coalesce(p.provider, trim(provider_name)) AS provider,
    regexp_replace(
        coalesce(
            nullif(regexp_extract(lower(billing_account_id), 'billingaccounts/([^/]+)', 1), ''), lower(trim(billing_account_id))
        ),
        '^0+([0-9])', '\1'
    ) AS account,
    regexp_replace(
        coalesce(
            nullif(regexp_extract(lower(sub_account_id), '(?:subscriptions|projects)/([^/]+)', 1), ''), lower(trim(sub_account_id))
        ),
        '^0+([0-9])', '\1'
    ) AS sub_account,
    billing_month, billing_currency, days, charge_rows, billed_cost, effective_cost, list_cost, contracted_cost
FROM lines
JOIN loads USING (load_id)
LEFT JOIN provider_names AS p ON p.name = lower(trim(provider_name));

-- Grain: provider, account, billing month, currency and cost that two or more exports fill for a shared day.
-- Exports are compared by sub account where the provider's are unique in the world, or else by billing account and sub
-- account; an export that tells no sub accounts is compared with the whole billing account. Where neither is known,
-- nothing is said.
CREATE VIEW export_overlaps AS
WITH line AS (
    SELECT row_number() OVER () AS line_id, c.*
    FROM load_coverage AS c
    WHERE NOT c.set_aside AND c.provider IS NOT NULL AND c.load_id IN (SELECT load_id FROM active_loads)
),
cells AS (
    SELECT provider, account, billing_month, billing_currency
    FROM (
        SELECT provider, account, billing_month, billing_currency, export, count(sub_account) AS told
        FROM line
        WHERE account IS NOT NULL
        GROUP BY ALL
    )
    GROUP BY ALL
    HAVING count(*) > 1 AND min(told) = 0
),
costs AS (
    SELECT line_id, export, provider, account, sub_account, billing_month, billing_currency, days, charge_rows, metric, amount
    FROM line
    UNPIVOT (amount FOR metric IN (billed_cost, effective_cost, list_cost, contracted_cost))
),
keyed AS (
    SELECT
        *,
        CASE
            WHEN sub_account IS NOT NULL AND provider IN ('AWS', 'Microsoft', 'Google Cloud') THEN 'sub account ' || sub_account
            WHEN account IS NOT NULL THEN 'account ' || account || ' ' || coalesce(sub_account, '')
        END AS place
    FROM costs
    UNION ALL
    SELECT c.*, 'account ' || c.account
    FROM costs AS c
    SEMI JOIN cells AS e
        ON e.provider = c.provider AND e.account = c.account AND e.billing_month = c.billing_month
        AND e.billing_currency IS NOT DISTINCT FROM c.billing_currency
),
daily AS (
    SELECT DISTINCT provider, billing_month, billing_currency, metric, place, export, unnest(days) AS charge_day
    FROM keyed
    WHERE place IS NOT NULL
),
shared AS (
    SELECT DISTINCT provider, billing_month, billing_currency, metric, place, unnest(exports) AS export
    FROM (
        SELECT provider, billing_month, billing_currency, metric, place, list(export) AS exports
        FROM daily
        GROUP BY provider, billing_month, billing_currency, metric, place, charge_day
        HAVING count(*) > 1
    )
),
found AS (
    SELECT
        k.*, max(k.account) OVER (PARTITION BY k.provider, k.billing_month, k.billing_currency, k.metric, k.place) AS label
    FROM keyed AS k
    SEMI JOIN shared AS s
        ON s.provider = k.provider AND s.billing_month = k.billing_month AND s.metric = k.metric AND s.place = k.place
        AND s.export = k.export AND s.billing_currency IS NOT DISTINCT FROM k.billing_currency
),
amounts AS (
    SELECT provider, label, billing_month, billing_currency, metric, export, sum(amount) AS amount, sum(charge_rows) AS charge_rows
    FROM (
        SELECT DISTINCT provider, label, billing_month, billing_currency, metric, export, line_id, amount, charge_rows FROM found
    )
    GROUP BY ALL
)
SELECT
    provider AS provider_name,
    label AS billing_account_id,
    billing_month,
    billing_currency,
    metric,
    list(export ORDER BY export) AS exports,
    list(amount::DECIMAL(38, 18) ORDER BY export) AS amounts,
    list(charge_rows::BIGINT ORDER BY export) AS "rows"
FROM amounts
GROUP BY ALL
HAVING count(*) > 1
ORDER BY ALL;

COMMENT ON TABLE provider_names IS 'One row per spelling of a provider, so that exports that spell it differently are compared.';
COMMENT ON COLUMN provider_names.name IS 'Spelling of provider_name, in lower case.';
COMMENT ON COLUMN provider_names.provider IS 'The one name that load_coverage and export_overlaps use.';

COMMENT ON TABLE load_coverage IS 'One row per load, provider, account, sub account, billing month and currency, apart for rows that are set aside. Loads that are not active keep their rows: join active_loads by load_id.';
COMMENT ON COLUMN load_coverage.load_id IS 'Load: ledger.load_id.';
COMMENT ON COLUMN load_coverage.export IS 'Export that the load belongs to: a delivered export without its period, or a folder and a dataset.';
COMMENT ON COLUMN load_coverage.dataset IS 'Profile that read the file; versions of FOCUS are one dataset.';
COMMENT ON COLUMN load_coverage.whole_period IS 'The load is part of a delivery, which tells all of its billing period; else it tells of days only.';
COMMENT ON COLUMN load_coverage.set_aside IS 'The rows are in set_aside_charges and do not count; else they are in charges.';
COMMENT ON COLUMN load_coverage.provider_name IS 'charges.provider_name.';
COMMENT ON COLUMN load_coverage.billing_account_id IS 'charges.billing_account_id.';
COMMENT ON COLUMN load_coverage.sub_account_id IS 'charges.sub_account_id.';
COMMENT ON COLUMN load_coverage.provider IS 'Provider by its one name, see provider_names.';
COMMENT ON COLUMN load_coverage.account IS 'Billing account in its short form: without path and leading zeros, in lower case.';
COMMENT ON COLUMN load_coverage.sub_account IS 'Sub account in its short form.';
COMMENT ON COLUMN load_coverage.billing_month IS 'First day of the month of billing_period_start, or else of charge_period_start.';
COMMENT ON COLUMN load_coverage.billing_currency IS 'charges.billing_currency.';
COMMENT ON COLUMN load_coverage.days IS 'UTC days of charge_period_start.';
COMMENT ON COLUMN load_coverage.charge_rows IS 'Number of rows.';
COMMENT ON COLUMN load_coverage.billed_cost IS 'Sum of billed_cost; NULL when no row has one.';
COMMENT ON COLUMN load_coverage.effective_cost IS 'Sum of effective_cost; NULL when no row has one.';
COMMENT ON COLUMN load_coverage.list_cost IS 'Sum of list_cost; NULL when no row has one.';
COMMENT ON COLUMN load_coverage.contracted_cost IS 'Sum of contracted_cost; NULL when no row has one.';

COMMENT ON TABLE export_preferences IS 'One row per decision which of several exports counts, those that were undone included.';
COMMENT ON COLUMN export_preferences.preference_id IS 'Identifier of the decision.';
COMMENT ON COLUMN export_preferences.source IS 'operator: billstream exports prefer. rules: the file that BILLSTREAM_EXPORTS_RULES names.';
COMMENT ON COLUMN export_preferences.priority IS 'Order among rules of the file; a decision of an operator comes before all rules, the newest first.';
COMMENT ON COLUMN export_preferences.preferred IS 'Exports or datasets that count, the best first.';
COMMENT ON COLUMN export_preferences.provider IS 'Provider that the decision is limited to; NULL: every provider.';
COMMENT ON COLUMN export_preferences.account IS 'Billing account that the decision is limited to; NULL: every account.';
COMMENT ON COLUMN export_preferences.first_month IS 'First billing month that the decision is limited to; NULL: no limit.';
COMMENT ON COLUMN export_preferences.last_month IS 'Last billing month that the decision is limited to; NULL: no limit.';
COMMENT ON COLUMN export_preferences.decided_at IS 'Time of the decision.';
COMMENT ON COLUMN export_preferences.decided_by IS 'Process that recorded it.';
COMMENT ON COLUMN export_preferences.undone_at IS 'Time when it was undone; NULL: it holds.';

COMMENT ON TABLE set_aside_charges IS 'Rows of active loads that do not count, because a preferred export has the same charges; each row is here or in charges. Columns are those of charges.';

COMMENT ON VIEW export_overlaps IS 'One row per provider, account, billing month, currency and cost that active rows of two or more exports fill for a shared day: their sum counts the charges more than once. provider_name: by its one name, see provider_names. billing_account_id: account in its short form; NULL where no export tells it, then the sub accounts are the same. billing_month: first day of the month. billing_currency: currency of the amounts. metric: billed_cost, effective_cost, list_cost or contracted_cost. exports: see load_coverage.export. amounts, rows: sum of the metric, and number of rows, of each export in that month, in the order of exports.';
