-- Let TimescaleDB keep the charges in chunks of a month. {timescale} is the schema of the extension, {charges} a literal.
SELECT {timescale}.create_hypertable({charges}::regclass, 'charge_day'::name, chunk_time_interval => INTERVAL '1 month')
