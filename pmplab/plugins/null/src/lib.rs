//! Fills the slots of the core that a run does not use: exports both contracts and does nothing.
#![cfg(target_family = "wasm")]
#![allow(unsafe_code, reason = "the bindings that wit-bindgen makes")]

mod protocol {
    wit_bindgen::generate!({
        path: ["../../wit/deps/wasi-io.wit", "../../wit/deps/wasi-filesystem.wit", "../../wit/protocol"],
        world: "pmplab:protocol/protocol-component",
        with: {
            "wasi:io/poll@0.2.0": wasip2::io::poll,
            "wasi:filesystem/types@0.2.0": wasip2::filesystem::types,
        },
    });
    use exports::pmplab::protocol::plugin::*;

    struct Null;
    impl Guest for Null {
        fn init_protocol(_: String, _: Option<Descriptor>) -> Result<Capabilities, Error> {
            Ok(Capabilities {
                name: "null".into(),
                version: "0.0.0".into(),
                calls: vec![],
            })
        }
        fn prepare(_: u32, action: Action) -> Result<(), Error> {
            Err(Error::UnknownCall(action.call))
        }
        fn run_action(_: u64, _: u64, _: u32, _: Vec<Value>, _: Vec<Lease>) -> u64 {
            0
        }
        fn cancel(_: u64) {}
        fn advance(_: u64, _: Vec<Pollable>) -> Advanced {
            Advanced {
                now: 0,
                outcomes: vec![],
            }
        }
        fn pollables() -> Vec<Pollable> {
            vec![]
        }
        fn end_user(_: u64) {}
        fn release_protocol() {}
    }
    export!(Null);
}

mod resource {
    wit_bindgen::generate!({
        path: ["../../wit/deps/wasi-filesystem.wit", "../../wit/resource"],
        world: "pmplab:%resource/resource-component",
        with: { "wasi:filesystem/types@0.2.0": wasip2::filesystem::types },
    });
    use exports::pmplab::resource::provider::*;

    struct Null;
    impl Guest for Null {
        fn init_provider(_: Option<Descriptor>) -> Result<Capabilities, Error> {
            Ok(Capabilities {
                name: "null".into(),
                version: "0.0.0".into(),
                calls: vec![],
                provides: vec![],
            })
        }
        fn open(_: Spec) -> Result<Table, Vec<Problem>> {
            Err(vec![])
        }
        fn allocate_pair(_: u32, _: u64, _: u64) -> Result<Lease, Error> {
            Err(Error::Exhausted)
        }
        fn release_pair(_: u64, _: u64) -> Result<(), Error> {
            Ok(())
        }
        fn renew(_: u64, _: u64) -> Result<Option<u64>, Error> {
            Err(Error::Expired)
        }
        fn expire(_: u64) -> Vec<u64> {
            vec![]
        }
        fn mount_file(_: u32) -> Result<File, Error> {
            Err(Error::NotFound(String::new()))
        }
        fn get(_: u32, _: String) -> Result<Option<String>, Error> {
            Ok(None)
        }
        fn put(_: u32, _: String, _: String) -> Result<(), Error> {
            Ok(())
        }
        fn delete(_: u32, _: String) -> Result<bool, Error> {
            Ok(false)
        }
        fn release_provider() -> Vec<u64> {
            vec![]
        }
    }
    export!(Null);
}
