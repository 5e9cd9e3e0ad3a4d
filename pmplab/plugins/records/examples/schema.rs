//! Prints the schema of the tables as JSON: `pmplab/workbook/schema.json` is its output.

use pmplab_records::schema::{
    ACTIONS, CHANGES, Column, ENDS, Kind, LEASES, LOAD, TASKS, VERSION, WINDOWS,
};
use serde_json::{Value, json};

fn described(column: &Column) -> Value {
    let (kind, values) = match column.kind {
        Kind::Int32 => ("int32", Value::Null),
        Kind::Int64 => ("int64", Value::Null),
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

fn main() -> Result<(), serde_json::Error> {
    let all = json!({"version": VERSION, "tables": [
        table(ACTIONS.name, ACTIONS.doc, &ACTIONS.columns),
        table(TASKS.name, TASKS.doc, &TASKS.columns),
        table(LOAD.name, LOAD.doc, &LOAD.columns),
        table(LEASES.name, LEASES.doc, &LEASES.columns),
        table(CHANGES.name, CHANGES.doc, &CHANGES.columns),
        table(WINDOWS.name, WINDOWS.doc, &WINDOWS.columns),
        table(ENDS.name, ENDS.doc, &ENDS.columns),
    ]});
    println!("{}", serde_json::to_string_pretty(&all)?);
    Ok(())
}
