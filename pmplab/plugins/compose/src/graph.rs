//! Composition as a graph: every slot of the core is an argument of its instantiation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, PackageId};

const PROTOCOL: &str = "pmplab:protocol/plugin@0.1.0";
const PROVIDER: &str = "pmplab:resource/provider@0.1.0";

/// Files by name; the position in `slots` and `providers` is the number of the slot.
#[derive(Debug, Deserialize)]
pub struct Request {
    pub core: String,
    pub slots: Vec<String>,
    pub providers: Vec<String>,
    pub out: String,
}

/// What the composed component and each of its parts import.
#[derive(Debug, Serialize)]
pub struct Answer {
    pub imports: Vec<String>,
    pub component_imports: BTreeMap<String, Vec<String>>,
}

/// Composes what `read` brings and returns the bytes with the account of their imports.
///
/// # Errors
/// One sentence that names the file at fault.
pub fn compose(
    request: &Request,
    read: &dyn Fn(&str) -> Result<Vec<u8>, String>,
) -> Result<(Vec<u8>, Answer), String> {
    let mut graph = CompositionGraph::new();
    let mut packages: BTreeMap<&str, PackageId> = BTreeMap::new();
    let mut component_imports = BTreeMap::new();
    for file in std::iter::once(&request.core)
        .chain(&request.slots)
        .chain(&request.providers)
    {
        if packages.contains_key(file.as_str()) {
            continue;
        }
        let bytes = read(file)?;
        let name = format!("pmplab:part{}", packages.len());
        let package = package(&name, file, bytes, &mut graph)?;
        component_imports.insert(file.clone(), import_names(&graph, &package));
        let id = graph
            .register_package(package)
            .map_err(|e| format!("{file}: {e:#}"))?;
        packages.insert(file, id);
    }
    let core = graph.instantiate(packages[request.core.as_str()]);
    let arguments = (request
        .slots
        .iter()
        .enumerate()
        .map(|(i, file)| (format!("slot{i}"), file, PROTOCOL)))
    .chain(
        request
            .providers
            .iter()
            .enumerate()
            .map(|(i, file)| (format!("provider{i}"), file, PROVIDER)),
    );
    for (slot, file, contract) in arguments {
        let instance = graph.instantiate(packages[file.as_str()]);
        let export = graph
            .alias_instance_export(instance, contract)
            .map_err(|_| format!("{file}: does not export `{contract}`"))?;
        graph
            .set_instantiation_argument(core, &slot, export)
            .map_err(|e| {
                // The error itself names the slot, its causes what differs.
                let e: &dyn std::error::Error = &e;
                let why = Chain(e.source().unwrap_or(e));
                format!("{file}: its `{contract}` is not the one of this version: {why}")
            })?;
    }
    let exported = graph
        .alias_instance_export(core, "pmplab:runner/core@0.1.0")
        .map_err(|e| format!("{}: {e:#}", request.core))?;
    graph
        .export(exported, "pmplab:runner/core@0.1.0")
        .map_err(|e| format!("{}: {e:#}", request.core))?;
    // Wasmtime checks every type when it compiles the result; checking here too would only cost time.
    let options = EncodeOptions {
        validate: false,
        ..EncodeOptions::default()
    };
    let bytes = graph
        .encode(options)
        .map_err(|e| format!("the components do not fit together: {:#}", Chain(&e)))?;
    let outer = imports("the composed component", bytes.clone())?;
    Ok((
        bytes,
        Answer {
            imports: outer,
            component_imports,
        },
    ))
}

/// Names of what a component imports.
///
/// # Errors
/// What the bytes are instead of a component.
pub fn imports(file: &str, bytes: Vec<u8>) -> Result<Vec<String>, String> {
    let mut graph = CompositionGraph::new();
    let package = package("pmplab:part", file, bytes, &mut graph)?;
    Ok(import_names(&graph, &package))
}

fn package(
    name: &str,
    file: &str,
    bytes: Vec<u8>,
    graph: &mut CompositionGraph,
) -> Result<Package, String> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => {}
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
            return Err(format!("{file}: is a core module, not a component"));
        }
        _ => return Err(format!("{file}: is not WebAssembly")),
    }
    Package::from_bytes(name, None, bytes, graph.types_mut()).map_err(|e| format!("{file}: {e:#}"))
}

fn import_names(graph: &CompositionGraph, package: &Package) -> Vec<String> {
    graph.types()[package.ty()]
        .imports
        .keys()
        .cloned()
        .collect()
}

/// An error with its causes on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_named_with_what_it_is() {
        assert_eq!(
            imports("a.wasm", b"\0asm\x01\0\0\0".to_vec()).unwrap_err(),
            "a.wasm: is a core module, not a component"
        );
        assert_eq!(
            imports("b.wasm", b"hello, world".to_vec()).unwrap_err(),
            "b.wasm: is not WebAssembly"
        );
        assert!(
            imports("c.wasm", b"\0asm\x0d\0\x01\0\xff\xff".to_vec())
                .unwrap_err()
                .starts_with("c.wasm: ")
        );
    }

    #[test]
    fn an_empty_component_imports_nothing_and_fills_no_slot() {
        let empty = b"\0asm\x0d\0\x01\0".to_vec();
        assert_eq!(
            imports("d.wasm", empty.clone()).unwrap(),
            Vec::<String>::new()
        );
        let request = Request {
            core: "core".into(),
            slots: vec!["d".into()],
            providers: vec![],
            out: "out".into(),
        };
        let error = compose(&request, &|_| Ok(empty.clone())).unwrap_err();
        assert_eq!(error, "d: does not export `pmplab:protocol/plugin@0.1.0`");
    }
}
