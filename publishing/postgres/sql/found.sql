-- What is in the schema of a copy. Grain: one row. {schema} and {tables} are literals, {charges} is the name of its charges.
SELECT
    (SELECT count(*) FROM pg_tables WHERE schemaname = {schema} AND tablename = 'watermark') AS watermarks,
    (SELECT count(*) FROM pg_tables WHERE schemaname = {schema} AND tablename IN ({tables})) AS tables,
    coalesce((SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass({charges})), false) AS partitioned,
    (SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace AS n ON n.oid = extnamespace
     WHERE extname = 'timescaledb') AS timescale
