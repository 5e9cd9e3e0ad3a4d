#[test]
fn the_section_names_what_the_provider_is() {
    let about = crate::about::about();
    assert_eq!(
        (about.name.as_str(), about.version.as_str()),
        ("resource-manager", "0.4.0")
    );
}
