-- Budgets: what they count and allow in each period, the states of their rules, and the quantities of unit metrics.

-- Grain: budget, first_day.
CREATE TABLE budget_periods (
    budget          VARCHAR NOT NULL,
    first_day       DATE NOT NULL,
    last_day        DATE NOT NULL,
    owner           VARCHAR,
    currency        VARCHAR NOT NULL,
    cost            VARCHAR NOT NULL,
    amount          DECIMAL(38, 18),
    actual          DECIMAL(38, 18) NOT NULL,
    actual_to       DATE,
    forecast        DECIMAL(38, 18),
    forecast_low    DECIMAL(38, 18),
    forecast_high   DECIMAL(38, 18),
    complete_to     DATE,
    evaluated_at    TIMESTAMP WITH TIME ZONE NOT NULL
);

-- Grain: budget, first_day, rule.
CREATE TABLE budget_states (
    budget          VARCHAR NOT NULL,
    first_day       DATE NOT NULL,
    last_day        DATE NOT NULL,
    rule            VARCHAR NOT NULL,
    state           VARCHAR NOT NULL,
    changed_at      TIMESTAMP WITH TIME ZONE NOT NULL,
    sentence        VARCHAR NOT NULL,
    fired_at        TIMESTAMP WITH TIME ZONE,
    acknowledged_by VARCHAR,
    reason          VARCHAR
);

-- Grain: metric, unit, day.
CREATE TABLE unit_metrics (
    metric          VARCHAR NOT NULL,
    unit            VARCHAR NOT NULL,
    day             DATE NOT NULL,
    currency        VARCHAR NOT NULL,
    cost            DECIMAL(38, 18),
    quantity        DECIMAL(38, 18)
);

COMMENT ON TABLE budget_periods IS 'Budgets of the file that BILLSTREAM_BUDGETS names, each with its newest evaluation in a period.';
COMMENT ON COLUMN budget_periods.budget IS 'Name of the budget.';
COMMENT ON COLUMN budget_periods.first_day IS 'First day of the period.';
COMMENT ON COLUMN budget_periods.last_day IS 'Last day of the period, inclusive.';
COMMENT ON COLUMN budget_periods.owner IS 'Who answers for the budget; NULL where the file does not tell.';
COMMENT ON COLUMN budget_periods.currency IS 'Currency of all amounts; costs in other currencies are not counted.';
COMMENT ON COLUMN budget_periods.cost IS 'Cost that is counted: effective_cost, or billed_cost.';
COMMENT ON COLUMN budget_periods.amount IS 'Amount that the budget allows in the period; NULL when none is given for it.';
COMMENT ON COLUMN budget_periods.actual IS 'Exact cost of the days of the period that have charges.';
COMMENT ON COLUMN budget_periods.actual_to IS 'Newest of these days; NULL when there is none.';
COMMENT ON COLUMN budget_periods.forecast IS 'Expected cost of the whole period; NULL when there is no forecast, or the period is over.';
COMMENT ON COLUMN budget_periods.forecast_low IS 'Lower end of the 80 % interval of the forecast; NULL while the history is too short for one.';
COMMENT ON COLUMN budget_periods.forecast_high IS 'Upper end of the 80 % interval.';
COMMENT ON COLUMN budget_periods.complete_to IS 'Newest day that the forecast is made from.';
COMMENT ON COLUMN budget_periods.evaluated_at IS 'Time of the evaluation.';
COMMENT ON TABLE budget_states IS 'States of the rules of budgets: each rule fires at most once in a period.';
COMMENT ON COLUMN budget_states.budget IS 'Name of the budget.';
COMMENT ON COLUMN budget_states.first_day IS 'First day of the period.';
COMMENT ON COLUMN budget_states.last_day IS 'Last day of the period, inclusive.';
COMMENT ON COLUMN budget_states.rule IS 'Kind of cost and part of the amount, such as actual:0.8 or forecast:1.';
COMMENT ON COLUMN budget_states.state IS 'State: ok, firing, acknowledged, or resolved.';
COMMENT ON COLUMN budget_states.changed_at IS 'Time when the state became what it is.';
COMMENT ON COLUMN budget_states.sentence IS 'The state in words, with its amounts.';
COMMENT ON COLUMN budget_states.fired_at IS 'Time when the rule fired first in the period; NULL when it has not.';
COMMENT ON COLUMN budget_states.acknowledged_by IS 'Who acknowledged it; NULL when nobody has.';
COMMENT ON COLUMN budget_states.reason IS 'Reason that was given for it.';
COMMENT ON TABLE unit_metrics IS 'Metrics of the file that BILLSTREAM_BUDGETS names: quantities of the business by day, beside the costs that they are set against.';
COMMENT ON COLUMN unit_metrics.metric IS 'Name of the metric.';
COMMENT ON COLUMN unit_metrics.unit IS 'Unit of the quantity, such as orders.';
COMMENT ON COLUMN unit_metrics.day IS 'UTC day.';
COMMENT ON COLUMN unit_metrics.currency IS 'Currency of the cost; costs in other currencies are not counted.';
COMMENT ON COLUMN unit_metrics.cost IS 'Exact cost of the charges that the metric counts; NULL without any on that day. Each unit of a metric has the same cost.';
COMMENT ON COLUMN unit_metrics.quantity IS 'Quantity of the day; NULL when the file has none.';
