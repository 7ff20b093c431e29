{# The rows that break a rule: those for which the condition is true. #}
{% test focus_rule(model, rule, broken) %}
    SELECT * FROM {{ model }} WHERE {{ broken }}
{% endtest %}
