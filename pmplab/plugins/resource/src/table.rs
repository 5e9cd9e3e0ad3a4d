//! Rows of a manifest against the fields of its pool.

use crate::csv::Cell;
use crate::fields;
use crate::model::{Place, Problem, shown};
use std::collections::HashMap;

/// Problems of one manifest that are told one by one; the rest is counted.
const MOST: usize = 100;

/// Collects rows, and everything that is wrong with them.
pub struct Table {
    fields: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Line of each row that was kept.
    seen: HashMap<Vec<String>, u32>,
    problems: Vec<Problem>,
    untold: usize,
}

impl Table {
    pub fn new(fields: Vec<String>) -> Self {
        Self {
            fields,
            rows: Vec::new(),
            seen: HashMap::new(),
            problems: Vec::new(),
            untold: 0,
        }
    }

    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// What a row must look like.
    pub fn shape(&self) -> String {
        format!("expected `{}`", self.fields.join(","))
    }

    pub fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MOST {
            self.problems.push(problem)
        } else {
            self.untold += 1
        }
    }

    /// Takes the first row of a CSV text if it is a header; one that differs from the fields is the only thing told of it.
    pub fn header(&mut self, cells: &[Cell], place: Place) -> bool {
        let names: Vec<&str> = cells.iter().map(|cell| cell.text.as_str()).collect();
        let has = |field: &String| names.iter().any(|name| name.eq_ignore_ascii_case(field));
        if names.len() == self.fields.len()
            && names
                .iter()
                .zip(&self.fields)
                .all(|(n, f)| n.eq_ignore_ascii_case(f))
        {
            return true;
        }
        if names.len() < 2 || !self.fields.iter().all(has) {
            return false;
        }
        let message = format!(
            "the header is {}, `config.parser.fields` is `{}`",
            shown(&names.join(",")),
            self.fields.join(",")
        );
        self.problem(
            Problem::at_row(place, message).help(format!("set `fields: [{}]`", names.join(", "))),
        );
        self.fields = names.iter().map(|name| name.to_lowercase()).collect();
        true
    }

    /// Takes a row, or what is wrong with it.
    pub fn row(&mut self, cells: Vec<Cell>, place: Place) {
        let (wanted, found) = (self.fields.len(), cells.len());
        if wanted != found {
            let noun = if wanted == 1 { "field" } else { "fields" };
            // The first surplus field is the fault; a missing one is nowhere.
            let place = cells.get(wanted).map_or(place, |cell| cell.place);
            let problem =
                Problem::at_row(place, format!("this row has {found} of {wanted} {noun}"));
            return self.problem(problem.help(self.shape()));
        }
        let mut good = true;
        for (i, cell) in cells.iter().enumerate() {
            if let Some(defect) = fields::defect(&self.fields[i], &cell.text) {
                good = false;
                let problem =
                    Problem::at_row(cell.place, format!("{} {defect}", shown(&cell.text)));
                self.problem(problem.help(self.shape()));
            }
        }
        if !good {
            return;
        }
        let values: Vec<String> = cells.into_iter().map(|cell| cell.text).collect();
        if let Some(line) = self.seen.get(&values) {
            let message = format!("{} stands already on line {line}", shown(&values.join(",")));
            return self
                .problem(Problem::at_row(place, message).help("each entry must stand once"));
        }
        self.seen.insert(values.clone(), place.line);
        self.rows.push(values);
    }

    /// The rows, or all that is wrong; a table without rows is wrong too.
    pub fn done(mut self) -> Result<Vec<Vec<String>>, Vec<Problem>> {
        if self.rows.is_empty() && self.problems.is_empty() {
            let problem = Problem::at_row(Place::new(1, 1, 1), "the manifest has no rows".into());
            self.problems.push(problem.help(self.shape()));
        }
        if self.untold > 0
            && let Some(last) = self.problems.last_mut()
        {
            last.message += &format!(" (and {} more problems in this file)", self.untold);
        }
        if self.problems.is_empty() {
            Ok(self.rows)
        } else {
            Err(self.problems)
        }
    }
}

/// Names of the entries: the first two fields, or all where two would not tell entries apart.
pub fn keys(rows: &[Vec<String>]) -> Vec<String> {
    let short = |row: &Vec<String>| fields::key(&row[..row.len().min(2)]);
    let keys: Vec<String> = rows.iter().map(short).collect();
    let distinct: std::collections::HashSet<&String> = keys.iter().collect();
    if distinct.len() == keys.len() {
        keys
    } else {
        rows.iter().map(|row| fields::key(row)).collect()
    }
}
