-- Names of the lake's macros in lower case. billstream makes none. {metadata} is the catalog database.
SELECT lower(macro_name) FROM {metadata}.ducklake_macro WHERE end_snapshot IS NULL
