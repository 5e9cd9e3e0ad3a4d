"""The Workbook of a run, as it lies on disk: schemas, segments and parts, frames, live aggregates.

Importing it loads neither Polars nor pyarrow: the child of a run writes its `host` table through here and must stay small.
"""
