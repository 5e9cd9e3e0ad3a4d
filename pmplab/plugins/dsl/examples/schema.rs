//! Prints a JSON Schema: `schema script`, `schema config`, `schema sim`. `pmplab/bundle/schema` holds its output.

use pmplab_dsl::schema;

fn main() {
    let which = std::env::args().nth(1).unwrap_or_else(|| "script".into());
    let found = match which.as_str() {
        "script" => schema::script(),
        "config" => schema::config(),
        "sim" => schema::sim(),
        other => panic!("there is no schema `{other}`: script, config or sim"),
    };
    println!("{found:#}");
}
