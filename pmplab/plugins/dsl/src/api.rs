//! What a check takes and gives. Everything outside the crate comes in through these types.

use crate::diag::Diagnostic;
use crate::plan::{Ns, Plan};
use crate::yaml::Node;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Why a file of the bundle cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileError {
    NotFound,
    /// The path leaves the bundle.
    Outside,
    /// A wasm file was asked for and this is none, or a core module; `found` says what it is instead.
    NotAComponent {
        found: String,
    },
    Other(String),
}

/// What a wasm component says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComponentFile {
    /// Its custom section `pmplab:component`, if it has one.
    pub section: Option<String>,
    /// Names of what it exports, such as `pmplab:protocol/plugin@0.1.0`.
    pub exports: Vec<String>,
}

/// The bundle. All names are relative to it, with `/` between their parts.
pub trait Files {
    /// # Errors
    /// When there is no such file or it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;

    /// Names of all files.
    fn list(&self) -> Vec<String>;

    /// What the wasm component at `path` says of itself, without reading the file whole.
    ///
    /// # Errors
    /// When there is no such file, or it is no component.
    fn component(&self, path: &str) -> Result<ComponentFile, FileError>;
}

/// A resource as its provider gets it; the record `spec` of `pmplab:resource`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceSpec {
    pub name: String,
    pub kind: String,
    /// A JSON object.
    pub config: String,
    /// Text of the manifest, and its bundle-relative path.
    pub manifest: Option<(String, String)>,
    pub strategy: String,
    pub ttl: Option<Ns>,
    pub size: Option<u64>,
    pub holders: Option<u32>,
    /// Role and capability.
    pub calls: Vec<(String, String)>,
}

/// What a resource turned out to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceTable {
    pub id: u32,
    pub fields: Vec<String>,
    pub keys: Vec<String>,
    /// A JSON object.
    pub facts: String,
}

/// A defect that a provider found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// Such as `E0502`.
    pub code: String,
    pub message: String,
    pub help: Option<String>,
    /// Bundle-relative; none: the script's own `config`.
    pub file: Option<String>,
    /// 1-based; 0 where there is no position.
    pub line: u32,
    pub column: u32,
    pub width: u32,
    /// Key below the resource, such as `config.checksum`; none: the resource.
    pub key: Option<String>,
}

/// The resource providers that are composed in. Slot `i` holds the entry `Request::providers[i]`.
pub trait Providers {
    /// # Errors
    /// With all defects of the spec and its manifest.
    fn open(&mut self, slot: u32, spec: &ResourceSpec) -> Result<ResourceTable, Vec<Problem>>;
}

/// No provider is there: for a check that has no resources, or asks which it needs.
pub struct NoProviders;

impl Providers for NoProviders {
    fn open(&mut self, _: u32, spec: &ResourceSpec) -> Result<ResourceTable, Vec<Problem>> {
        let message = format!("no provider is there to open `{}`", spec.name);
        Err(vec![Problem {
            code: "E0501".into(),
            message,
            ..Problem::default()
        }])
    }
}

/// How strict a check is with references that lead nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A lone script being written: they are warnings.
    Draft,
    /// About to run: they are errors.
    #[default]
    Deploy,
}

/// A component that comes with the product.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct VendoredComponent {
    /// Its custom section `pmplab:component`.
    pub section: Json,
    pub sha256: String,
    pub grants: Vec<String>,
}

/// What to check, and under which rules of the host.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Request {
    pub mode: Mode,
    pub strict: bool,
    /// `--set PATH=VALUE`.
    pub overrides: Vec<(String, String)>,
    /// `--threshold T`: what must hold beside what the script says.
    pub thresholds: Vec<String>,
    /// `--env K=V`.
    pub env: Vec<(String, String)>,
    /// By entry, such as `plugins/http/send.wasm`.
    pub vendored: BTreeMap<String, VendoredComponent>,
    /// Entries of the providers that are composed in, by slot.
    pub providers: Vec<String>,
    /// `--allow NAME=net,files`.
    pub allow: BTreeMap<String, Vec<String>>,
    /// The same by the sha256 of the component.
    pub allow_sha: BTreeMap<String, Vec<String>>,
    /// Files that one process may have open.
    pub open_files: Option<u64>,
    /// Processes among which the users are split; 0 means 1.
    pub shards: u32,
    /// Name of the bundle: the program's, unless `config.yaml` gives one.
    pub bundle_name: Option<String>,
    /// The targets are simulated: the component `sim` answers for every protocol component.
    pub simulate: bool,
    /// Name and text of `--sim FILE`, instead of the bundle's `sim.yaml`.
    pub sim: Option<(String, String)>,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// None when there is an error.
    pub plan: Option<Plan>,
    /// Sorted by place, at most [`crate::diag::CAP`].
    pub diagnostics: Vec<Diagnostic>,
    /// The same as JSON.
    pub json: Vec<Json>,
    /// Non-empty: compose these providers, in this order, and ask again.
    pub need_providers: Vec<String>,
    /// All diagnostics as text.
    pub rendered: String,
    pub compose: Compose,
    /// What was read, to be dropped with the rest: who ends after the answer need not take it apart.
    pub read: Vec<Node>,
}

impl Checked {
    /// Nothing forbids a run.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.need_providers.is_empty() && !self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// What the host must compose for this plan. The index in a list is the slot.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Compose {
    pub slots: Vec<Part>,
    pub providers: Vec<Part>,
}

/// A component to compose in.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    pub component: String,
    pub entry: String,
    /// `vendored` or `bundle`.
    pub source: &'static str,
    pub grants: Vec<String>,
}
