//! Pages that explain a code: what it means, and examples of wrong and right. One Markdown file each in `pages/`; the parser
//! itself never reads them.

/// What a page holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Such as `PMP-E0301`: with the letter under which the code is met most.
    pub code: String,
    pub meaning: String,
    pub bad: Vec<Example>,
    pub good: Vec<Example>,
}

/// A piece of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// `yaml`, `csv`, `sh` (command lines) or `files` (the names of the files in a bundle).
    pub language: String,
    /// A file other than the script.
    pub file: Option<String>,
    /// All of the script. Otherwise the text stands for the same sections of a script that is right.
    pub whole: bool,
    pub text: String,
}

impl Page {
    /// Reads a heading, paragraphs, and fenced blocks whose first line says what they are: `yaml bad`, `csv good resource.yaml`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut page = Self {
            code: text.lines().next()?.strip_prefix("# ")?.trim().to_owned(),
            meaning: String::new(),
            bad: Vec::new(),
            good: Vec::new(),
        };
        let mut lines = text.lines().skip(1);
        while let Some(line) = lines.next() {
            let Some(head) = line.strip_prefix("```") else {
                if !line.trim().is_empty() {
                    page.meaning.push_str(line.trim());
                    page.meaning.push(' ');
                }
                continue;
            };
            let mut words = head.split_whitespace();
            let language = words.next()?.to_owned();
            let side = words.next()?;
            let rest = words.next();
            let whole = rest == Some("whole");
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let example = Example {
                language,
                file: rest.filter(|_| !whole).map(str::to_owned),
                whole,
                text: body.iter().map(|line| format!("{line}\n")).collect(),
            };
            match side {
                "bad" => page.bad.push(example),
                "good" => page.good.push(example),
                _ => return None,
            }
        }
        page.meaning.truncate(page.meaning.trim_end().len());
        Some(page)
    }
}

/// What the first two digits of a number say.
pub const FAMILIES: &[(u16, &str)] = &[
    (0, "YAML"),
    (1, "keys"),
    (2, "references and control flow"),
    (3, "variables and templates"),
    (4, "values and units"),
    (5, "resources"),
    (6, "load and time"),
    (7, "components"),
    (8, "bundle and host"),
    (9, "remarks"),
];

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn a_page_has_a_meaning_and_two_sides() {
        let text = "# PMP-E0001\n\nOne.\nTwo.\n\n```yaml bad\na:\n\tb\n```\n\n```csv good r.yaml\n1\n```\n";
        let page = Page::parse(text).unwrap();
        assert_eq!(
            (page.code.as_str(), page.meaning.as_str()),
            ("PMP-E0001", "One. Two.")
        );
        assert_eq!(
            (page.bad[0].text.as_str(), page.bad[0].file.as_deref()),
            ("a:\n\tb\n", None)
        );
        assert_eq!(page.good[0].file.as_deref(), Some("r.yaml"));
    }
}
