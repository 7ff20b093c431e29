-- Invoices of which the lake has both the lines and charges, with what each says was billed. Grain: invoice and currency.
-- invoiced_without_tax, charged_without_tax: the same without lines and charges of taxes, which some vendors have on the
-- invoice only. open: some line of it is provisional. A retracted invoice is left out.
-- Parameter: $1 the snapshot.
WITH invoiced AS (
    SELECT
        invoice_id,
        billing_currency,
        min(invoice_issuer_name) AS issuer,
        count(*) AS lines,
        sum(billed_cost) AS invoiced,
        coalesce(sum(billed_cost) FILTER (lower(charge_category) IS DISTINCT FROM 'tax'), 0) AS invoiced_without_tax,
        coalesce(bool_or(lower(invoice_issue_status) = 'open'), false) AS open
    FROM invoice_details AT (VERSION => $1)
    WHERE lower(invoice_issue_status) IS DISTINCT FROM 'voided'
    GROUP BY invoice_id, billing_currency
),
charged AS (
    SELECT
        invoice_id,
        billing_currency,
        count(*) AS charge_rows,
        coalesce(sum(billed_cost), 0) AS charged,
        coalesce(sum(billed_cost) FILTER (lower(charge_category) IS DISTINCT FROM 'tax'), 0) AS charged_without_tax
    FROM charges AT (VERSION => $1)
    WHERE invoice_id IN (SELECT invoice_id FROM invoiced)
    GROUP BY invoice_id, billing_currency
)
SELECT
    invoiced.invoice_id,
    invoiced.billing_currency AS currency,
    issuer,
    lines,
    invoiced,
    charged,
    invoiced_without_tax,
    charged_without_tax,
    charge_rows,
    open
FROM invoiced
JOIN charged
  ON charged.invoice_id = invoiced.invoice_id
    AND charged.billing_currency IS NOT DISTINCT FROM invoiced.billing_currency
ORDER BY ALL
