//! Messages stay readable whatever the script puts into them.

/// Bytes that a text may have; those of the parser's own are far below.
const MOST: usize = 4000;
/// What is kept of the end of a longer one.
const END: usize = 400;

/// The text, its middle left out when it is too long.
pub fn short(text: impl Into<String>) -> String {
    let text = text.into();
    if text.len() <= MOST {
        return text;
    }
    let start = text.floor_char_boundary(MOST - END);
    let end = text.ceil_char_boundary(text.len() - END);
    format!("{} ... {}", &text[..start], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_middle_of_a_long_text_is_left_out() {
        assert_eq!(short("short"), "short");
        for text in ["x".repeat(1 << 20), "界".repeat(1 << 20)] {
            let found = short(format!("begin {text} end"));
            assert!(found.len() < MOST + 10 && found.starts_with("begin "));
            assert!(found.contains(" ... ") && found.ends_with(" end"));
        }
    }
}
