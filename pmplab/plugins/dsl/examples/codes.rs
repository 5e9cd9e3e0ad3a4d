//! Prints every code with its page as JSON: `pmplab/diagnostics/codes.json` is its output.

use pmplab_dsl::diag::codes::CODES;
use pmplab_dsl::diag::pages::{Example, FAMILIES, Page};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn example(e: &Example) -> Value {
    json!({"language": e.language, "file": e.file, "text": e.text})
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diag/pages");
    let mut all = Vec::new();
    for code in CODES {
        let text = fs::read_to_string(folder.join(format!("{:04}.md", code.number)))
            .unwrap_or_else(|e| panic!("the page of {}: {e}", code.number));
        let page = Page::parse(&text).unwrap_or_else(|| panic!("the page of {}", code.number));
        all.push(json!({
            "code": page.code, "title": code.title, "help": code.help, "meaning": page.meaning,
            "bad": page.bad.iter().map(example).collect::<Vec<_>>(),
            "good": page.good.iter().map(example).collect::<Vec<_>>(),
        }));
    }
    let families: Vec<Value> = FAMILIES
        .iter()
        .map(|(first, name)| json!({"first": format!("{first:02}"), "name": name}))
        .collect();
    println!("{:#}", json!({"families": families, "codes": all}));
}
