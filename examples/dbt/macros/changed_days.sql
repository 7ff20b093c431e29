{#
  An incremental model whose cursor is the snapshot of the lake.

  The model is one row per `charge_day` and something. A run replaces the days that changed since the snapshot that its rows
  are of: all rows of those days go, and what the lake has of them now comes, and the cursor moves, in one transaction. So
  a file that was overwritten, corrected or removed is right here as well, and a day that has no charges any more has no rows.
  The newest ledger entry or charge would be no cursor: entries of two consumers become visible in another order than
  they were numbered.

  A model says: incremental_strategy='replace_days', pre_hook="{{ find_changed_days() }}", post_hook="{{ move_cursor() }}".
#}

{% macro lake_cursors() %}{{ this.include(identifier=false) }}.lake_cursors{% endmacro %}

{% macro lake_id() %}(
    SELECT CAST(schema_uuid AS VARCHAR) FROM __ducklake_metadata_lake.ducklake_schema WHERE schema_id = 0
){% endmacro %}

{# UTC, as everywhere in the lake. #}
{% macro day_of(moment) %}CAST({{ moment }} AT TIME ZONE 'UTC' AS DATE){% endmacro %}

{# Find the days to replace, as the temporary table changed_days. #}
{% macro find_changed_days() %}{% if execute %}
    {% do run_query("CREATE TABLE IF NOT EXISTS " ~ lake_cursors() ~ " (model VARCHAR, lake_id VARCHAR, snapshot_id BIGINT)") %}
    {% set now = run_query("SELECT id FROM lake.current_snapshot()").rows[0][0] | int %}
    {#
      The changes can be read if the lake is the same and still has the snapshot of the cursor and every one after it. A feed
      that begins later would silently lack deletions. billstream does not keep snapshots for dbt.
    #}
    {% set known = run_query("
        SELECT snapshot_id
        FROM " ~ lake_cursors() ~ " AS cursor
        WHERE model = '" ~ this.identifier ~ "' AND lake_id = " ~ lake_id() ~ " AND snapshot_id <= " ~ now ~ "
            AND " ~ now ~ " - snapshot_id + 1 = (
                SELECT count(*) FROM ducklake_snapshots('lake') AS kept
                WHERE kept.snapshot_id BETWEEN cursor.snapshot_id AND " ~ now ~ "
            )
    ").rows %}
    CREATE OR REPLACE TEMP TABLE changed_days AS
    {% if known | length != 1 %}
        {% do log("Every day of " ~ this.identifier ~ " is computed: what changed in the lake before is not known.", info=true) %}
        SELECT {{ day_of('charge_period_start') }} AS charge_day FROM lake.charges
        {% if load_relation(this) %}UNION SELECT charge_day FROM {{ this }}{% endif %}
    {% elif known[0][0] | int == now %}
        SELECT CAST(NULL AS DATE) AS charge_day WHERE false
    {% else %}
        {% set span = (known[0][0] | int + 1) ~ ", " ~ now %}
        SELECT {{ day_of('charge_period_start') }} AS charge_day
        FROM ducklake_table_insertions('lake', 'main', 'charges', {{ span }})
        UNION
        SELECT {{ day_of('charge_period_start') }}
        FROM ducklake_table_deletions('lake', 'main', 'charges', {{ span }})
    {% endif %}
{% endif %}{% endmacro %}

{% macro get_incremental_replace_days_sql(arg_dict) %}
    {% set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) %}
    DELETE FROM {{ arg_dict["target_relation"] }} WHERE charge_day IN (SELECT charge_day FROM changed_days);
    INSERT INTO {{ arg_dict["target_relation"] }} ({{ columns }}) SELECT {{ columns }} FROM {{ arg_dict["temp_relation"] }}
{% endmacro %}

{# Record the snapshot that the rows are of, in the transaction that writes them. #}
{% macro move_cursor() %}
    DELETE FROM {{ lake_cursors() }} WHERE model = '{{ this.identifier }}';
    INSERT INTO {{ lake_cursors() }} SELECT '{{ this.identifier }}', {{ lake_id() }}, id FROM lake.current_snapshot()
{% endmacro %}
