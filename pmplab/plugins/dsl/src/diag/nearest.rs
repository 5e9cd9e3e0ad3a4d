//! "Did you mean": the nearest name by edits, transpositions counted once.

/// The candidate that is nearest to `name`, if it is near enough: at most max(1, len / 3) edits, case and `_`/`-` apart.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted = fold(name);
    if wanted.is_empty() || wanted.len() > 64 {
        return None;
    }
    let limit = (wanted.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let folded = fold(candidate);
        if folded.len().abs_diff(wanted.len()) > limit || candidate == name {
            continue;
        }
        let distance = distance(&wanted, &folded);
        if distance <= limit
            && distance < wanted.len()
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Keys are kebab-case; snake_case and case are forgiven.
fn fold(name: &str) -> Vec<char> {
    name.chars()
        .map(|c| {
            if c == '_' {
                '-'
            } else {
                c.to_lowercase().next().unwrap_or(c)
            }
        })
        .collect()
}

/// Damerau-Levenshtein, adjacent transpositions only.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = [
        vec![0; b.len() + 1],
        (0..=b.len()).collect(),
        vec![0; b.len() + 1],
    ];
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[1][j] + 1)
                .min(rows[2][j - 1] + 1)
                .min(rows[1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = least;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposition_is_one_edit() {
        assert_eq!(nearest("ab", ["ba"]), Some("ba"));
        assert_eq!(
            nearest("ip-prot-pool", ["ip-port-pool", "payload"]),
            Some("ip-port-pool")
        );
    }

    #[test]
    fn underscore_and_case_do_not_count() {
        assert_eq!(nearest("User_Count", ["user-count"]), Some("user-count"));
    }

    #[test]
    fn what_is_far_is_not_offered() {
        assert_eq!(nearest("zebra", ["user-count", "name"]), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
