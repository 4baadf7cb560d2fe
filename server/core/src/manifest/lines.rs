//! Where in a manifest a path is. YAML's reader does not say, so the text is searched as people write it: one key to a line,
//! indented. What is written otherwise is found as far as its surroundings are.

/// The line, counted from 1, of the deepest part of a path such as `inputs.x-rules[1].message` that has one of its own.
pub(super) fn find(text: &str, path: &str) -> Option<usize> {
    let mut lines: Vec<Line<'_>> =
        text.lines().enumerate().filter_map(|(index, line)| Line::read(index, line)).collect();
    let mut found = None;
    // What belongs to the part before: the lines behind it that are indented deeper.
    let (mut from, mut above) = (0, None);
    for part in parts(path) {
        let inside = |line: &Line<'_>| match (part, above) {
            (_, None) => true,
            // A list may stand as far left as its key.
            (Part::Item(_), Some(above)) => line.indent > above || line.indent == above && line.item().is_some(),
            (Part::Key(_), Some(above)) => line.indent > above,
        };
        let end = lines[from..].iter().position(|line| !inside(line)).map_or(lines.len(), |length| from + length);
        let Some(indent) = lines[from..end].first().map(|line| line.indent) else { break };
        let mut candidates = (from..end).filter(|index| lines[*index].indent == indent);
        let at = match part {
            Part::Key(key) => candidates.find(|index| lines[*index].has_key(key)),
            Part::Item(number) => candidates.filter(|index| lines[*index].item().is_some()).nth(number),
        };
        let Some(at) = at else { break };
        found = Some(lines[at].number);
        above = Some(indent);
        from = at + 1;
        if let (Part::Item(_), Some(item)) = (part, lines[at].item().filter(|item| !item.content.is_empty())) {
            // The first key of an item stands behind its dash.
            lines[at] = item;
            from = at;
        }
    }
    found
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Key(&'a str),
    Item(usize),
}

fn parts(path: &str) -> impl Iterator<Item = Part<'_>> {
    path.split(['.', '[']).map(|part| match part.strip_suffix(']').and_then(|number| number.parse().ok()) {
        Some(number) => Part::Item(number),
        None => Part::Key(part),
    })
}

/// A line that says something.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    indent: usize,
    content: &'a str,
}

impl<'a> Line<'a> {
    fn read(index: usize, line: &'a str) -> Option<Self> {
        let content = line.trim_start_matches(' ');
        let says = !content.trim().is_empty() && !content.starts_with('#');
        says.then_some(Self { number: index + 1, indent: line.len() - content.len(), content })
    }

    fn has_key(&self, key: &str) -> bool {
        let bare = ['"', '\''].into_iter().find_map(|quote| {
            let quoted = self.content.strip_prefix(quote)?.strip_prefix(key)?;
            quoted.strip_prefix(quote)
        });
        let rest = bare.or_else(|| self.content.strip_prefix(key));
        rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
    }

    /// What stands behind the dash of a list's item.
    fn item(&self) -> Option<Self> {
        let rest = self.content.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' '))?;
        let content = rest.trim_start_matches(' ');
        Some(Self { indent: self.indent + self.content.len() - content.len(), content, ..*self })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "# inputs: none
id: x
permissions: [a, b]
inputs:
  type: object

  properties:
    name: {title: Name}
    'size':
      title: Size
      # title: Not this
      default: 1
    zones:
      items:
        title: Zone
  x-rules:
  - field: name
    message: a
  -
    field: size
    message: b
outputs:
  type: object
";

    #[test]
    fn the_deepest_part_with_a_line_is_found() {
        for (path, line) in [
            ("id", Some(2)),
            ("permissions[1]", Some(3)),
            ("inputs", Some(4)),
            ("inputs.properties.name", Some(8)),
            ("inputs.properties.name.title", Some(8)),
            ("inputs.properties.size.default", Some(12)),
            ("inputs.properties.zones.items.title", Some(15)),
            ("inputs.properties.absent.title", Some(7)),
            ("inputs.x-rules[0]", Some(17)),
            ("inputs.x-rules[0].field", Some(17)),
            ("inputs.x-rules[0].message", Some(18)),
            ("inputs.x-rules[1].message", Some(21)),
            ("inputs.x-rules[2].message", Some(16)),
            ("outputs.type", Some(23)),
            ("title", None),
            ("", None),
        ] {
            assert_eq!(find(TEXT, path), line, "{path}");
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(text in "[-: a\\n'\"#\\[é]{0,60}", path in "[a.\\[\\]0-9é]{0,12}") {
            let _ = find(&text, &path);
        }
    }
}
