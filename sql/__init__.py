"""The history as tables: schemas, files, views, reports and the SQL shell."""
