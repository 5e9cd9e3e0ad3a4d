use super::{open, provider, told};
use crate::model::{Manifest, Refusal, Spec};

fn store(config: &str, manifest: Option<&str>) -> Spec {
    Spec {
        name: "models".into(),
        kind: "kv_store".into(),
        config: config.into(),
        manifest: manifest.map(|text| Manifest {
            text: text.into(),
            path: "kv.yaml".into(),
        }),
        ..Spec::default()
    }
}

#[test]
fn a_store_begins_empty_and_keeps_what_is_put() {
    let mut provider = provider();
    let id = provider.open(&store("{}", None)).unwrap().id;
    assert_eq!(provider.get(id, "k"), Ok(None));
    assert_eq!(provider.put(id, "k".into(), "{\"a\": 1}".into()), Ok(()));
    assert_eq!(provider.get(id, "k"), Ok(Some("{\"a\": 1}".into())));
    assert_eq!(provider.delete(id, "k"), Ok(true));
    assert_eq!(provider.delete(id, "k"), Ok(false));
}

#[test]
fn values_are_json_or_refused() {
    let mut provider = provider();
    let id = provider.open(&store("{}", None)).unwrap().id;
    assert!(
        matches!(provider.put(id, "k".into(), "{".into()), Err(Refusal::Invalid(why)) if why.contains("`k`"))
    );
    assert!(matches!(
        provider.allocate(id, 0, 0),
        Err(Refusal::Invalid(_))
    ));
}

#[test]
fn data_of_the_config_comes_over_that_of_the_manifest() {
    let mut provider = provider();
    let manifest = "rate: 5\nname: lab\nflag: \"true\"\nlist: [1, 0x10, null, 1.5, .5, 'x']\n";
    let table = provider
        .open(&store(r#"{"data": {"rate": 7}}"#, Some(manifest)))
        .unwrap();
    let mut get = |key| provider.get(table.id, key).unwrap().unwrap();
    assert_eq!(get("rate"), "7");
    assert_eq!(get("name"), "\"lab\"");
    assert_eq!(get("flag"), "\"true\"");
    assert_eq!(get("list"), "[1,16,null,1.5,0.5,\"x\"]");
    assert!(table.facts.contains("\"keys\":4"));
}

#[test]
fn a_manifest_may_keep_the_values_under_the_name() {
    let mut provider = provider();
    let id = provider
        .open(&store("{}", Some("other: 1\nmodels: {a: 1}\n")))
        .unwrap()
        .id;
    assert_eq!(
        (provider.get(id, "a"), provider.get(id, "other")),
        (Ok(Some("1".into())), Ok(None))
    );
}

#[test]
fn defects_come_with_their_place() {
    let problems = open(&store(r#"{"data": []}"#, Some("a: 1\na: 2\n"))).unwrap_err();
    assert_eq!(
        told(&problems),
        [
            "2:1+1 E0502 cannot be read: this key stands here twice",
            "E0104 `data` must be a mapping of keys to values",
        ]
    );
    assert_eq!(
        told(&open(&store("{}", Some("- 1"))).unwrap_err()),
        ["1:1+1 E0502 expected a mapping of keys to values, not a list"]
    );
    assert!(told(&open(&store("{}", Some("a: [1"))).unwrap_err())[0].contains("cannot be read"));
}
