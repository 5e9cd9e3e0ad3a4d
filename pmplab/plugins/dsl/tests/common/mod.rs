//! A bundle in memory, the vendored components as their sources describe them, and the real resource manager.

use pmplab_dsl::diag::{Diagnostic, Severity};
use pmplab_dsl::plan::Plan;
use pmplab_dsl::{
    Checked, ComponentFile, FileError, Files, Problem, Providers, Request, ResourceSpec,
    ResourceTable, VendoredComponent, check,
};
use pmplab_resource::model::{Manifest, Spec};
use pmplab_resource::provider::Provider;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::rc::Rc;

pub const HTTP: &str = "plugins/http/send.wasm";
pub const RESOURCE: &str = "plugins/resource/manager.wasm";
pub const TRI_PHASE: &str = include_str!("../../../../../data/bundles/http-tri-phase/script.yaml");
pub const REFRESH: &str = include_str!("../../../../../data/bundles/asset-refresh/script.yaml");
const REFRESH_CONFIG: &str = include_str!("../../../../../data/bundles/asset-refresh/config.yaml");

/// The plan of a bundle that is right.
#[allow(dead_code)]
pub fn plan(bundle: &Bundle) -> Plan {
    let checked = bundle.check();
    assert!(checked.ok(), "{}", checked.rendered);
    checked.plan.unwrap()
}

/// The answer of `parse2wbs`, read.
#[allow(dead_code)]
pub fn answer(checked: &Checked) -> serde_json::Value {
    serde_json::from_str(&pmplab_dsl::answer(checked)).unwrap()
}

/// Codes of what is said, warnings apart.
#[allow(dead_code)]
pub fn codes(checked: &Checked) -> Vec<String> {
    checked
        .diagnostics
        .iter()
        .filter(|d| d.severity != Severity::Warning)
        .map(Diagnostic::code)
        .collect()
}

#[derive(Clone, Default)]
pub struct Bundle {
    files: Rc<BTreeMap<String, Vec<u8>>>,
    /// The wasm components in the bundle.
    components: BTreeMap<String, ComponentFile>,
    pub request: Request,
}

fn vendored(section: &str, grant: &str) -> VendoredComponent {
    VendoredComponent {
        section: serde_json::from_str(section).unwrap(),
        sha256: "0".repeat(64),
        grants: vec![grant.into()],
    }
}

#[allow(dead_code)]
impl Bundle {
    pub fn of(script: &str) -> Self {
        let request = Request {
            vendored: BTreeMap::from([
                (
                    HTTP.into(),
                    vendored(include_str!("../../../http/component.json"), "net"),
                ),
                (
                    RESOURCE.into(),
                    vendored(include_str!("../../../resource/component.json"), "files"),
                ),
            ]),
            ..Request::default()
        };
        Self {
            request,
            ..Self::default()
        }
        .with("script.yaml", script)
    }

    /// With the components of the other protocols that come with pmplab.
    pub fn with_protocols(mut self) -> Self {
        for (entry, section) in [
            (
                "plugins/ftp/client.wasm",
                include_str!("../../../ftp/component.json"),
            ),
            (
                "plugins/sip/client.wasm",
                include_str!("../../../sip/component.json"),
            ),
        ] {
            let known = &mut self.request.vendored;
            known.insert(entry.into(), vendored(section, "net"));
        }
        self
    }

    /// The seed's section 8 with its thousand pairs.
    pub fn tri_phase() -> Self {
        Self::with_pairs(TRI_PHASE)
    }

    pub fn with_pairs(script: &str) -> Self {
        let rows: String = (0..1000)
            .map(|i| format!("127.0.0.1,{}\n", 20000 + i))
            .collect();
        Self::of(script).with("resource.yaml", &rows)
    }

    /// The seed's section 4 with the config that supplies what it leaves out.
    pub fn refresh() -> Self {
        let bundle = Self::with_pairs(REFRESH).with("config.yaml", REFRESH_CONFIG);
        bundle.with("payloads/asset.json", "{\"name\": \"asset\"}\n")
    }

    pub fn with(mut self, name: &str, text: &str) -> Self {
        Rc::make_mut(&mut self.files).insert(name.into(), text.into());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        Rc::make_mut(&mut self.files).remove(name);
        self
    }

    /// A component in the bundle.
    pub fn component(mut self, name: &str, section: Option<&str>, exports: &[&str]) -> Self {
        let file = ComponentFile {
            section: section.map(str::to_owned),
            exports: exports.iter().map(|&name| name.to_owned()).collect(),
        };
        self.components.insert(name.into(), file);
        self.with(name, "\0asm component")
    }

