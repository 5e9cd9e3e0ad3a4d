//! The component's edge: the contract's records to the engine's and back, and the bundle's files.
#![allow(unsafe_code, reason = "the bindings that wit-bindgen makes")]

use crate::about::about;
use crate::blob::{Files, LONGEST, Unread};
use crate::model;
use crate::provider::Provider;
use std::cell::RefCell;
use wasip2::filesystem::types::{DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags};

wit_bindgen::generate!({
    path: ["../../wit/deps/wasi-filesystem.wit", "../../wit/resource"],
    world: "pmplab:%resource/resource-component",
    with: { "wasi:filesystem/types@0.2.0": wasip2::filesystem::types },
});
use exports::pmplab::resource::provider::*;

thread_local! {
    static PROVIDER: RefCell<Option<Provider>> = const { RefCell::new(None) };
}

/// Runs on the provider; before `init-provider` there is one without files.
fn with<T>(f: impl FnOnce(&mut Provider) -> T) -> T {
    PROVIDER.with_borrow_mut(|provider| f(provider.get_or_insert_with(|| Provider::new(None))))
}

struct Component;

impl Guest for Component {
    fn init_provider(res_dir: Option<Descriptor>) -> Result<Capabilities, Error> {
        std::panic::set_hook(Box::new(|panic| {
            let _ = wasip2::cli::stderr::get_stderr()
                .blocking_write_and_flush(format!("resource-manager: {panic}\n").as_bytes());
        }));
        let files = res_dir.map(|folder| Box::new(Bundle(folder)) as Box<dyn Files>);
        PROVIDER.replace(Some(Provider::new(files)));
        let about = about();
        Ok(Capabilities {
            name: about.name,
            version: about.version,
            calls: about.capabilities,
            provides: about.provides,
        })
    }

    fn open(spec: Spec) -> Result<Table, Vec<Problem>> {
        match with(|provider| provider.open(&spec.into())) {
            Ok(model::Table {
                id,
                fields,
                keys,
                facts,
            }) => Ok(Table {
                id,
                fields,
                keys,
                facts,
            }),
            Err(problems) => Err(problems.into_iter().map(Problem::from).collect()),
        }
    }

    fn allocate_pair(resource: u32, holder: u64, now: u64) -> Result<Lease, Error> {
        let model::Lease {
            id,
            entry,
            fields,
            expires,
        } = with(|provider| provider.allocate(resource, holder, now))?;
        Ok(Lease {
            id,
            entry,
            fields,
            expires,
        })
    }

    fn release_pair(lease: u64, _now: u64) -> Result<(), Error> {
        Ok(with(|provider| provider.release(lease))?)
    }

    fn renew(lease: u64, now: u64) -> Result<Option<u64>, Error> {
        Ok(with(|provider| provider.renew(lease, now))?)
    }

    fn expire(now: u64) -> Vec<u64> {
        with(|provider| provider.expire(now))
    }

    fn mount_file(resource: u32) -> Result<File, Error> {
        let model::File {
            path,
            size,
            sha256,
            content,
        } = with(|provider| provider.mount(resource))?;
        Ok(File {
            path,
            size,
            sha256,
            content,
        })
    }

    fn get(resource: u32, key: String) -> Result<Option<String>, Error> {
        Ok(with(|provider| provider.get(resource, &key))?)
    }

    fn put(resource: u32, key: String, value: String) -> Result<(), Error> {
        Ok(with(|provider| provider.put(resource, key, value))?)
    }

    fn delete(resource: u32, key: String) -> Result<bool, Error> {
        Ok(with(|provider| provider.delete(resource, &key))?)
    }

    fn release_provider() -> Vec<u64> {
        with(Provider::close)
    }
}

impl From<Spec> for model::Spec {
    fn from(spec: Spec) -> Self {
        Self {
            name: spec.name,
            kind: spec.type_,
            config: spec.config,
            manifest: spec
                .manifest
                .map(|(text, path)| model::Manifest { text, path }),
            strategy: spec.strategy,
            ttl: spec.ttl,
            size: spec.size,
            holders: spec.holders,
            calls: spec.calls,
        }
    }
}

impl From<model::Problem> for Problem {
    fn from(problem: model::Problem) -> Self {
        let (line, column, width) = problem
            .place
            .map_or((0, 0, 0), |place| (place.line, place.column, place.width));
        Self {
            code: problem.code.to_owned(),
            message: problem.message,
            help: problem.help,
            file: problem.file,
            line,
            column,
            width,
            key: problem.key.map(str::to_owned),
        }
    }
}

impl From<model::Refusal> for Error {
    fn from(refusal: model::Refusal) -> Self {
        match refusal {
            model::Refusal::Exhausted => Self::Exhausted,
            model::Refusal::Expired => Self::Expired,
            model::Refusal::NotFound(what) => Self::NotFound(what),
            model::Refusal::Invalid(why) => Self::Invalid(why),
            model::Refusal::Other(why) => Self::Other(why),
        }
    }
}

/// The bundle's folder.
struct Bundle(Descriptor);

impl Files for Bundle {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unread> {
        let told = |code: ErrorCode| match code {
            ErrorCode::NoEntry | ErrorCode::NotDirectory => Unread::Missing,
            ErrorCode::NotPermitted => Unread::Other("it leads out of the bundle".into()),
            other => Unread::Other(other.message().to_lowercase()),
        };
        let file = self
            .0
            .open_at(
                PathFlags::SYMLINK_FOLLOW,
                path,
                OpenFlags::empty(),
                DescriptorFlags::READ,
            )
            .map_err(told)?;
        let stat = file.stat().map_err(told)?;
        if stat.type_ != DescriptorType::RegularFile {
            return Err(Unread::NotAFile);
        }
        let mut content = Vec::new();
        loop {
            let (bytes, end) = file.read(1 << 20, content.len() as u64).map_err(told)?;
            // A file that grows while it is read is as long as one that was so before.
            let size = (content.len() + bytes.len()) as u64;
            if stat.size.max(size) > LONGEST {
                return Err(Unread::TooLong(stat.size.max(size)));
            }
            let last = end || bytes.is_empty();
            content.extend(bytes);
            if last {
                return Ok(content);
            }
        }
    }

    fn list(&self, folder: &str) -> Vec<String> {
        const MOST: usize = 1000;
        let open = self.0.open_at(
            PathFlags::SYMLINK_FOLLOW,
            folder,
            OpenFlags::DIRECTORY,
            DescriptorFlags::READ,
        );
        let Ok(entries) = open.and_then(|folder| folder.read_directory()) else {
            return Vec::new();
        };
        let mut names = Vec::new();
        while let Ok(Some(entry)) = entries.read_directory_entry() {
            if entry.type_ == DescriptorType::RegularFile && names.len() < MOST {
                names.push(entry.name);
            }
        }
        names
    }
}

export!(Component);
