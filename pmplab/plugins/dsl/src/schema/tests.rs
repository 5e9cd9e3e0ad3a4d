//! The descriptions against the parser's own tables.

use super::{Described, Kind, places};
use std::collections::BTreeSet;

/// Where the parser keeps tables of keys.
const SOURCES: &[&str] = &["src/read", "src/build"];

/// The constants of type `Place` in the parser's sources.
fn constants() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in SOURCES {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            for line in text.lines().filter(|line| line.contains(": Place = ")) {
                let name = line
                    .split("const ")
                    .nth(1)
                    .and_then(|l| l.split(':').next());
                found.extend(name.map(str::to_owned));
            }
        }
    }
    // The empty one, from which the others take what they leave out.
    found.remove("PLAIN");
    found
}

#[test]
fn every_map_that_the_parser_reads_is_described() {
    let described: BTreeSet<String> = places()
        .iter()
        .filter(|p| p.place.is_some())
        .map(|p| p.id.to_owned())
        .collect();
    let parsed = constants();
    let missing: Vec<&String> = parsed.difference(&described).collect();
    assert!(
        missing.is_empty(),
        "bind these in schema/table (`place: Some(&places::...)`): {missing:?}"
    );
    assert_eq!(described.difference(&parsed).count(), 0);
}

#[test]
fn every_key_that_the_parser_reads_is_described_and_no_other() {
    let mut wrong = Vec::new();
    for described in places() {
        let Some(place) = described.place else {
            continue;
        };
        let has = |name: &str| described.keys.iter().any(|k| k.name == name);
        for key in place.keys.iter().filter(|key| !has(key)) {
            wrong.push(format!("{}: `{key}` is not described", described.id));
        }
        for key in described.keys {
            let known = place.keys.contains(&key.name) || key.name.starts_with("x-");
            if !known {
                wrong.push(format!(
                    "{}: the parser has no `{}`",
                    described.id, key.name
                ));
            }
        }
        if described.open != place.open {
            wrong.push(format!("{}: open differs", described.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_key_has_a_sentence_and_an_example() {
    for place in places() {
        assert!(place.doc.ends_with('.'), "{}", place.id);
        let mut seen = BTreeSet::new();
        for key in place.keys {
            let name = format!("{}.{}", place.id, key.name);
            assert!(key.doc.len() > 8 && key.doc.ends_with('.'), "{name}");
            assert!(!key.example.is_empty(), "{name}");
            assert!(seen.insert(key.name), "{name} is described twice");
        }
    }
}

#[test]
fn what_a_kind_names_is_described() {
    fn named(kind: &Kind, see: &mut dyn FnMut(&str)) {
        match kind {
            Kind::Place(id) => see(id),
            Kind::Named(inner)
            | Kind::List(inner)
            | Kind::Filled(inner)
            | Kind::Pair(inner)
            | Kind::There(inner)
            | Kind::ListOrNothing(inner) => named(inner, see),
            Kind::Either(kinds) => kinds.iter().for_each(|kind| named(kind, see)),
            _ => {}
        }
    }
    let known = |id: &str| places().iter().any(|p| p.id == id);
    let lists = |p: &Described| {
        p.one_of
            .iter()
            .chain(p.any_of.iter().copied().flatten())
            .chain(p.needs.iter().chain(p.exclusive).flat_map(|(a, b)| [a, b]))
            .chain(p.cases.iter().flat_map(|case| {
                let kinds = case.kinds.iter().map(|(name, _)| name);
                let lists = [case.needs, case.any, case.bars];
                kinds.chain(lists.into_iter().flatten()).chain([&case.key])
            }))
            .copied()
            .collect::<Vec<_>>()
    };
    for place in places() {
        for key in place.keys {
            named(&key.kind, &mut |id| assert!(known(id), "{id}"));
        }
        for name in lists(place) {
            assert!(
                place.keys.iter().any(|k| k.name == name),
                "{}: {name}",
                place.id
            );
        }
    }
}
