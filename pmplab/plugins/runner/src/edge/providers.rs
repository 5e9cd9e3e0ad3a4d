//! The provider slots: two imported interfaces with the same items, each with types of its own.

use pmplab_dsl::plan::Ns;
use pmplab_dsl::{Problem, ResourceSpec, ResourceTable};

use crate::ports::{Capabilities, Granted, Mounted, Provider, Refusal};

/// How many slots the core's world has.
pub const SLOTS: usize = 2;

/// One of them.
pub struct ProviderSlot(pub usize);

macro_rules! slot {
    ($name:ident, $wit:ident) => {
        mod $name {
            use super::{
                Capabilities, Granted, Mounted, Ns, Problem, Refusal, ResourceSpec, ResourceTable,
            };
            use crate::edge::$wit as wit;

            fn refusal(error: wit::Error) -> Refusal {
                match error {
                    wit::Error::Exhausted => Refusal::Exhausted,
                    wit::Error::Expired => Refusal::Expired,
                    wit::Error::NotFound(text) => Refusal::Other(format!("there is no {text}")),
                    wit::Error::Invalid(text) | wit::Error::Other(text) => Refusal::Other(text),
                }
            }

            pub fn init(files: bool) -> Result<Capabilities, Refusal> {
                let folder = files.then(|| crate::edge::directory("/bundle")).flatten();
                let found = wit::init_provider(folder).map_err(refusal)?;
                Ok(Capabilities {
                    name: found.name,
                    version: found.version,
                    calls: found.calls,
                    provides: found.provides,
                })
            }

            pub fn open(spec: &ResourceSpec) -> Result<ResourceTable, Vec<Problem>> {
                let spec = wit::Spec {
                    name: spec.name.clone(),
                    type_: spec.kind.clone(),
                    config: spec.config.clone(),
                    manifest: spec.manifest.clone(),
                    strategy: spec.strategy.clone(),
                    ttl: spec.ttl,
                    size: spec.size,
                    holders: spec.holders,
                    calls: spec.calls.clone(),
                };
                match wit::open(&spec) {
                    Ok(table) => Ok(ResourceTable {
                        id: table.id,
                        fields: table.fields,
                        keys: table.keys,
                        facts: table.facts,
                    }),
                    Err(problems) => Err(problems.into_iter().map(problem).collect()),
                }
            }

            fn problem(problem: wit::Problem) -> Problem {
                Problem {
                    code: problem.code,
                    message: problem.message,
                    help: problem.help,
                    file: problem.file,
                    line: problem.line,
                    column: problem.column,
                    width: problem.width,
                    key: problem.key,
                }
            }

            pub fn acquire(resource: u32, holder: u64, now: Ns) -> Result<Granted, Refusal> {
                let lease = wit::allocate_pair(resource, holder, now).map_err(refusal)?;
                Ok(Granted {
                    id: lease.id,
                    entry: lease.entry,
                    fields: lease.fields,
                    expires: lease.expires,
                })
            }

            pub fn release(lease: u64, now: Ns) -> Result<(), Refusal> {
                wit::release_pair(lease, now).map_err(refusal)
            }

            pub fn renew(lease: u64, now: Ns) -> Result<Option<Ns>, Refusal> {
                wit::renew(lease, now).map_err(refusal)
            }

            pub fn mount(resource: u32) -> Result<Mounted, Refusal> {
                let file = wit::mount_file(resource).map_err(refusal)?;
                Ok(Mounted {
                    path: file.path,
                    size: file.size,
                    sha256: file.sha256,
                    content: file.content,
                })
            }

            pub fn get(resource: u32, key: &str) -> Result<Option<String>, Refusal> {
                wit::get(resource, key).map_err(refusal)
            }

            pub fn put(resource: u32, key: &str, value: &str) -> Result<(), Refusal> {
                wit::put(resource, key, value).map_err(refusal)
            }

            pub fn delete(resource: u32, key: &str) -> Result<bool, Refusal> {
                wit::delete(resource, key).map_err(refusal)
            }

            pub use wit::{expire, release_provider as close};
        }
    };
}

slot!(p0, provider0);
slot!(p1, provider1);

macro_rules! dispatch {
    ($slot:expr, $function:ident ( $($argument:expr),* )) => {
        match $slot {
            0 => p0::$function($($argument),*),
            _ => p1::$function($($argument),*),
        }
    };
}

impl ProviderSlot {
    /// What the component says it is.
    ///
    /// # Errors
    /// What it says is wrong.
    pub fn init(&self, files: bool) -> Result<Capabilities, String> {
        let found = dispatch!(self.0, init(files));
        found.map_err(|refusal| match refusal {
            Refusal::Other(text) => text,
            Refusal::Exhausted | Refusal::Expired => "it refused without a reason".to_owned(),
        })
    }

    /// # Errors
    /// With all defects of the resource.
    pub fn open(&self, spec: &ResourceSpec) -> Result<ResourceTable, Vec<Problem>> {
        dispatch!(self.0, open(spec))
    }
}

impl Provider for ProviderSlot {
    fn acquire(&mut self, resource: u32, holder: u64, now: Ns) -> Result<Granted, Refusal> {
        dispatch!(self.0, acquire(resource, holder, now))
    }
    fn release(&mut self, lease: u64, now: Ns) -> Result<(), Refusal> {
        dispatch!(self.0, release(lease, now))
    }
    fn renew(&mut self, lease: u64, now: Ns) -> Result<Option<Ns>, Refusal> {
        dispatch!(self.0, renew(lease, now))
    }
    fn expire(&mut self, now: Ns) -> Vec<u64> {
        dispatch!(self.0, expire(now))
    }
    fn mount(&mut self, resource: u32) -> Result<Mounted, Refusal> {
        dispatch!(self.0, mount(resource))
    }
    fn get(&mut self, resource: u32, key: &str) -> Result<Option<String>, Refusal> {
        dispatch!(self.0, get(resource, key))
    }
    fn put(&mut self, resource: u32, key: &str, value: &str) -> Result<(), Refusal> {
        dispatch!(self.0, put(resource, key, value))
    }
    fn delete(&mut self, resource: u32, key: &str) -> Result<bool, Refusal> {
        dispatch!(self.0, delete(resource, key))
    }
    fn close(&mut self) -> Vec<u64> {
        dispatch!(self.0, close())
    }
}
