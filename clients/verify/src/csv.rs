//! Rows of a CSV file (RFC 4180), one at a time.

use std::io::{self, BufRead};

/// Longest row, in bytes. The largest events have a fraction of it.
const ROW_MAX: usize = 64 << 20;

/// The cells of the next row; `None` at the end of the file.
pub(crate) fn row(file: &mut impl BufRead) -> io::Result<Option<Vec<String>>> {
    let mut cells = vec![Vec::new()];
    let (mut quoted, mut after_quote, mut length, mut any) = (false, false, 0, false);
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        any = true;
        let mut used = 0;
        let mut done = false;
        for byte in buffer {
            used += 1;
            let Some(cell) = cells.last_mut() else { break };
            match (quoted, byte) {
                (true, b'"') => {
                    quoted = false;
                    after_quote = true;
                    continue;
                }
                (true, _) => cell.push(*byte),
                // Two quotes inside of quotes are one.
                (false, b'"') if after_quote => {
                    cell.push(b'"');
                    quoted = true;
                }
                (false, b'"') => quoted = true,
                (false, b',') => cells.push(Vec::new()),
                (false, b'\n') => done = true,
                (false, b'\r') => {}
                (false, _) => cell.push(*byte),
            }
            after_quote = false;
            if done {
                break;
            }
        }
        file.consume(used);
        length += used;
        if done {
            break;
        }
        if length > ROW_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "A row of the file has more than 64 MB."));
        }
    }
    let texts = cells.into_iter().map(|cell| String::from_utf8_lossy(&cell).into_owned());
    Ok(any.then(|| texts.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_quotes_commas_and_line_ends_in_cells() {
        let mut file = "a,b\r\n\"x,\"\"y\"\"\n\",\n\"\",z".as_bytes();
        let mut rows = Vec::new();
        while let Some(row) = row(&mut file).unwrap() {
            rows.push(row);
        }
        assert_eq!(rows, [vec!["a", "b"], vec!["x,\"y\"\n", ""], vec!["", "z"]]);
    }
}
