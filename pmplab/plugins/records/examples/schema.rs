//! Prints the schema of all tables as JSON: `pmplab/workbook/schema.json` is its output.

use pmplab_records::schema::{
    ACTIONS, CHANGES, Column, ENDS, Kind, LEASES, LOAD, MEASURED, MEASURES, TASKS, VERSION, WINDOWS,
};
use serde_json::{Value, json};

fn described(column: &Column) -> Value {
    let (kind, values) = match column.kind {
        Kind::Int32 => ("int32", Value::Null),
        Kind::Int64 => ("int64", Value::Null),
        Kind::Float64 => ("float64", Value::Null),
        Kind::Text => ("text", Value::Null),
        Kind::Bytes => ("bytes", Value::Null),
        Kind::Closed(values) => ("dictionary8", json!(values)),
        Kind::Planned(_) => ("dictionary32", Value::Null),
    };
    json!({
        "name": column.name, "type": kind, "nullable": column.nullable, "unit": column.unit, "doc": column.doc, "values": values,
    })
}

fn table(name: &str, doc: &str, columns: &[Column]) -> Value {
    let columns: Vec<Value> = columns.iter().map(described).collect();
    json!({"name": name, "doc": doc, "columns": columns})
}

/// What the host writes itself: no column of it is the core's, so that its kinds are not either.
fn host() -> Value {
    let column = |name: &str, kind: &str, unit: &str, doc: &str| {
        json!({
            "name": name, "type": kind, "nullable": name != "t", "unit": unit, "doc": doc, "values": null,
        })
    };
    json!({
        "name": "host",
        "doc": "One row a second and shard, written by the host and outside seq: what the run costs this machine.",
        "columns": [
            column("t", "int64", "ns", "When it was read. Since the start of the run."),
            column("cpu_user", "int64", "ns", "CPU time of the child in user mode, cumulative."),
            column("cpu_sys", "int64", "ns", "CPU time of the child in the kernel, cumulative."),
            column("cpu_children", "int64", "ns", "CPU time of helpers that have ended, cumulative."),
            column("rss", "int64", "bytes", "Resident memory of the child."),
            column("load1", "float64", "1", "Load average of the machine over one minute."),
            column("load5", "float64", "1", "Load average of the machine over five minutes."),
            column("load15", "float64", "1", "Load average of the machine over fifteen minutes."),
            column("open_files", "int64", "1", "Open files of the child, sockets included."),
        ],
    })
}

fn main() -> Result<(), serde_json::Error> {
    let all = json!({"version": VERSION, "tables": [
        table(ACTIONS.name, ACTIONS.doc, &ACTIONS.columns),
        table(MEASURES.name, MEASURES.doc, &MEASURES.columns),
        table(TASKS.name, TASKS.doc, &TASKS.columns),
        table(LOAD.name, LOAD.doc, &LOAD.columns),
        table(LEASES.name, LEASES.doc, &LEASES.columns),
        table(CHANGES.name, CHANGES.doc, &CHANGES.columns),
        table(WINDOWS.name, WINDOWS.doc, &WINDOWS.columns),
        table(ENDS.name, ENDS.doc, &ENDS.columns),
        table(MEASURED.name, MEASURED.doc, &MEASURED.columns),
        host(),
    ]});
    println!("{}", serde_json::to_string_pretty(&all)?);
    Ok(())
}
