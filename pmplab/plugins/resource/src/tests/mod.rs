//! Tests of the engine, by what a script can ask of it.

mod blobs;
mod leases;
mod manifests;
mod order;
mod random;
mod stores;

use crate::blob::{Files, Unread};
use crate::model::{Manifest, Problem, Refusal, Spec, Table};
use crate::provider::Provider;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A pool of `ip,port` with the given rows.
fn pool(manifest: &str) -> Spec {
    Spec {
        name: "ip-port-pool".into(),
        kind: "pair_pool".into(),
        config: r#"{"manifest": "./resource.yaml", "parser": {"format": "csv", "fields": ["ip", "port"]}}"#.into(),
        manifest: Some(Manifest { text: manifest.into(), path: "resource.yaml".into() }),
        strategy: "round-robin".into(),
        holders: Some(1),
        calls: vec![("acquire".into(), "allocate_pair".into()), ("release".into(), "release_pair".into())],
        ..Spec::default()
    }
}

/// `count` good rows.
fn pairs(count: usize) -> String {
    (0..count)
        .map(|i| format!("127.0.0.1,{}\n", 20_000 + i))
        .collect()
}

fn provider() -> Provider {
    Provider::new(None)
}

fn open(spec: &Spec) -> Result<Table, Vec<Problem>> {
    provider().open(spec)
}

/// Position and message of every problem.
fn told(problems: &[Problem]) -> Vec<String> {
    let place = |p: &Problem| {
        p.place.map_or(String::new(), |at| {
            format!("{}:{}+{} ", at.line, at.column, at.width)
        })
    };
    problems
        .iter()
        .map(|p| format!("{}{} {}", place(p), p.code, p.message))
        .collect()
}

/// What the manifest of a pool is refused for.
fn refused(manifest: &str) -> Vec<String> {
    let problems = open(&pool(manifest)).expect_err("the manifest is bad");
    for problem in &problems {
        assert_eq!(problem.file.as_deref(), Some("resource.yaml"));
    }
    told(&problems)
}

/// Files in memory that a test can change behind the provider's back.
#[derive(Clone, Default)]
struct Shelf(Rc<RefCell<BTreeMap<String, Vec<u8>>>>);

impl Shelf {
    fn put(&self, path: &str, content: &str) {
        self.0.borrow_mut().insert(path.into(), content.into());
    }

    fn provider(&self) -> Provider {
        Provider::new(Some(Box::new(self.clone())))
    }
}

impl Files for Shelf {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unread> {
        self.0.borrow().get(path).cloned().ok_or(Unread::Missing)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let inside = |path: &String| path.rsplit_once('/').is_some_and(|(f, _)| f == folder);
        let names = self.0.borrow();
        names
            .keys()
            .filter(|path| inside(path))
            .filter_map(|path| path.rsplit('/').next())
            .map(str::to_owned)
            .collect()
    }
}

#[test]
fn the_section_names_what_the_provider_is() {
    let about = crate::about::about();
    assert_eq!(
        (about.name.as_str(), about.version.as_str()),
        ("resource-manager", "0.4.0")
    );
    assert_eq!(about.provides, ["pair_pool", "file_blob", "kv_store"]);
    for call in ["allocate_pair", "release_pair", "mount_file"] {
        assert!(about.capabilities.iter().any(|c| c == call));
    }
}

#[test]
fn an_unknown_type_is_answered_with_the_likely_one() {
    let problems = open(&Spec {
        kind: "pair-pool".into(),
        ..pool("")
    })
    .unwrap_err();
    assert_eq!(problems[0].key, Some("type"));
    assert_eq!(
        problems[0].help.as_deref(),
        Some("did you mean `pair_pool`?")
    );
}

#[test]
fn a_role_bound_to_the_wrong_capability_is_told_at_that_role() {
    let calls = vec![
        ("acquire".into(), "release_pair".into()),
        ("release".into(), "release_pair".into()),
    ];
    let problems = open(&Spec {
        calls,
        ..pool(&pairs(1))
    })
    .unwrap_err();
    assert_eq!(told(&problems), ["E0505 `release_pair` cannot acquire"]);
    assert_eq!(problems[0].key, Some("provider.calls.acquire"));
}

#[test]
fn what_makes_no_sense_for_a_type_is_invalid() {
    let mut provider = provider();
    let id = provider.open(&pool(&pairs(1))).unwrap().id;
    assert_eq!(
        provider.mount(id),
        Err(Refusal::Invalid("a pair_pool cannot be mounted".into()))
    );
    assert!(matches!(provider.get(id, "k"), Err(Refusal::Invalid(_))));
    assert_eq!(
        provider.allocate(7, 0, 0),
        Err(Refusal::NotFound("resource 7".into()))
    );
}
