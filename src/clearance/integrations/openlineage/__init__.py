"""OpenLineage: events of Airflow, Spark, dbt and others come in, our own go out (openlineage.io)."""
