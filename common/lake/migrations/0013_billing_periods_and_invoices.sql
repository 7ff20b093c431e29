-- FOCUS 1.4 has two datasets beside the charges: the state of each billing period, and the lines of invoices. Their rows
-- belong to loads and come and go with them, as charges do.

-- Grain: one billing period of one invoice issuer, as a file lists it.
CREATE TABLE billing_periods (
    load_id                      VARCHAR NOT NULL,
    billing_period_start         TIMESTAMPTZ NOT NULL,
    billing_period_end           TIMESTAMPTZ,
    billing_period_status        VARCHAR,
    billing_period_created       TIMESTAMPTZ,
    billing_period_last_updated  TIMESTAMPTZ,
    invoice_issuer_name          VARCHAR,
    rescued                      VARCHAR
);

-- Grain: one line of an invoice, as a file lists it.
CREATE TABLE invoice_details (
    load_id                             VARCHAR NOT NULL,
    invoice_id                          VARCHAR NOT NULL,
    invoice_detail_id                   VARCHAR,
    invoice_detail_description          VARCHAR,
    invoice_detail_grain                VARCHAR,
    invoice_detail_created              TIMESTAMPTZ,
    invoice_detail_last_updated         TIMESTAMPTZ,
    invoice_issuer_name                 VARCHAR,
    invoice_issue_date                  TIMESTAMPTZ,
    invoice_issue_status                VARCHAR,
    reference_invoice_id                VARCHAR,
    billing_account_id                  VARCHAR,
    billing_period_start                TIMESTAMPTZ,
    billing_period_end                  TIMESTAMPTZ,
    charge_category                     VARCHAR,
    billing_currency                    VARCHAR,
    billed_cost                         DECIMAL(38, 18),
    payment_currency                    VARCHAR,
    payment_currency_billed_cost        DECIMAL(38, 18),
    payment_currency_invoice_detail_id  VARCHAR,
    payment_due_date                    TIMESTAMPTZ,
    payment_terms                       VARCHAR,
    purchase_order_number               VARCHAR,
    rescued                             VARCHAR
);

-- A row of NULLs that goes again marks every column as one that may be NULL: see 0007.
INSERT INTO billing_periods (load_id, billing_period_start) VALUES ('', TIMESTAMPTZ '2000-01-01 00:00:00+00');
DELETE FROM billing_periods WHERE load_id = '';
INSERT INTO invoice_details (load_id, invoice_id) VALUES ('', '');
DELETE FROM invoice_details WHERE load_id = '';

ALTER TABLE ledger ADD COLUMN table_name VARCHAR;
COMMENT ON COLUMN ledger.table_name IS 'Table with the rows of the load; NULL where no rows were loaded, and for loads from before it was recorded: charges.';

COMMENT ON TABLE billing_periods IS 'One row per billing period of an invoice issuer, as its FOCUS Billing Period dataset lists it: which months are open or closed. Join charges by billing_period_start and invoice_issuer_name.';
COMMENT ON COLUMN billing_periods.load_id IS 'Load that wrote the row: ledger.load_id and active_loads.load_id.';
COMMENT ON COLUMN billing_periods.billing_period_start IS 'Start of the billing period, inclusive.';
COMMENT ON COLUMN billing_periods.billing_period_end IS 'End of the billing period, exclusive.';
COMMENT ON COLUMN billing_periods.billing_period_status IS 'Open: its charges may still change. Closed: they are final.';
COMMENT ON COLUMN billing_periods.billing_period_created IS 'Time when the issuer created the billing period.';
COMMENT ON COLUMN billing_periods.billing_period_last_updated IS 'Time when the issuer last changed the billing period.';
COMMENT ON COLUMN billing_periods.invoice_issuer_name IS 'Company that issues the invoices of the billing period.';
COMMENT ON COLUMN billing_periods.rescued IS 'JSON object with every column of the file that no mapping knew; NULL when there is none.';

COMMENT ON TABLE invoice_details IS 'One row per line of an invoice, as the FOCUS Invoice Detail dataset lists it. Its costs are those of charges once more: never add the two. Join charges by invoice_issuer_name, invoice_id and invoice_detail_id.';
COMMENT ON COLUMN invoice_details.load_id IS 'Load that wrote the row: ledger.load_id and active_loads.load_id.';
COMMENT ON COLUMN invoice_details.invoice_id IS 'Invoice that the line is on.';
COMMENT ON COLUMN invoice_details.invoice_detail_id IS 'Line of the invoice: charges.invoice_detail_id.';
COMMENT ON COLUMN invoice_details.invoice_detail_description IS 'Description of the line for people.';
COMMENT ON COLUMN invoice_details.invoice_detail_grain IS 'JSON object with the columns by which charges are summed to the line, as the file has it.';
COMMENT ON COLUMN invoice_details.invoice_detail_created IS 'Time when the issuer created the line.';
COMMENT ON COLUMN invoice_details.invoice_detail_last_updated IS 'Time when the issuer last changed the line.';
COMMENT ON COLUMN invoice_details.invoice_issuer_name IS 'Company that issues the invoice.';
COMMENT ON COLUMN invoice_details.invoice_issue_date IS 'Day on which the invoice was issued; NULL before.';
COMMENT ON COLUMN invoice_details.invoice_issue_status IS 'Whether the invoice was issued, as the issuer says it.';
COMMENT ON COLUMN invoice_details.reference_invoice_id IS 'Earlier invoice that the line refers to.';
COMMENT ON COLUMN invoice_details.billing_account_id IS 'Account that is invoiced.';
COMMENT ON COLUMN invoice_details.billing_period_start IS 'Start of the billing period of the invoice, inclusive.';
COMMENT ON COLUMN invoice_details.billing_period_end IS 'End of the billing period of the invoice, exclusive.';
COMMENT ON COLUMN invoice_details.charge_category IS 'Kind of the charges of the line: Usage, Purchase, Tax, Credit or Adjustment.';
COMMENT ON COLUMN invoice_details.billing_currency IS 'Currency of billed_cost, as an ISO 4217 code.';
COMMENT ON COLUMN invoice_details.billed_cost IS 'Cost of the line as invoiced, in billing_currency.';
COMMENT ON COLUMN invoice_details.payment_currency IS 'Currency in which the invoice is to be paid.';
COMMENT ON COLUMN invoice_details.payment_currency_billed_cost IS 'billed_cost in payment_currency.';
COMMENT ON COLUMN invoice_details.payment_currency_invoice_detail_id IS 'Line of the invoice in payment_currency, where it sums several lines.';
COMMENT ON COLUMN invoice_details.payment_due_date IS 'Day by which the invoice is to be paid.';
COMMENT ON COLUMN invoice_details.payment_terms IS 'Terms of payment, as the issuer says them.';
COMMENT ON COLUMN invoice_details.purchase_order_number IS 'Purchase order that the line belongs to.';
COMMENT ON COLUMN invoice_details.rescued IS 'JSON object with every column of the file that no mapping knew; NULL when there is none.';

COMMENT ON COLUMN ledger.rows_hash IS 'Sum of a hash of each row of the load, after how it was made: DuckDB version, table if not charges, and a bit for each column of it.';
COMMENT ON VIEW active_loads IS 'One row per scope that has active rows in charges, or in the table that table_name tells: the ledger row of the load that wrote them. Columns are those of ledger. Join by load_id.';
