//! Where the web client's files are: in the program, or in a folder.

use std::path::PathBuf;

use bytes::Bytes;

use crate::config::Config;

include!(concat!(env!("OUT_DIR"), "/web_files.rs"));

/// A source of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::edge) enum Files {
    /// What the build took in.
    Program,
    /// Read anew for each request, so that a new build of the client is there at once.
    Folder(PathBuf),
}

impl Files {
    /// The folder that the configuration names, else what this build has.
    pub(in crate::edge) fn of(config: &Config) -> Self {
        let folder = config.web_dir.clone().or_else(|| FOLDER.map(PathBuf::from));
        folder.map_or(Self::Program, Self::Folder)
    }

    /// The content of a file, whose path has been judged by [`super::is_plain`].
    pub(super) async fn read(&self, path: &str) -> Option<Bytes> {
        match self {
            Self::Program => {
                let index = EMBEDDED.binary_search_by_key(&path, |(path, _)| path).ok()?;
                Some(Bytes::from_static(EMBEDDED[index].1))
            }
            Self::Folder(folder) => tokio::fs::read(folder.join(path)).await.ok().map(Bytes::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{is_plain, table};
    use super::*;

    /// Whatever this build took in can be asked for.
    #[tokio::test]
    async fn the_programs_files_are_sorted_and_have_plain_paths() {
        assert!(EMBEDDED.is_sorted_by_key(|(path, _)| path));
        for (path, content) in EMBEDDED {
            assert!(is_plain(path), "{path}");
            assert_eq!(Files::Program.read(path).await.as_deref(), Some(*content), "{path}");
        }
        assert!(EMBEDDED.is_empty() || Files::Program.read("index.html").await.is_some(), "a client has a page");
        assert_eq!(Files::Program.read("nothing").await, None);
    }

    #[test]
    fn the_table_names_every_file_once_and_none_without_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("assets")).unwrap();
        for file in ["index.html", "assets/b.js", "assets/a.js", "assets/a.js.br", ".vite"] {
            std::fs::write(dir.path().join(file), "x").unwrap();
        }
        let source = table::source(dir.path()).unwrap();
        let paths: Vec<_> = source.lines().filter_map(|line| line.split('"').nth(1)).collect();
        assert_eq!(paths, ["assets/a.js", "assets/a.js.br", "assets/b.js", "index.html"]);
        assert!(
            source.contains(&format!("include_bytes!({:?})", dir.path().canonicalize().unwrap().join("index.html")))
        );
        assert_eq!(table::source(&dir.path().join("absent")).unwrap(), "&[\n]");
    }
}
