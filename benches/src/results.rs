//! The file of results: a beginning, then parts that each begin with a line `### title`. A run replaces the parts that it
//! has measured and leaves the others, with their own dates, as they are. `oracles` uses this file, too.

/// How a part begins.
const HEAD: &str = "### ";

/// The text with this part in the place of the one of the same title, or behind all others.
pub(crate) fn put(text: &str, part: &str) -> String {
    let title = |part: &str| part.lines().next().unwrap_or_default().to_owned();
    let mut parts = split(text);
    match parts.iter_mut().find(|known| known.starts_with(HEAD) && title(known) == title(part)) {
        Some(known) => part.clone_into(known),
        None => parts.push(part.to_owned()),
    }
    let parts: Vec<&str> = parts.iter().map(|part| part.trim_end()).filter(|part| !part.is_empty()).collect();
    parts.join("\n\n") + "\n"
}

fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        if line.starts_with(HEAD) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::put;

    #[test]
    fn a_part_takes_the_place_of_its_older_self_and_no_other() {
        let old = "## Head\n\nWords.\n\n### A\n\n1\n\n#### below\n\n### B\n\n2\n";
        assert_eq!(put(old, "### A\n\n3\n\n"), "## Head\n\nWords.\n\n### A\n\n3\n\n### B\n\n2\n");
        assert_eq!(put(old, "### AB\n\n3\n"), format!("{old}\n### AB\n\n3\n"));
        assert_eq!(put("", "### A\n\n1\n"), "### A\n\n1\n");
    }
}
