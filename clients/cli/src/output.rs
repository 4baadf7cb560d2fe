//! What goes to stdout: tables for people, the proto JSON mapping for programs. Remarks go to stderr.

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use clap::ValueEnum;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;

use crate::failure::Failure;
use crate::text::{one_line, plain, whole};

/// How to print what comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// Proto JSON: an object, a list of objects, or one object per line where they come one by one
    Json,
    /// The same as YAML
    Yaml,
}

/// A column of a table or a line of an object: its title and what stands in it.
pub(crate) type Column<T> = (&'static str, fn(&T) -> String);

impl Format {
    /// Prints a list.
    pub(crate) fn list<T: Message + Name>(self, items: &[T], columns: &[Column<T>]) -> Result<(), Failure> {
        match self {
            Self::Table => print(&table(items, columns, width())),
            _ => self.value(&items.iter().map(to_json).collect::<Result<Vec<_>, _>>()?.into()),
        }
    }

    /// Prints one object: a line for each field that is not empty.
    pub(crate) fn one<T: Message + Name>(self, item: &T, fields: &[Column<T>]) -> Result<(), Failure> {
        match self {
            Self::Table => print(&lines(item, fields)),
            _ => self.value(&to_json(item)?),
        }
    }

    /// Prints one object, for which people get the text.
    pub(crate) fn text_or<T: Message + Name>(self, item: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        match self {
            Self::Table => print(&text(item)),
            _ => self.value(&to_json(item)?),
        }
    }

    /// Prints one of many objects that come one by one: JSON on one line, a YAML document.
    pub(crate) fn item<T: Message + Name>(self, item: &T) -> Result<(), Failure> {
        match self {
            Self::Yaml => print(&format!("---\n{}", yaml(&to_json(item)?)?)),
            _ => print(&format!("{}\n", to_json(item)?)),
        }
    }

    fn value(self, value: &Value) -> Result<(), Failure> {
        match self {
            Self::Yaml => print(&yaml(value)?),
            _ => print(&format!("{value:#}\n")),
        }
    }
}

/// Prints to stdout; without colours where it is not a terminal or `NO_COLOR` is set.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    Ok(anstream::stdout().write_all(text.as_bytes())?)
}

/// Prints a remark to stderr.
pub(crate) fn note(text: &str) {
    // Nobody may be reading: a remark is not worth a failure.
    let _ = anstream::stderr().write_all(format!("{}\n", plain(text)).as_bytes());
}

/// Prints something that was rendered, colours included, to stderr.
pub(crate) fn show(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}

fn yaml(value: &Value) -> Result<String, Failure> {
    Ok(serde_yaml_ng::to_string(value).map_err(io::Error::other)?)
}

/// The message in the proto JSON mapping, which the descriptors define and prost's types alone do not know.
pub(crate) fn to_json<T: Message + Name>(message: &T) -> Result<Value, Failure> {
    static POOL: LazyLock<Option<DescriptorPool>> =
        LazyLock::new(|| DescriptorPool::decode(flagstone_api::DESCRIPTORS).ok());
    let descriptor = POOL.as_ref().and_then(|pool| pool.get_message_by_name(&T::full_name()));
    let descriptor =
        descriptor.ok_or_else(|| io::Error::other(format!("{} is not in the contract", T::full_name())))?;
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map_err(io::Error::other)?;
    let mut json = serde_json::to_value(&message).map_err(io::Error::other)?;
    whole_numbers(&mut json);
    Ok(json)
}

/// Writes 1.0 as 1: what was an integer in a template's inputs looks like one again.
fn whole_numbers(json: &mut Value) {
    match json {
        Value::Number(number) if number.is_f64() => {
            if let Some(integer) = number.as_f64().and_then(whole) {
                *json = integer.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(members) => members.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// The width of the terminal, where stdout is one: only there lines are wrapped.
fn width() -> Option<u16> {
    let stdout = io::stdout();
    stdout.is_terminal().then(|| Table::new().width()).flatten()
}

fn table<T>(items: &[T], columns: &[Column<T>], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(columns.iter().map(|(title, _)| *title));
    for item in items {
        table.add_row(columns.iter().map(|(_, cell)| one_line(&cell(item))));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn lines<T>(item: &T, fields: &[Column<T>]) -> String {
    let width = fields.iter().map(|(title, _)| title.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (title, value) in fields {
        let value = value(item);
        if !value.is_empty() {
            // A value of several lines goes on under its first one.
            let value = plain(value.trim_end()).replace('\n', &format!("\n{:width$}  ", ""));
            text.push_str(&format!("{title:width$}  {value}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstone_api::pb;

    const COLUMNS: &[Column<pb::BusinessUnit>] = &[("NAME", |u| u.name.clone()), ("TITLE", |u| u.display_name.clone())];

    fn unit(name: &str, title: &str) -> pb::BusinessUnit {
        pb::BusinessUnit { name: name.into(), display_name: title.into(), active: true, ..Default::default() }
    }

    #[test]
    fn a_table_has_a_line_for_each_item_and_no_blanks_at_the_ends() {
        let text = table(&[unit("a", "One\nline"), unit("longer", "")], COLUMNS, None);
        assert_eq!(text, "NAME    TITLE\na       One line\nlonger\n");
    }

    #[test]
    fn an_empty_table_is_its_head() {
        assert_eq!(table(&[], COLUMNS, None), "NAME  TITLE\n");
    }

    #[test]
    fn an_object_has_a_line_for_each_field_that_is_set() {
        assert_eq!(lines(&unit("a", ""), COLUMNS), "NAME   a\n");
        assert_eq!(lines(&unit("a", "b\nc"), COLUMNS), "NAME   a\nTITLE  b\n       c\n");
    }

    #[test]
    fn whole_numbers_are_written_as_such() {
        let fields = [("a".to_owned(), 1.0.into()), ("b".to_owned(), 1.5.into())].into();
        let deployment = pb::Deployment { inputs: Some(prost_types::Struct { fields }), ..Default::default() };
        assert_eq!(to_json(&deployment).unwrap().to_string(), r#"{"inputs":{"a":1,"b":1.5}}"#);
    }

    #[test]
    fn json_is_the_proto_mapping() {
        let job = pb::Job {
            name: "jobs/1".into(),
            state: pb::JobState::RetryWait.into(),
            fence: 7,
            create_time: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            ..Default::default()
        };
        let json = to_json(&job).unwrap();
        let expected = serde_json::json!({
            "name": "jobs/1", "state": "JOB_STATE_RETRY_WAIT", "fence": "7", "createTime": "1970-01-01T00:00:00Z"
        });
        assert_eq!(json, expected);
        assert!(yaml(&json).unwrap().contains("state: JOB_STATE_RETRY_WAIT\n"));
    }
}