    pub fn set(mut self, path: &str, value: &str) -> Self {
        self.request.overrides.push((path.into(), value.into()));
        self
    }

    /// Asks as a host does: once to learn the providers, once with them.
    pub fn check(&self) -> Checked {
        let mut request = self.request.clone();
        let mut manager = Manager {
            provider: Provider::new(None),
            files: self.files.clone(),
        };
        let first = check(&request, self, &mut manager);
        if first.need_providers.is_empty() {
            return first;
        }
        request.providers.clone_from(&first.need_providers);
        let second = check(&request, self, &mut manager);
        assert!(
            second.need_providers.is_empty(),
            "the providers that were asked for are there"
        );
        second
    }

    /// What a reader of the terminal sees.
    pub fn rendered(&self) -> String {
        self.check().rendered
    }
}

impl Files for Bundle {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.files.get(path).cloned().ok_or(FileError::NotFound)
    }

    fn list(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn component(&self, path: &str) -> Result<ComponentFile, FileError> {
        match (self.components.get(path), self.files.get(path)) {
            (Some(file), _) => Ok(file.clone()),
            (None, Some(bytes)) if bytes.starts_with(b"\0asm") => Err(FileError::NotAComponent {
                found: "a core WebAssembly module".into(),
            }),
            (None, Some(_)) => Err(FileError::NotAComponent {
                found: "no WebAssembly file".into(),
            }),
            (None, None) => Err(FileError::NotFound),
        }
    }
}

/// Pools and stores by the real provider; a file as it would, for it cannot be handed a bundle from here.
struct Manager {
    provider: Provider,
    files: Rc<BTreeMap<String, Vec<u8>>>,
}

impl Providers for Manager {
    fn open(&mut self, _: u32, spec: &ResourceSpec) -> Result<ResourceTable, Vec<Problem>> {
        if spec.kind == "file_blob" {
            return self.blob(spec);
        }
        let spec = Spec {
            name: spec.name.clone(),
            kind: spec.kind.clone(),
            config: spec.config.clone(),
            manifest: spec
                .manifest
                .clone()
                .map(|(text, path)| Manifest { text, path }),
            strategy: spec.strategy.clone(),
            ttl: spec.ttl,
            size: spec.size,
            holders: spec.holders,
            calls: spec.calls.clone(),
        };
        let problem = |p: pmplab_resource::model::Problem| Problem {
            code: p.code.into(),
            message: p.message,
            help: p.help,
            file: p.file,
            line: p.place.map_or(0, |at| at.line),
            column: p.place.map_or(0, |at| at.column),
            width: p.place.map_or(0, |at| at.width),
            key: p.key.map(str::to_owned),
        };
        match self.provider.open(&spec) {
            Ok(t) => Ok(ResourceTable {
                id: t.id,
                fields: t.fields,
                keys: t.keys,
                facts: t.facts,
            }),
            Err(problems) => Err(problems.into_iter().map(problem).collect()),
        }
    }
}

impl Manager {
    fn blob(&self, spec: &ResourceSpec) -> Result<ResourceTable, Vec<Problem>> {
        let config: serde_json::Value = serde_json::from_str(&spec.config).unwrap();
        let Some(path) = config["file"].as_str().map(|p| {
            let parts = p.split('/').filter(|part| !matches!(*part, "" | "."));
            parts.collect::<Vec<_>>().join("/")
        }) else {
            let message = "a `file_blob` needs a `file`".to_owned();
            return Err(vec![Problem {
                code: "E0103".into(),
                message,
                ..Problem::default()
            }]);
        };
        let Some(bytes) = self.files.get(&path) else {
            let message = format!("the bundle has no file `{path}`");
            return Err(vec![Problem {
                code: "E0501".into(),
                message,
                key: Some("config.file".into()),
                ..Problem::default()
            }]);
        };
        let sha = Sha256::digest(bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>();
        match config["checksum"]
            .as_str()
            .and_then(|c| c.strip_prefix("sha256:"))
        {
            Some(wanted) if wanted != sha => Err(vec![Problem {
                code: "E0506".into(),
                message: format!("the checksum of `{path}` does not match"),
                help: Some(format!("it is sha256:{sha}")),
                key: Some("config.checksum".into()),
                ..Problem::default()
            }]),
            _ => Ok(ResourceTable {
                fields: ["content", "path", "size", "sha256"]
                    .map(str::to_owned)
                    .to_vec(),
                facts: serde_json::json!({"sha256": sha}).to_string(),
                ..ResourceTable::default()
            }),
        }
    }
}
