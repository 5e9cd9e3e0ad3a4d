//! The five YAML blocks of the design draft, and what it says in passing.

mod common;

use common::{Bundle, REFRESH, TRI_PHASE};
use pmplab_dsl::yaml;

const BLOCKS: [&str; 5] = [
    REFRESH,
    include_str!("../../../../tests/dsl/seed/section-5-workbook-entry.yaml"),
    include_str!("../../../../tests/dsl/seed/section-7-steps.yaml"),
    TRI_PHASE,
    include_str!("../../../../tests/dsl/seed/section-9-save-as.yaml"),
];

#[test]
fn every_block_of_the_seed_loads() {
    for block in BLOCKS {
        let loaded = yaml::load(block, 0);
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        assert!(loaded.root.is_some_and(|root| !root.is_null()));
    }
}

#[test]
fn unknown_metadata_is_kept_and_a_near_miss_is_told() {
    let script = TRI_PHASE.replace(
        "      capabilities: [get, post, delete]\n",
        "      capabilities: [get, post, delete]\n      floor: 3\n      ownr: me\n",
    );
    assert_ne!(script, TRI_PHASE);
    let checked = Bundle::with_pairs(&script).check();
    assert!(checked.ok(), "{}", checked.rendered);
    let told: Vec<String> = checked.diagnostics.iter().map(|d| d.code()).collect();
    assert_eq!(
        told.iter().filter(|code| *code == "PMP-I0102").count(),
        1,
        "{told:?}"
    );
    assert!(checked.rendered.contains("did you mean `owner`?"));
    let plan = checked.plan.unwrap();
    assert_eq!(plan.components[0].metadata["floor"], 3);
}

#[test]
fn a_workflow_on_another_level_is_a_warning() {
    let levels = TRI_PHASE.replace(
        "  http_tri_phase:\n    steps",
        "  http_tri_phase:\n    wbs-level: L2\n    steps",
    );
    let checked = Bundle::with_pairs(&levels).check();
    assert!(checked.ok(), "{}", checked.rendered);
    assert!(checked.diagnostics.iter().any(|d| d.code() == "PMP-W0406"));
}
