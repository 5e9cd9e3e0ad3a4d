//! Who writes and who reads each variable, by node.

use super::Flow;
use crate::plan::Variable;
use std::collections::HashSet;

impl Flow {
    /// Fills in `writers` and `readers`, each node once, in the order of the workflow.
    pub fn lineage(&self, vars: &mut [Variable]) {
        let mut seen = HashSet::new();
        for write in &self.writes {
            let owner = self.points[write.point].owner;
            if seen.insert((true, write.var, owner)) {
                vars[write.var]
                    .writers
                    .push(self.owners[owner].node.clone());
            }
        }
        for read in &self.reads {
            let owner = self.points[read.point].owner;
            if seen.insert((false, read.var, owner)) {
                vars[read.var].readers.push(self.owners[owner].node.clone());
            }
        }
    }
}
