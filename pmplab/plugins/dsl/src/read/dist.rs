//! Times that are drawn anew, where a key takes one.

use super::Ctx;
use crate::diag::{Diagnostic, nearest};
use crate::dist::FORMS;
use crate::plan::Dist;
use crate::yaml::Node;

impl Ctx<'_> {
    /// A duration, or a map of one distribution.
    pub fn dist(&mut self, node: &Node, path: &str) -> Option<Dist> {
        if node.text().is_some() {
            return self
                .duration(node, path)
                .map(|time| Dist::Constant(time.value));
        }
        match Dist::read(node) {
            Ok(dist) => Some(dist),
            Err(defect) => {
                let written = node.map().and_then(|all| all.first());
                let unknown = written.filter(|e| e.key_span == defect.span);
                let near = unknown.and_then(|e| nearest(&e.key, crate::dist::SHAPES));
                let found = Diagnostic::error(410, defect.span, defect.message)
                    .label(defect.label)
                    .at(path)
                    .suggest(near);
                self.report(found.help(format!("write {FORMS}")));
                None
            }
        }
    }
}
