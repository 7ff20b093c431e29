-- Parquet files below the data path that the catalog does not know, last written before $1. Grain: one file. Nothing is removed.
SELECT path FROM ducklake_delete_orphaned_files('lake', dry_run => true, older_than => $1) ORDER BY path
