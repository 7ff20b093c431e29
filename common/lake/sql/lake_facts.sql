-- What a catalog tells of its lake. Grain: one row. {schema} is the catalog's schema.
SELECT
    (SELECT max(CAST(schema_uuid AS VARCHAR(64))) FROM {schema}.ducklake_schema WHERE schema_id = 0) AS lake_id,
    (SELECT max(snapshot_id) FROM {schema}.ducklake_snapshot) AS snapshot_id,
    (SELECT max(value) FROM {schema}.ducklake_metadata WHERE key = 'version' AND scope IS NULL) AS ducklake_format,
    (SELECT max(value) FROM {schema}.ducklake_metadata WHERE key = 'data_path' AND scope IS NULL) AS data_path
