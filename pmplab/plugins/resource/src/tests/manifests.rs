use super::{open, pairs, pool, refused, told};
use crate::model::{Manifest, Spec};

fn keys(manifest: &str) -> Vec<String> {
    open(&pool(manifest)).expect("the manifest is good").keys
}

#[test]
fn a_thousand_rows_give_a_thousand_pairs() {
    let table = open(&pool(&format!("ip,port\n{}", pairs(1000)))).unwrap();
    assert_eq!(table.keys.len(), 1000);
    assert_eq!(
        (table.keys[0].as_str(), table.keys[999].as_str()),
        ("127.0.0.1:20000", "127.0.0.1:20999")
    );
    assert_eq!(table.fields, ["ip", "port"]);
    let facts: serde_json::Value = serde_json::from_str(&table.facts).unwrap();
    assert_eq!(
        (&facts["rows"], &facts["entries"]),
        (&1000.into(), &1000.into())
    );
    assert_eq!(facts["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn header_comments_blank_lines_crlf_quotes_and_a_byte_order_mark_are_no_rows() {
    let text = "\u{feff}# pairs of the lab\r\nip, port\r\n\r\n10.0.0.1, 80\r\n  # indented\r\n\"10.0.0.2\",\"81\"\r\nhost-a.lab,82";
    assert_eq!(keys(text), ["10.0.0.1:80", "10.0.0.2:81", "host-a.lab:82"]);
}

#[test]
fn every_bad_row_is_told_with_its_place() {
    let text = "ip,port\n10.0.0.1\n10.0.0.1,80,x\n10.0.0.1,99999\n  300.1.2.3 , 0\n10.0.0.9,81\n10.0.0.9,81\n";
    assert_eq!(
        refused(text),
        [
            "2:1+8 E0502 this row has 1 of 2 fields",
            "3:13+1 E0502 this row has 3 of 2 fields",
            "4:10+5 E0502 `99999` is not a port: a whole number from 1 to 65535",
            "5:3+9 E0502 `300.1.2.3` is not an IP address or host name",
            "5:15+1 E0502 `0` is not a port: a whole number from 1 to 65535",
            "7:1+11 E0502 `10.0.0.9,81` stands already on line 6",
        ]
    );
    assert_eq!(
        open(&pool("a,1\nb\n")).unwrap_err()[0].help.as_deref(),
        Some("expected `ip,port`")
    );
}

#[test]
fn columns_count_characters_and_not_bytes() {
    assert_eq!(
        refused("größe,80\nок,x"),
        [
            "1:1+5 E0502 `größe` is not an IP address or host name",
            "2:1+2 E0502 `ок` is not an IP address or host name",
            "2:4+1 E0502 `x` is not a port: a whole number from 1 to 65535",
        ]
    );
}

#[test]
fn bad_quotes_cost_their_line_only() {
    assert_eq!(
        refused("\"10.0.0.1\"x,80\n10.0.0.2,y\n"),
        [
            "1:11+1 E0502 text stands after the closing quote",
            "2:10+1 E0502 `y` is not a port: a whole number from 1 to 65535",
        ]
    );
    assert_eq!(
        refused("10.0.0.2,80\n10.0.0.3,\"81\n10.0.0.4,z\n"),
        [
            "2:10+1 E0502 this quote is never closed",
            "3:10+1 E0502 `z` is not a port: a whole number from 1 to 65535",
        ]
    );
}

#[test]
fn free_fields_take_any_text() {
    let config = r#"{"parser": {"format": "csv", "fields": ["user", "secret"]}}"#.to_owned();
    let table = open(&Spec {
        config,
        ..pool("user,secret\nann,\"a \"\"b\"\", c\"\n")
    })
    .unwrap();
    assert_eq!(table.keys, ["ann:a \"b\", c"]);
}

#[test]
fn addresses_of_the_sixth_version_are_bracketed_in_keys() {
    assert_eq!(keys("::1,80\n[fe80::1],81\n"), ["[::1]:80", "[fe80::1]:81"]);
    assert_eq!(
        refused("[::g],80"),
        ["1:1+5 E0502 `[::g]` is not an IP address or host name"]
    );
}

#[test]
fn keys_take_more_fields_when_two_do_not_tell_rows_apart() {
    let config = r#"{"parser": {"fields": ["ip", "port", "user"]}}"#.to_owned();
    let spec = Spec {
        config: config.clone(),
        ..pool("10.0.0.1,80,ann\n10.0.0.1,80,bob\n")
    };
    assert_eq!(
        open(&spec).unwrap().keys,
        ["10.0.0.1:80:ann", "10.0.0.1:80:bob"]
    );
    let spec = Spec {
        config,
        ..pool("10.0.0.1,80,ann\n10.0.0.2,80,bob\n")
    };
    assert_eq!(open(&spec).unwrap().keys, ["10.0.0.1:80", "10.0.0.2:80"]);
}

#[test]
fn a_header_that_differs_from_the_fields_is_told_once() {
    let problems = open(&pool("ip,port,zone\n10.0.0.1,80,a\n10.0.0.2,81,b\n")).unwrap_err();
    assert_eq!(
        told(&problems),
        ["1:1+12 E0502 the header is `ip,port,zone`, `config.parser.fields` is `ip,port`"]
    );
    assert_eq!(
        problems[0].help.as_deref(),
        Some("set `fields: [ip, port, zone]`")
    );
}

#[test]
fn an_empty_manifest_is_a_defect() {
    for text in ["", "\n\n# nothing\n", "ip,port\n"] {
        assert_eq!(refused(text), ["1:1+1 E0502 the manifest has no rows"]);
    }
}

#[test]
fn a_flood_of_bad_rows_is_cut_and_counted() {
    let found = refused(&"x\n".repeat(250));
    assert_eq!(found.len(), 100);
    assert!(found[99].ends_with("(and 150 more problems in this file)"));
}

#[test]
fn a_yaml_mapping_may_hold_csv_as_a_block_and_positions_stay_right() {
    let text = "other: 1\nip-port-pool: |\n  ip,port\n  10.0.0.1,80\n\n  10.0.0.2,0\n";
    assert_eq!(
        refused(text),
        ["6:12+1 E0502 `0` is not a port: a whole number from 1 to 65535"]
    );
    assert_eq!(
        keys(&text.replace(",0\n", ",81\n")),
        ["10.0.0.1:80", "10.0.0.2:81"]
    );
    let late = "ip-port-pool: |\n\n\n  10.0.0.1,0\n";
    assert_eq!(
        refused(late),
        ["4:12+1 E0502 `0` is not a port: a whole number from 1 to 65535"]
    );
    let deep = "ip-port-pool: |2\n     10.0.0.1,0\n";
    assert_eq!(
        refused(deep),
        ["2:15+1 E0502 `0` is not a port: a whole number from 1 to 65535"]
    );
}

#[test]
fn a_yaml_mapping_may_hold_a_list_of_maps() {
    let text = "ip-port-pool:\n  - {ip: 10.0.0.1, port: 80}\n  - ip: host-b\n    port: 81\n";
    assert_eq!(keys(text), ["10.0.0.1:80", "host-b:81"]);
    assert_eq!(
        refused(
            "ip-port-pool:\n  - {ip: 10.0.0.1, prot: 80}\n  - {ip: 10.0.0.2}\n  - {ip: 10.0.0.3, port: []}\n"
        ),
        [
            "2:20+4 E0502 `prot` is no field of this pool",
            "3:6+2 E0502 this row has no `port`",
            "4:26+1 E0502 expected a value, not a list",
        ]
    );
}

#[test]
fn a_yaml_mapping_may_hold_a_list_of_strings() {
    let text = "ip-port-pool:\n- 10.0.0.1:80\n- \"[::1]:81\"\n- [10.0.0.3, 82]\n";
    assert_eq!(keys(text), ["10.0.0.1:80", "[::1]:81", "10.0.0.3:82"]);
    assert_eq!(
        refused("ip-port-pool: [10.0.0.1, 'a:b']"),
        [
            "1:16+8 E0502 this row has 1 of 2 fields",
            "1:26+5 E0502 `b` is not a port: a whole number from 1 to 65535",
        ]
    );
}

#[test]
fn values_that_are_no_rows_are_told_at_the_value() {
    assert_eq!(
        refused("ip-port-pool: {a: 1}"),
        ["1:15+1 E0502 expected CSV text or a list of rows, not a mapping"]
    );
    assert_eq!(
        refused("ip-port-pool: >\n  a,1\n"),
        ["1:15+1 E0502 `>` joins the rows to one line"]
    );
    assert_eq!(
        refused("x: &a [1]\nip-port-pool: *a"),
        ["2:15+2 E0502 expected CSV text or a list of rows, not an alias"]
    );
    assert_eq!(
        refused("ip-port-pool:\n"),
        ["1:1+1 E0502 the manifest has no rows"]
    );
}

#[test]
fn a_mapping_under_another_name_is_one_problem_with_the_likely_name() {
    let problems = open(&pool("ip-prot-pool: |\n  10.0.0.1,80\n")).unwrap_err();
    assert_eq!(
        told(&problems),
        ["1:1+12 E0502 this YAML mapping has no key `ip-port-pool`"]
    );
    assert_eq!(
        problems[0].help.as_deref(),
        Some("is `ip-prot-pool` meant to be `ip-port-pool`?")
    );
}

#[test]
fn broken_yaml_that_was_meant_is_named_as_such() {
    let problems = open(&pool("ip-port-pool:\n\t- a: [\n")).unwrap_err();
    let help = problems[0].help.as_deref().unwrap_or_default();
    assert!(
        help.starts_with("it was read as CSV; as YAML it fails at 2:"),
        "{help}"
    );
}

#[test]
fn json_and_yaml_lists_are_read_by_their_format() {
    let spec = |format: &str, text: &str| Spec {
        config: format!(r#"{{"parser": {{"format": "{format}", "fields": ["ip", "port"]}}}}"#),
        manifest: Some(Manifest {
            text: text.into(),
            path: "pool.json".into(),
        }),
        ..pool("")
    };
    let json = "[{\"ip\": \"10.0.0.1\", \"port\": 80},\n {\"ip\": \"10.0.0.2\", \"port\": 0}]";
    assert_eq!(
        told(&open(&spec("json", json)).unwrap_err()),
        ["2:29+1 E0502 `0` is not a port: a whole number from 1 to 65535"]
    );
    assert_eq!(
        open(&spec("yaml", "- 10.0.0.1:80\n- 10.0.0.2:81\n"))
            .unwrap()
            .keys
            .len(),
        2
    );
    assert_eq!(
        open(&spec("yaml", "ip-port-pool: [10.0.0.1:80]"))
            .unwrap()
            .keys
            .len(),
        1
    );
    assert!(told(&open(&spec("json", "[")).unwrap_err())[0].contains("not YAML"));
    let problems = open(&spec("csw", "")).unwrap_err();
    assert_eq!(
        (problems[0].key, problems[0].help.as_deref()),
        (Some("config.parser.format"), Some("did you mean `csv`?"))
    );
}

#[test]
fn all_defects_of_the_config_come_at_once() {
    let config = r#"{"parser": {"format": 3, "fields": ["ip", "ip"]}}"#.to_owned();
    let problems = open(&Spec { config, ..pool("") }).unwrap_err();
    let keys: Vec<_> = problems.iter().filter_map(|p| p.key).collect();
    assert_eq!(keys, ["config.parser.format", "config.parser.fields"]);
    for config in ["[]", "{", ""] {
        assert_eq!(
            open(&Spec {
                config: config.into(),
                ..pool("")
            })
            .unwrap_err()[0]
                .code,
            "E0104"
        );
    }
    assert_eq!(
        told(
            &open(&Spec {
                manifest: None,
                ..pool("")
            })
            .unwrap_err()
        ),
        ["E0103 missing `manifest`"]
    );
}

#[test]
fn a_size_beyond_the_rows_is_told_with_both_numbers_and_a_smaller_one_limits_the_entries() {
    let problems = open(&Spec {
        size: Some(5),
        ..pool(&pairs(3))
    })
    .unwrap_err();
    assert_eq!(
        told(&problems),
        ["E0504 `size` is 5, but `resource.yaml` has 3 rows"]
    );
    assert_eq!(problems[0].key, Some("capacity.size"));
    assert_eq!(
        open(&Spec {
            size: Some(2),
            ..pool(&pairs(3))
        })
        .unwrap()
        .keys
        .len(),
        2
    );
    assert_eq!(
        told(
            &open(&Spec {
                size: Some(0),
                ..pool(&pairs(3))
            })
            .unwrap_err()
        ),
        ["E0405 `size` must be at least 1"]
    );
}
