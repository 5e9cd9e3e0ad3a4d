//! The rows of a pool from the text of its manifest: CSV, or YAML that holds CSV or a list.

use crate::csv::{self, Cell, Origin};
use crate::model::{Place, Problem, shown};
use crate::near::near;
use crate::table::Table;
use crate::yaml::{self, Kind, Node};
use saphyr_parser::ScalarStyle;

/// `config.parser.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    /// JSON is read as the YAML that it is.
    Yaml,
}

impl Format {
    pub const NAMES: [&'static str; 3] = ["csv", "json", "yaml"];

    pub fn named(name: &str) -> Option<Self> {
        match name {
            "csv" => Some(Self::Csv),
            "json" | "yaml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// Reads the manifest of the pool `name`.
///
/// A YAML mapping that has the pool's name as a key gives the value of that key: CSV text, or a list of rows. Any other
/// text of format CSV is CSV as a whole.
pub fn rows(
    text: &str,
    name: &str,
    format: Format,
    fields: &[String],
) -> Result<Vec<Vec<String>>, Vec<Problem>> {
    let mut table = Table::new(fields.to_vec());
    match format {
        Format::Csv => {
            // Most manifests are plain CSV: they need not be read as YAML first.
            if text.contains(name)
                && let Ok(Some(root)) = yaml::document(text)
                && let Some(value) = root.get(name)
            {
                from_value(value, text, &mut table);
                return table.done();
            }
            from_csv(
                text,
                Origin::Shifted {
                    lines: 0,
                    column: 0,
                },
                &mut table,
            );
            table
                .done()
                .map_err(|problems| explained(problems, text, name))
        }
        Format::Yaml => {
            match yaml::document(text) {
                Ok(Some(root)) => match (&root.kind, root.get(name)) {
                    (_, Some(value)) => from_value(value, text, &mut table),
                    (Kind::Map(_), None) => table.problem(no_key(&root, name)),
                    _ => from_value(&root, text, &mut table),
                },
                Ok(None) => {}
                Err(fault) => table.problem(Problem::at_row(
                    fault.place,
                    format!("not YAML: {}", fault.message),
                )),
            }
            table.done()
        }
    }
}

/// Says why a text that is bad as CSV was not taken for YAML, when YAML was probably meant.
fn explained(mut problems: Vec<Problem>, text: &str, name: &str) -> Vec<Problem> {
    match yaml::document(text) {
        Ok(Some(root)) if matches!(root.kind, Kind::Map(_)) => return vec![no_key(&root, name)],
        Err(fault)
            if text
                .lines()
                .any(|line| line.trim_end().trim_end_matches('|').trim() == format!("{name}:")) =>
        {
            if let Some(first) = problems.first_mut() {
                let Place { line, column, .. } = fault.place;
                first.help = Some(format!(
                    "it was read as CSV; as YAML it fails at {line}:{column}: {}",
                    fault.message
                ));
            }
        }
        _ => {}
    }
    problems
}

fn no_key(root: &Node, name: &str) -> Problem {
    let names: Vec<&str> = match &root.kind {
        Kind::Map(pairs) => pairs.iter().filter_map(|(key, _)| key.scalar()).collect(),
        _ => Vec::new(),
    };
    let wrong = near(name, names.iter().copied());
    let place = match &root.kind {
        Kind::Map(pairs) => pairs
            .iter()
            .find(|(k, _)| wrong.is_none() || k.scalar() == wrong)
            .map(|(k, _)| k.place),
        _ => None,
    };
    let problem = Problem::at_row(
        place.unwrap_or(root.place),
        format!("this YAML mapping has no key {}", shown(name)),
    );
    problem.help(match wrong {
        Some(wrong) => format!("is {} meant to be `{name}`?", shown(wrong)),
        None => format!("put the rows under `{name}:`, or make the whole file CSV"),
    })
}

fn from_csv(text: &str, origin: Origin, table: &mut Table) {
    for (i, row) in csv::rows(text, origin).into_iter().enumerate() {
        if let Some((place, message)) = row.defect {
            let shape = table.shape();
            table.problem(Problem::at_row(place, message.to_owned()).help(shape));
        } else if i > 0 || !table.header(&row.cells, row.place) {
            table.row(row.cells, row.place);
        }
    }
}

fn from_value(value: &Node, text: &str, table: &mut Table) {
    match &value.kind {
        Kind::Scalar {
            text: inner,
            style: ScalarStyle::Literal,
        } => {
            let line = header(text, value.place).line;
            let column = indent(text, line, inner);
            from_csv(
                inner,
                Origin::Shifted {
                    lines: line,
                    column,
                },
                table,
            );
        }
        Kind::Scalar {
            style: ScalarStyle::Folded,
            ..
        } => {
            let place = header(text, value.place);
            let problem = Problem::at_row(place, "`>` joins the rows to one line".into());
            table.problem(problem.help("write `|`, which keeps lines"));
        }
        Kind::Scalar { text: inner, .. } => from_csv(inner, Origin::Fixed(value.place), table),
        Kind::List(items) => items.iter().for_each(|item| from_item(item, table)),
        Kind::Map(_) | Kind::Alias => {
            let message = format!("expected CSV text or a list of rows, not {}", value.noun());
            table.problem(
                Problem::at_row(value.place, message)
                    .help("write the rows as a block of text after `|`"),
            );
        }
    }
}

/// Where the `|` or `>` of a block scalar stands: on the last line with text before its content.
fn header(text: &str, content: Place) -> Place {
    let before = text.lines().take(content.line.saturating_sub(1) as usize);
    let Some((i, line)) = before
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .last()
    else {
        return content;
    };
    let column = line
        .chars()
        .rev()
        .position(|c| c == '|' || c == '>')
        .map_or(1, |back| line.chars().count() - back);
    Place::new(
        u32::try_from(i + 1).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(1),
        1,
    )
}

/// Columns that the lines of a block scalar are indented by; `line` is that of its header.
fn indent(text: &str, line: u32, inner: &str) -> u32 {
    let lead = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let first =
        |mut lines: std::str::Lines<'_>| lines.find(|line| !line.trim().is_empty()).map_or(0, lead);
    let mut source = text.lines();
    for _ in 0..line {
        source.next();
    }
    u32::try_from(first(source).saturating_sub(first(inner.lines()))).unwrap_or(0)
}

/// One row of a list: a mapping by field, a list of values, or `ip:port`.
fn from_item(item: &Node, table: &mut Table) {
    match &item.kind {
        Kind::Scalar { text, .. } => {
            let mut parts: Vec<&str> = text.rsplitn(table.fields().len(), ':').collect();
            parts.reverse();
            table.row(
                parts
                    .into_iter()
                    .map(|part| cell(part.trim(), item.place))
                    .collect(),
                item.place,
            );
        }
        Kind::List(values) => match values.iter().map(value_cell).collect() {
            Ok(cells) => table.row(cells, item.place),
            Err(problem) => table.problem(problem),
        },
        Kind::Map(pairs) => match row_of(pairs, item, table.fields()) {
            Ok(cells) => table.row(cells, item.place),
            Err(problem) => table.problem(problem),
        },
        Kind::Alias => table.problem(Problem::at_row(
            item.place,
            "aliases are not read in manifests".into(),
        )),
    }
}

fn row_of(pairs: &[(Node, Node)], item: &Node, fields: &[String]) -> Result<Vec<Cell>, Problem> {
    let known = |key: &Node| {
        key.scalar()
            .is_some_and(|name| fields.iter().any(|field| field == name))
    };
    if let Some((key, _)) = pairs.iter().find(|(key, _)| !known(key)) {
        let name = key.scalar().unwrap_or_default();
        let problem = Problem::at_row(
            key.place,
            format!("{} is no field of this pool", shown(name)),
        );
        return Err(
            problem.help(match near(name, fields.iter().map(String::as_str)) {
                Some(field) => format!("did you mean `{field}`?"),
                None => format!("fields: {}", fields.join(", ")),
            }),
        );
    }
    let mut cells = Vec::new();
    for field in fields {
        let mut found = pairs.iter().filter(|(key, _)| key.scalar() == Some(field));
        let place = pairs.first().map_or(item.place, |(key, _)| key.place);
        let (_, value) = found
            .next()
            .ok_or_else(|| Problem::at_row(place, format!("this row has no `{field}`")))?;
        if let Some((key, _)) = found.next() {
            return Err(Problem::at_row(
                key.place,
                format!("`{field}` stands twice in this row"),
            ));
        }
        cells.push(value_cell(value)?);
    }
    Ok(cells)
}

fn value_cell(value: &Node) -> Result<Cell, Problem> {
    match value.scalar() {
        Some(text) => Ok(cell(text, value.place)),
        None => Err(Problem::at_row(
            value.place,
            format!("expected a value, not {}", value.noun()),
        )),
    }
}

fn cell(text: &str, place: Place) -> Cell {
    Cell {
        text: text.to_owned(),
        place,
    }
}
